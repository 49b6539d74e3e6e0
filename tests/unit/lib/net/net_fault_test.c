// SPDX-License-Identifier: GPL-3.0-only
// The link and the store's client when a call in them fails: every one is survived, and nothing is
// lost or leaked on the way out.
#include "fault.h"
#include "net/amqp.h"
#include "net/swift.h"
#include "net/swift_async.h"
#include "server.h"

static struct amqp_settings broker;
static struct swift_settings store;
static char *storage_url;
static const char *file;
static json_t *headers;

static void on_delivery(struct amqp_link *link, struct amqp_delivery *delivery, void *userdata)
{
    *(int *)userdata = amqp_link_ack(link, delivery->tag, NULL);
}

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag _unused_,
                       enum amqp_outcome outcome _unused_, void *userdata _unused_)
{
}

static int use_queue(struct amqp_link *link, struct error *err)
{
    struct amqp_publication p = {.exchange = "",
                                 .routing_key = "q",
                                 .body = "body",
                                 .body_len = 4,
                                 .headers = headers,
                                 .message_id = "m",
                                 .correlation_id = "c"};
    _cleanup_(amqp_delivery_release) struct amqp_delivery d = {0};
    _cleanup_free_ char *name = NULL;
    uint64_t tag;
    bool empty;
    int r = amqp_link_declare_queue(link, "q", 0, headers, &name, err);

    if (r == 0)
        r = amqp_link_publish(link, &p, &tag, err);
    if (r == 0)
        r = amqp_link_publish_confirmed(link, &p, err);
    if (r == 0)
        r = amqp_link_get(link, "q", &d, &empty, err);
    if (r == 0)
        r = amqp_link_bind(link, "q", "e", "", headers, err);
    if (r == 0)
        r = amqp_link_consume(link, "q", "me", false, false, err);
    if (r == 0)
        r = amqp_link_delete_queue(link, "q", err);
    return r;
}

static int use_broker(struct error *err)
{
    int acked = 0;
    struct amqp_handlers handlers = {
        .on_delivery = on_delivery, .on_outcome = on_outcome, .userdata = &acked};
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int r = amqp_link_open(&broker, "test", &handlers, NULL, &link, err);

    if (r == 0)
        r = use_queue(link, err);
    if (r == 0)
        r = amqp_link_dispatch(link, err);
    if (r == 0 && acked < 0)
        r = error_set(err, acked, "not acknowledged");
    return r;
}

TEST(a_link_survives_lack_of_memory)
{
    _cleanup_(server_stop) struct server server =
        server_start("tests/unit/lib/net/fake_broker.py", "0");

    broker = (struct amqp_settings){.port = (uint16_t)server.port,
                                    .user = strdup("u"),
                                    .password = strdup("secret"),
                                    .vhost = strdup("/"),
                                    .timeout_us = 180000000};
    ck_assert_int_eq(strv_add(&broker.hosts, "127.0.0.1"), 0);
    headers = json_pack("{s:s, s:i}", "worker", "w", "n", 1);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, use_broker);
    fault_try_each(FAULT_IO | FAULT_FILE, EIO, FAULT_TOLERATED, use_broker);
    json_decref(headers);
    amqp_settings_release(&broker);
}

static int use_objects(struct swift *swift, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_buf_ struct buf content = BUF_INIT(1000);
    bool exists;
    int r = swift_ensure_container(swift, "c", ".r:*", err);

    if (r == 0)
        r = swift_put_file(swift, "c", "o", file, NULL, err);
    if (r == 0)
        r = swift_head(swift, "c", "absent", &exists, err);
    if (r == 0)
        r = swift_get(swift, "c", "o", &content, err);
    if (r == 0)
        r = swift_list(swift, "c", "o", "/", NULL, 10, &names, err);
    if (r == 0)
        r = swift_delete(swift, "c", "o", err);
    return r;
}

static int use_store(struct error *err)
{
    _cleanup_(swift_freep) struct swift *swift = NULL;
    int r = swift_new(&store, &swift, err);

    return r == 0 ? use_objects(swift, err) : r;
}

TEST(a_store_client_survives_lack_of_memory_and_bad_files)
{
    _cleanup_(server_stop) struct server server =
        server_start("tests/unit/lib/net/fake_store.py", "");
    FILE *f;

    (void)unsetenv("http_proxy");
    file = test_path(test_dir(), "file");
    f = fopen(file, "we");
    ck_assert_int_ge(fputs("content", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    store = (struct swift_settings){.username = strdup("u"), .password = strdup("secret")};
    store.auth_url = str_format("http://127.0.0.1:%u/auth/v1.0", server.port);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, use_store);
    fault_try_each(FAULT_IO | FAULT_FILE, EIO, FAULT_TOLERATED, use_store);
    free(store.auth_url);
    store.auth_url = str_format("http://127.0.0.1:%u/v3", server.port);
    store.project_name = strdup("p");
    store.project_domain_name = strdup("d");
    store.region = strdup("two");
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, use_store);
    swift_settings_release(&store);
}

// ---- the same in an event loop

struct ended {
    bool done;
    int r;
    struct error *err;
};

static int begin(const struct http_response *head, void *userdata)
{
    (void)head;
    (void)userdata;
    return 0;
}

static int take(const void *bytes, size_t len, void *userdata)
{
    (void)bytes;
    (void)len;
    (void)userdata;
    return 0;
}

static void on_end(int r, const struct http_response *answer, const struct error *why,
                   void *userdata)
{
    struct ended *ended = userdata;

    (void)answer;
    ended->done = true;
    ended->r = r < 0 ? error_set(ended->err, r, "%s", error_message(why)) : 0;
}

static int read_object(struct swift_async *swift, sd_event *event, struct error *err)
{
    static const struct http_sink sink = {begin, take};
    const struct swift_async_request request = {
        .container = "c", .object = "o", .as_account = true, .body_max = 1000, .sink = &sink};
    struct swift_async_call *call = NULL;
    struct ended ended = {.err = err};
    int r = swift_async_change(swift, storage_url, &store, err);

    if (r == 0)
        r = swift_async_start(swift, &request, on_end, &ended, &call, err);
    while (r == 0 && !ended.done)
        r = sd_event_run(event, UINT64_MAX) < 0 ? error_set(err, -EIO, "the loop ends") : 0;
    if (r < 0 && call && !ended.done)
        swift_async_cancel(call);
    return r < 0 ? r : ended.r;
}

static int use_loop(struct error *err)
{
    struct http_async *http = NULL;
    struct swift_async *swift = NULL;
    sd_event *event = NULL;
    int r = sd_event_new(&event);

    r = r < 0 ? error_errno(err, r, "no loop") : http_async_new(event, "test/1", &http, err);
    if (r == 0)
        r = swift_async_new(http, "http://127.0.0.1:1/v1", &store, &swift, err);
    if (r == 0)
        r = read_object(swift, event, err);
    http_async_free(http);
    swift_async_free(swift);
    (void)sd_event_unref(event);
    return r;
}

TEST(reading_a_store_in_a_loop_survives_lack_of_memory)
{
    _cleanup_(server_stop) struct server server =
        server_start("tests/unit/lib/net/fake_store.py", "");
    struct swift *swift = NULL;

    (void)unsetenv("http_proxy");
    store = (struct swift_settings){.username = strdup("u"), .password = strdup("secret")};
    store.auth_url = str_format("http://127.0.0.1:%u/v3", server.port);
    store.project_name = strdup("p");
    store.project_domain_name = strdup("d");
    store.region = strdup("two");
    storage_url = str_format("http://127.0.0.1:%u/v1", server.port);
    ck_assert_int_eq(swift_new(&store, &swift, NULL), 0);
    ck_assert_int_eq(swift_ensure_container(swift, "c", NULL, NULL), 0);
    ck_assert_int_eq(swift_put(swift, "c", "o", "x", 1, NULL, NULL), 0);
    swift_free(swift);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, use_loop);
    free(storage_url);
    swift_settings_release(&store);
}
