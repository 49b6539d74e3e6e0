// SPDX-License-Identifier: GPL-3.0-only
// Input: the headers of a claim, as JSON. A request in hand is given up only for a better claim of
// the same request by another worker.
#include "worker/claim.h"

#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char run_id[] = "20260102_030405_abcde@", origin[] = "debci-noble-amd64";
static char lease_key[] = "cloud/0/local-amd64-1", in_hand[] = "u", spooled[] = "v";

static void fill(struct worker *w, struct pick_queue *queue, struct parcel *parcel)
{
    *queue = (struct pick_queue){.name = origin};
    *parcel = (struct parcel){
        .state = LIFE_SPOOLED, .run_id = run_id, .uuid = spooled, .queue = origin, .since_us = 5};
    *w = (struct worker){
        .lease_key = lease_key,
        .pick = {.queues = queue, .len = 1},
        .job = {.state = LIFE_RUNNING, .run_id = run_id, .since_us = 5},
        .courier = {.first = parcel},
    };
    w->job.request.uuid = in_hand;
}

// May this message make us give up what has that uuid?
static bool may_yield(const json_t *headers, const char *uuid)
{
    json_int_t rank = json_integer_value(json_object_get(headers, "rank"));

    return str_equal(json_text(headers, "uuid"), uuid) &&
           str_equal(json_text(headers, "queue"), origin) &&
           !str_equal(json_text(headers, "worker"), "") &&
           !str_equal(json_text(headers, "worker"), lease_key) && rank >= CLAIM_ASKING &&
           rank <= CLAIM_STORED;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_json_ json_t *headers = NULL;
    struct amqp_delivery delivery = {0};
    struct pick_queue queue;
    struct parcel parcel;
    struct worker w;

    if (json_parse(size ? (const char *)bytes : "", size, "headers", &headers, NULL) < 0 ||
        !json_is_object(headers))
        return 0;
    fill(&w, &queue, &parcel);
    delivery.headers = headers;
    claim_receive(&w, &delivery);
    if ((w.job.yielded && !may_yield(headers, in_hand)) ||
        (parcel.yielded && !may_yield(headers, spooled)))
        abort();
    strv_release(&w.finished);
    return 0;
}
