// SPDX-License-Identifier: GPL-3.0-only
// What a monitoring system scrapes: Prometheus' text format 0.0.4. Names and labels are described
// in docs/reference/metrics.md; alert rules and dashboards use them.
#include "adt/names.h"
#include "base/clock.h"
#include "web/body.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/statistics.h"
#include "web/web.h"

static int add_head(struct buf *b, const char *name, const char *type, const char *help)
{
    return buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

// Names of releases and architectures need no escaping (settings.c, names.h); those in the database
// were checked when they came in.
static int add_queues(struct buf *b, const json_t *lengths)
{
    int r = add_head(b, "autopkgtest_queue_requests", "gauge", "Requests that wait.");

    for (int c = 0; c < CONTEXT_COUNT; c++) {
        const char *context = queue_context_name((enum queue_context)c), *release, *arch;
        json_t *archs, *n;

        json_object_foreach (json_object_get(lengths, context), release, archs) {
            json_object_foreach (archs, arch, n) {
                if (r == 0 && json_is_integer(n)) // else it does not answer
                    r = buf_addf(b,
                                 "autopkgtest_queue_requests{context=\"%s\",release=\"%s\","
                                 "arch=\"%s\"} %lld\n",
                                 context, release, arch, (long long)json_integer_value(n));
            }
        }
    }
    return r;
}

static int add_running(struct buf *b, struct exchange *x)
{
    const struct web_settings *s = &x->web->settings;
    int r = add_head(b, "autopkgtest_running_tests", "gauge", "Tests that run.");

    STRV_FOREACH (release, &s->releases)
        STRV_FOREACH (arch, &s->architectures) {
            const struct running_filter here = {.release = release, .arch = arch};

            if (r == 0)
                r = buf_addf(b, "autopkgtest_running_tests{release=\"%s\",arch=\"%s\"} %zu\n",
                             release, arch, running_count(broker_running(x->web->broker), &here));
        }
    return r;
}

static int add_verdicts(struct buf *b, const json_t *test)
{
    static const char *const verdicts[] = {"pass",    "fail",  "neutral",  "denylisted",
                                           "tmpfail", "error", "otherfail"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(verdicts) && r == 0; i++)
        r = buf_addf(b, "autopkgtest_results{release=\"%s\",arch=\"%s\",verdict=\"%s\"} %lld\n",
                     json_text(test, "release"), json_text(test, "arch"), verdicts[i],
                     (long long)json_integer_value(json_object_get(test, verdicts[i])));
    return r;
}

static int add_results(struct buf *b, struct exchange *x)
{
    const json_t *statistics = NULL;
    size_t i;
    json_t *test;
    int r;

    if (statistics_get(x->web, &statistics, NULL) < 0)
        return add_head(b, "autopkgtest_database_up", "gauge", "Whether the results can be read.") <
                       0
                   ? -ENOMEM
                   : buf_add_str(b, "autopkgtest_database_up 0\n");
    r = add_head(b, "autopkgtest_database_up", "gauge", "Whether the results can be read.");
    if (r == 0)
        r = buf_add_str(b, "autopkgtest_database_up 1\n");
    if (r == 0)
        r = add_head(b, "autopkgtest_results", "gauge", "Results of the last 30 days.");
    json_array_foreach (json_object_get(statistics, "tests"), i, test) {
        if (r == 0)
            r = add_verdicts(b, test);
    }
    if (r == 0)
        r = add_head(b, "autopkgtest_duration_mean_seconds", "gauge",
                     "Mean duration of the runs of the last 30 days.");
    json_array_foreach (json_object_get(statistics, "tests"), i, test) {
        if (r == 0)
            r = buf_addf(b, "autopkgtest_duration_mean_seconds{release=\"%s\",arch=\"%s\"} %lld\n",
                         json_text(test, "release"), json_text(test, "arch"),
                         (long long)json_integer_value(json_object_get(test, "mean_s")));
    }
    return r;
}

// One that keeps results elsewhere, and asks another unit, says nothing of it: that one does.
static int add_store(struct buf *b, struct web *web)
{
    static const char *const readers[] = {"anybody", "account"};
    int r = add_head(b, "autopkgtest_store_up", "gauge",
                     "Whether the store of results serves this reader.");

    for (int i = READER_ANYBODY; i <= READER_ACCOUNT && r == 0; i++) {
        int up = stored_is_up(web, (enum stored_reader)i);

        if (up >= 0)
            r = buf_addf(b, "autopkgtest_store_up{reader=\"%s\"} %d\n", readers[i], up);
    }
    return r;
}

static int add_seconds(struct buf *b, const char *name, const char *help, uint64_t us)
{
    int r = add_head(b, name, "gauge", help);

    return r < 0 ? r : buf_addf(b, "%s %.6f\n", name, (double)us / USEC_PER_SEC);
}

static int add_look(struct buf *b, const struct broker *broker)
{
    struct broker_cost cost;

    broker_look_cost(broker, &cost);
    if (add_seconds(b, "autopkgtest_queue_look_seconds",
                    "How long the last look at waiting requests took.", cost.took_us) < 0 ||
        add_seconds(b, "autopkgtest_queue_look_held_seconds",
                    "How long queues were without their first request for it, all added up.",
                    cost.held_us) < 0)
        return -ENOMEM;
    return add_seconds(b, "autopkgtest_queue_look_longest_seconds",
                       "The longest time in which one queue was without its first request.",
                       cost.longest_us);
}

static int add_held(struct buf *b)
{
    int r = add_head(b, "autopkgtest_web_held_bytes", "gauge",
                     "Answers in memory that are kept, or that clients have not taken yet.");

    return r < 0 ? r : buf_addf(b, "autopkgtest_web_held_bytes %zu\n", body_bytes_held());
}

int page_metrics(struct exchange *x, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const json_t *lengths = NULL;
    int r = broker_look(x->web->broker, QUEUE_LENGTHS, x, &lengths);

    if (r != 0)
        return r < 0 ? error_oom(err) : r;
    if (add_head(&text, "autopkgtest_broker_up", "gauge", "Whether the broker answers.") < 0 ||
        buf_addf(&text, "autopkgtest_broker_up %d\n", broker_is_up(x->web->broker, NULL)) < 0 ||
        add_store(&text, x->web) < 0 || add_queues(&text, lengths) < 0 ||
        add_look(&text, x->web->broker) < 0 || add_running(&text, x) < 0 ||
        add_results(&text, x) < 0 || add_held(&text) < 0 ||
        exchange_add_header(x, "Cache-Control", "no-store") < 0 ||
        exchange_answer_buf(x, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &text) < 0)
        return error_oom(err);
    return 0;
}
