// SPDX-License-Identifier: GPL-3.0-only
// Publishes N completion messages as a worker would: `flood_bench N`, broker from
// $AUTOPKGTEST_CLOUD_CONFIG.
#include "adt/message.h"
#include "adt/settings.h"
#include "base/parse.h"

#include <inttypes.h>
#include <poll.h>

static uint64_t confirmed;

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag _unused_,
                       enum amqp_outcome outcome _unused_, void *userdata _unused_)
{
    confirmed++;
}

static int publish(struct amqp_link *link, uint64_t i, struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(4096);
    struct amqp_publication p = {
        .exchange = EXCHANGE_COMPLETE, .routing_key = "", .persistent = true};
    uint64_t tag;

    if (buf_addf(&body,
                 "{\"architecture\":\"amd64\",\"container\":\"autopkgtest-noble\",\"duration\":7,"
                 "\"env\":\"\",\"exitcode\":0,\"package\":\"pkg%" PRIu64 "\",\"release\":\"noble\","
                 "\"requester\":\"bench\",\"swift_dir\":\"noble/amd64/p/pkg%" PRIu64
                 "/20261123_%02" PRIu64 "%02" PRIu64 "%02" PRIu64 "_abc12@\","
                 "\"testpkg_version\":\"1.0-1\",\"triggers\":\"pkg/1.0-1\"}",
                 i % 5000, i % 5000, i / 3600 % 24, i / 60 % 60, i % 60) < 0)
        return error_oom(err);
    p.body = buf_str(&body);
    p.body_len = body.len;
    return amqp_link_publish(link, &p, &tag, err);
}

static int drain(struct amqp_link *link, uint64_t up_to, struct error *err)
{
    while (confirmed < up_to) {
        struct pollfd p = {.fd = amqp_link_fd(link), .events = POLLIN};
        int r;

        (void)poll(&p, 1, 1000);
        r = amqp_link_dispatch(link, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct amqp_handlers handlers = {.on_outcome = on_outcome};
    uint64_t i, n = 0;
    int r = argc == 2 ? parse_uint(argv[1], 1, 100000000, &n, &err) : -EINVAL;

    if (r == 0)
        r = settings_load_broker(settings_dir(), &settings, &err);
    if (r == 0)
        r = amqp_link_open(&settings, "flood", &handlers, NULL, &link, &err);
    for (i = 0; r == 0 && i < n; i++) {
        r = publish(link, i, &err);
        if (r == 0 && i % 1000 == 999)
            r = drain(link, i > 5000 ? i - 5000 : 0, &err);
    }
    if (r == 0)
        r = drain(link, n, &err);
    if (r < 0) {
        (void)fprintf(stderr, "flood_bench: %s\n", error_message(&err));
        return 1;
    }
    return 0;
}
