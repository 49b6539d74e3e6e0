// SPDX-License-Identifier: GPL-3.0-only
#include "adt/github.h"
#include "base/clock.h"
#include "indexer/github.h"

#define BODY_MAX ((size_t)16 * 1024)

static char *log_url(const struct web_settings *s, const struct test_complete *done)
{
    _cleanup_free_ char *site = web_settings_url(s);

    return site ? str_format("%s/results/%s/%s/log.gz", site, done->container, done->swift_dir)
                : NULL;
}

static const char *describe(const char *state)
{
    return strcmp(state, "success") == 0   ? "autopkgtest passed"
           : strcmp(state, "failure") == 0 ? "autopkgtest failed"
                                           : "autopkgtest could not be run to its end";
}

static int fill(const char *url, const struct github_status *status, int64_t made_us,
                struct outbox_status *ret, struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BODY_MAX);
    struct outbox_status filled = {.made_us = made_us};

    if (status->target_url && github_status_format(status, &body) == 0) {
        filled.url = strdup(url);
        filled.body = strdup(buf_str(&body));
        filled.context = str_format("%s/%s %s", status->release, status->arch,
                                    status->testname ? status->testname : "");
    }
    if (!filled.url || !filled.body || !filled.context) {
        outbox_status_release(&filled);
        return error_oom(err);
    }
    *ret = filled;
    return 1;
}

int github_status_of_result(const struct web_settings *settings, const struct test_complete *done,
                            struct outbox_status *ret, struct error *err)
{
    _cleanup_free_ char *url = NULL, *testname = NULL, *target = NULL;
    struct github_status status = {
        .state = github_state_of(done->exitcode), .release = done->release, .arch = done->arch};

    // Only requests of our own webhook have such a requester: nobody else speaks for a commit.
    if (!done->requester || !str_starts_with(done->requester, "github:"))
        return 0;
    url = github_env_value(done->env, GITHUB_STATUSES_VARIABLE);
    if (!url || !github_statuses_url_is_valid(settings->github_api_url, url))
        return 0;
    testname = github_env_value(done->env, "testname");
    target = log_url(settings, done);
    status.testname = testname;
    status.description = describe(status.state);
    status.target_url = target;
    return fill(url, &status,
                done->announced_s > 0 ? done->announced_s * (int64_t)USEC_PER_SEC
                                      : (int64_t)clock_realtime_us(),
                ret, err);
}

int github_status_of_event(const struct web_settings *settings, const struct request_event *event,
                           struct outbox_status *ret, struct error *err)
{
    _cleanup_free_ char *site = web_settings_url(settings);
    _cleanup_free_ char *target = site ? str_format("%s/requests/%s", site, event->uuid) : NULL;
    bool queued = event->state == EVENT_QUEUED;
    const struct github_status status = {
        .state = queued ? GITHUB_PENDING : "error",
        .release = event->release,
        .arch = event->arch,
        .testname = *event->testname ? event->testname : NULL,
        .description = queued ? "autopkgtest is queued" : "autopkgtest was removed from its queue",
        .target_url = target};

    if ((!queued && event->state != EVENT_CANCELLED) ||
        !github_statuses_url_is_valid(settings->github_api_url, event->statuses_url))
        return 0;
    return fill(event->statuses_url, &status, event->time_us, ret, err);
}
