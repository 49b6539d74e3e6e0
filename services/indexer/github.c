// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/github.h"

#include "adt/database_status.h"
#include "adt/github.h"
#include "adt/names.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/http_async.h"

#define BODY_MAX ((size_t)16 * 1024)
#define ANSWER_MAX ((size_t)256 * 1024)
#define TIMEOUT_US (30 * USEC_PER_SEC)
#define FIRST_WAIT_US (10 * USEC_PER_SEC)
#define LONGEST_WAIT_US (3600 * USEC_PER_SEC)
#define GIVEN_UP_US ((int64_t)(24 * 3600 * USEC_PER_SEC))
#define DATABASE_RETRY_US (30 * USEC_PER_SEC)

// ---- into the outbox

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

int github_note_result(struct database *db, const struct web_settings *settings,
                       const struct test_complete *done, struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BODY_MAX);
    _cleanup_free_ char *url = NULL, *testname = NULL, *target = NULL;
    struct github_status status = {
        .state = github_state_of(done->exitcode), .release = done->release, .arch = done->arch};

    // Only requests of our own webhook have such a requester: nobody else speaks for a commit.
    if (!settings->github_credentials_file || !done->requester ||
        !str_starts_with(done->requester, "github:"))
        return 0;
    url = github_env_value(done->env, GITHUB_STATUSES_VARIABLE);
    if (!url || !github_statuses_url_is_valid(settings->github_api_url, url))
        return 0;
    testname = github_env_value(done->env, "testname");
    target = log_url(settings, done);
    if (!target)
        return error_oom(err);
    status.testname = testname;
    status.description = describe(status.state);
    status.target_url = target;
    if (github_status_format(&status, &body) < 0)
        return error_oom(err);
    return database_add_status(db, url, buf_str(&body), (int64_t)clock_realtime_us(), err);
}

int github_note_event(struct database *db, const struct web_settings *settings,
                      const struct request_event *event, struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BODY_MAX);
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

    if ((!queued && event->state != EVENT_CANCELLED) || !settings->github_credentials_file ||
        !github_statuses_url_is_valid(settings->github_api_url, event->statuses_url))
        return 0;
    if (!target || github_status_format(&status, &body) < 0)
        return error_oom(err);
    return database_add_status(db, event->statuses_url, buf_str(&body), event->time_us, err);
}

// ---- and out of it

struct sending {
    struct github_sender *sender;
    struct outgoing_status status; // id 0: none
};

struct github_sender {
    struct database *db;
    const struct web_settings *settings;
    struct http_async *http;
    sd_event_source *timer;
    struct sending sending[DATABASE_STATUS_BUSY]; // on their way, of different commits
};

static void set_timer(struct github_sender *s, uint64_t wait_us)
{
    (void)sd_event_source_set_time(s->timer, clock_monotonic_us() + wait_us);
    (void)sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static uint64_t backoff(int64_t attempts)
{
    uint64_t wait = FIRST_WAIT_US << (attempts < 9 ? attempts : 9);

    return wait < LONGEST_WAIT_US ? wait : LONGEST_WAIT_US;
}

// Whether it is to be sent again, and after how long.
static bool is_temporary(int r, const struct http_response *response, int64_t attempts, int64_t now,
                         uint64_t *ret_wait_us)
{
    const char *after, *left;
    uint64_t least;

    *ret_wait_us = backoff(attempts);
    if (r < 0)
        return true;
    after = http_response_header(response, "retry-after");
    left = http_response_header(response, "x-ratelimit-remaining");
    least = github_answer_wait_us(after, left, http_response_header(response, "x-ratelimit-reset"),
                                  (uint64_t)now);
    if (least > *ret_wait_us)
        *ret_wait_us = least;
    return github_answer_is_temporary(response->status, after, left);
}

static int settle(const struct sending *sending, int r, const struct http_response *response,
                  const char *why, struct error *err)
{
    const struct outgoing_status *status = &sending->status;
    struct database *db = sending->sender->db;
    int64_t now = (int64_t)clock_realtime_us();
    bool taken = r == 0 && response->status >= 200 && response->status < 300;
    bool late = now - status->made_us > GIVEN_UP_US;
    uint64_t wait = 0;

    if (taken)
        return database_end_status(db, status, err);
    if (!is_temporary(r, response, status->attempts, now, &wait) || late) {
        log_error("a commit's status is given up: %s: %s", status->url, why);
        return database_end_status(db, status, err);
    }
    log_warning("a commit's status will be sent again: %s: %s", status->url, why);
    return database_delay_status(db, status, now + (int64_t)wait, err);
}

static void on_answer(int r, const struct http_response *response, const struct error *why,
                      void *userdata)
{
    struct sending *sending = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *status = str_format("GitHub answers with status %ld", response->status);
    const char *said = r < 0 ? error_message(why) : status ? status : "";
    uint64_t wait = 0;

    if (r != -ECANCELED && settle(sending, r, response, said, &err) < 0) {
        log_error("%s", error_message(&err));
        wait = DATABASE_RETRY_US;
    }
    outgoing_status_release(&sending->status);
    if (r != -ECANCELED)
        set_timer(sending->sender, wait);
}

static int send_status(struct sending *sending, struct error *err)
{
    struct github_sender *s = sending->sender;
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_free_ char *credentials = github_credentials(s->settings->github_credentials_file);
    const struct http_request request = {.method = "POST",
                                         .url = sending->status.url,
                                         .headers = &headers,
                                         .body = sending->status.body,
                                         .body_len = strlen(sending->status.body),
                                         .connect_timeout_us = TIMEOUT_US,
                                         .idle_timeout_us = TIMEOUT_US};

    if (!credentials)
        return error_set(err, -ENOENT, "there are no credentials for GitHub");
    if (strv_take(&headers, github_authorization(credentials)) < 0 ||
        strv_add(&headers, "Accept: application/vnd.github+json") < 0 ||
        strv_add(&headers, "Content-Type: application/json") < 0)
        return error_oom(err);
    return http_async_start(s->http, &request, ANSWER_MAX, on_answer, sending, err);
}

// NULL: as many are on their way as may be.
static struct sending *free_place(struct github_sender *s, const char *busy[DATABASE_STATUS_BUSY])
{
    struct sending *place = NULL;

    for (size_t i = 0; i < DATABASE_STATUS_BUSY; i++) {
        busy[i] = s->sending[i].status.url;
        if (s->sending[i].status.id == 0)
            place = &s->sending[i];
    }
    return place;
}

static int on_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    struct github_sender *s = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *busy[DATABASE_STATUS_BUSY];
    struct sending *place;
    int r = 0;

    while (r == 0 && (place = free_place(s, busy))) {
        int64_t now_us = (int64_t)clock_realtime_us(), next_us = INT64_MAX;

        r = database_next_status(s->db, now_us, busy, &place->status, &next_us, &err);
        if (r == -ENOENT) {
            if (next_us != INT64_MAX)
                set_timer(s, (uint64_t)(next_us - now_us));
            return 0;
        }
        if (r == 0)
            r = send_status(place, &err);
    }
    if (r < 0) {
        log_error("a commit's status cannot be sent: %s", error_message(&err));
        outgoing_status_release(&place->status);
        set_timer(s, DATABASE_RETRY_US);
    }
    return 0;
}

int github_sender_new(sd_event *event, struct database *db, const struct web_settings *settings,
                      struct github_sender **ret, struct error *err)
{
    struct github_sender *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return error_oom(err);
    s->db = db;
    s->settings = settings;
    for (size_t i = 0; i < DATABASE_STATUS_BUSY; i++)
        s->sending[i].sender = s;
    r = http_async_new(event, "autopkgtest-cloud/" VERSION, &s->http, err);
    if (r == 0 && (r = sd_event_add_time(event, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s)) < 0)
        (void)error_errno(err, r, "cannot watch a timer");
    if (r < 0) {
        github_sender_free(s);
        return r;
    }
    *ret = s; // the timer is due at once: what an earlier life has left
    return 0;
}

void github_sender_free(struct github_sender *s)
{
    if (!s)
        return;
    http_async_free(s->http);
    (void)sd_event_source_disable_unref(s->timer);
    for (size_t i = 0; i < DATABASE_STATUS_BUSY; i++)
        outgoing_status_release(&s->sending[i].status);
    free(s);
}

void github_sender_touch(struct github_sender *s)
{
    set_timer(s, 0);
}
