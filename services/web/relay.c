// SPDX-License-Identifier: GPL-3.0-only
#include "web/relay.h"

#include "base/parse.h"
#include "web/web.h"

#include <ctype.h>

#define WAITING_MAX ((size_t)256 * 1024)
#define BLOCK ((size_t)64 * 1024)
#define NAME_MAX_BYTES ((size_t)40) // of a header

void relay_init(struct relay *relay, struct exchange *x, void (*go_on)(void *),
                void (*release)(void *), void *userdata)
{
    *relay = (struct relay){
        .web = x->web,
        // What relay_take() lets in, and one piece more.
        .outlet = {.connection = x->connection, .waiting = BUF_INIT(BUF_OWN_MAX)},
        .go_on = go_on,
        .release = release,
        .userdata = userdata,
    };
}

void relay_release(struct relay *relay)
{
    buf_release(&relay->outlet.waiting);
}

// ---- the client's side

static ssize_t read_on(void *userdata, uint64_t position _unused_, char *bytes, size_t max)
{
    struct relay *relay = userdata;
    ssize_t n = outlet_read(&relay->outlet, bytes, max);

    if (n > 0 && relay->paused && relay->outlet.waiting.len <= WAITING_MAX / 2) {
        relay->paused = false;
        relay->go_on(relay->userdata);
    }
    return n;
}

static void release(void *userdata)
{
    const struct relay *relay = userdata;

    relay->release(relay->userdata);
}

static void wake(struct relay *relay)
{
    if (outlet_wake(&relay->outlet))
        web_run_http(relay->web);
}

int relay_answer(struct relay *relay, struct exchange *x, const struct http_response *head)
{
    const char *text = http_response_header(head, "content-length");
    bool has_body = head->status == MHD_HTTP_OK || head->status == MHD_HTTP_PARTIAL_CONTENT;
    uint64_t size = has_body ? MHD_SIZE_UNKNOWN : 0;
    struct MHD_Response *response;

    if (has_body && text && parse_uint(text, 0, UINT64_MAX - 1, &size, NULL) < 0)
        size = MHD_SIZE_UNKNOWN;
    response = MHD_create_response_from_callback(size, BLOCK, read_on, relay, release);
    if (!response)
        return -ENOMEM;
    relay->answered = true;
    relay->outlet.broken = exchange_answer(x, (unsigned)head->status, response) < 0; // it has it
    return 0;
}

// ---- the sender's side

int relay_take(struct relay *relay, const void *bytes, size_t len)
{
    int r;

    if (relay->outlet.waiting.len >= WAITING_MAX) {
        relay->paused = true;
        return -EAGAIN;
    }
    r = buf_add(&relay->outlet.waiting, bytes, len);
    if (r == 0)
        wake(relay);
    return r;
}

void relay_end(struct relay *relay, bool broken)
{
    relay->outlet.broken |= broken;
    relay->outlet.ended = true;
    wake(relay);
}

// ---- headers

int relay_copy_headers(struct exchange *x, const struct http_response *head,
                       const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char lower[NAME_MAX_BYTES] = "";
        const char *value;

        for (size_t c = 0; names[i][c] && c < sizeof(lower) - 1; c++)
            lower[c] = (char)tolower((unsigned char)names[i][c]);
        value = http_response_header(head, lower);
        if (value && exchange_add_header(x, names[i], value) == -ENOMEM)
            return -ENOMEM;
    }
    return 0;
}

int relay_ask_with(const struct exchange *x, const char *const *names, size_t n,
                   struct strv *headers)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = exchange_header(x, names[i]);

        if (!str_empty(value) && strv_addf(headers, "%s: %s", names[i], value) < 0)
            return -ENOMEM;
    }
    return 0;
}
