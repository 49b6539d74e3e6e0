// SPDX-License-Identifier: GPL-3.0-only
// What a real broker says of queues of either kind.
#include "adt/durable_queue.h"
#include "broker.h"
#include "data/json.h"

static bool is_there_with(struct amqp_link *link, const char *queue, const json_t *arguments)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    return amqp_link_declare_queue(link, queue, AMQP_DURABLE, arguments, NULL, &err) == 0;
}

TEST(queues_of_requests_have_no_arguments_and_our_own_are_classic)
{
    _cleanup_free_ char *requests = queue_name("requests"), *own = queue_name("own");
    _cleanup_json_ json_t *quorum = json_pack("{s:s}", AMQP_QUEUE_TYPE, "quorum");
    _cleanup_json_ json_t *ttl = json_pack("{s:i}", "x-message-ttl", 60000);
    struct amqp_link *link = broker_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(durable_queue_declare(link, requests, &err), &err);
    ASSERT_OK(durable_queue_declare_own(link, own, ttl, &err), &err);
    ck_assert(is_there_with(link, requests, NULL));
    ck_assert(is_there_with(link, own, ttl) && !is_there_with(link, own, quorum));
    ASSERT_OK(durable_queue_declare(link, own, &err), &err); // as it is
    drop_queue(link, requests);
    drop_queue(link, own);
    amqp_link_free(link);
}

TEST(a_queue_that_is_not_classic_does_not_keep_its_order)
{
    _cleanup_free_ char *queue = queue_name("kind");
    _cleanup_json_ json_t *quorum = json_pack("{s:s}", AMQP_QUEUE_TYPE, "quorum");
    _cleanup_json_ json_t *ttl = json_pack("{s:i}", "x-message-ttl", 60000);
    struct amqp_link *link = broker_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(durable_queue_keeps_order(link, queue, &err), -ENOENT);
    ck_assert_int_eq(amqp_link_inspect_queue(link, queue, NULL, NULL, &err), -ENOENT);
    ck_assert(is_there_with(link, queue, ttl)); // a TTL does not matter
    ck_assert_int_eq(durable_queue_keeps_order(link, queue, &err), 1);
    drop_queue(link, queue);
    ck_assert(is_there_with(link, queue, quorum));
    ck_assert_int_eq(durable_queue_keeps_order(link, queue, &err), 0);
    ASSERT_OK(durable_queue_declare(link, queue, &err), &err);
    ck_assert(is_there_with(link, queue, quorum));
    drop_queue(link, queue);
    amqp_link_free(link);
}
