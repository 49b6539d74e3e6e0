// SPDX-License-Identifier: GPL-3.0-only
#include "worker/claim.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <time.h>

#define FINISHED_MAX 200          // remembered
#define FINISHED_FILE ".finished" // in work/NAME: lines TIME UUID QUEUE
// In memory a line has a mark before it: '?' when it may have been acknowledged in vain.
#define FORGETTING_S 10 // how much of the last a killed broker may forget
#define TIME_LEN strlen("20260101_000000")

bool claim_beats(const struct claim *a, const struct claim *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    if (a->since_us != b->since_us)
        return a->since_us < b->since_us;
    return strcmp(a->worker, b->worker) < 0;
}

bool claim_is_of_finished(const struct claim *claim, const char *finished, bool suspect)
{
    // It was taken before we had finished: both came from the same message.
    if (strncmp(finished, claim->run_id, TIME_LEN) >= 0)
        return true;
    return claim->redelivered && suspect;
}

static char *format_time(uint64_t realtime_us)
{
    time_t seconds = (time_t)(realtime_us / USEC_PER_SEC);
    struct tm tm;

    if (!gmtime_r(&seconds, &tm))
        return NULL;
    return str_format("%04d%02d%02d_%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

// ---------------------------------------------------------------- what is finished

static char *finished_path(const struct worker *w)
{
    return str_format("%s/%s/" FINISHED_FILE, w->settings.work_dir, w->settings.name);
}

static void drop_oldest(struct strv *v)
{
    free(v->items[0]);
    memmove(v->items, v->items + 1, v->len * sizeof *v->items); // with the NULL at the end
    v->len--;
}

int claim_load(struct worker *w, struct error *err)
{
    _cleanup_free_ char *path = finished_path(w), *kept = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT((size_t)16 * 1024 * 1024);
    _cleanup_strv_ struct strv lines = STRV_INIT;
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);
    int r = 0;

    if (!path)
        return error_oom(err);
    if (file_read(path, &text, NULL) < 0) // none yet
        return 0;
    if (strv_split(&lines, buf_str(&text), "\n") < 0)
        return error_oom(err);
    while (lines.len > FINISHED_MAX)
        drop_oldest(&lines);
    for (size_t i = 0; r == 0 && i < lines.len; i++)
        r = strv_addf(&w->finished, "?%s", lines.items[i]);
    if (r < 0)
        return error_oom(err);
    kept = strv_join(&lines, "\n");
    if (!kept)
        return error_oom(err);
    // With the newline that the next line needs before it; what fails here only makes it longer.
    (void)file_replace(path, kept, strlen(kept), &attributes, NULL, NULL);
    return 0;
}

void claim_finished(struct worker *w, const char *uuid, const char *queue)
{
    _cleanup_free_ char *path = finished_path(w);
    _cleanup_free_ char *now = format_time(clock_realtime_us());
    _cleanup_free_ char *line = NULL;
    _cleanup_close_ int fd = -1;

    if (str_empty(uuid) || !path || !now || !(line = str_format("\n%s %s %s", now, uuid, queue)))
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd >= 0)
        (void)fd_write_all(fd, line, strlen(line));
    if (w->finished.len >= FINISHED_MAX)
        drop_oldest(&w->finished);
    line[0] = ' ';
    (void)strv_add(&w->finished, line);
}

void claim_link_lost(struct worker *w)
{
    _cleanup_free_ char *recent = format_time(clock_realtime_us() - FORGETTING_S * USEC_PER_SEC);

    for (size_t i = 0; recent && i < w->finished.len; i++)
        if (strncmp(w->finished.items[i] + 1, recent, TIME_LEN) >= 0)
            w->finished.items[i][0] = '?';
}

// The line of that request; NULL: not finished here.
static const char *find_finished(const struct worker *w, const struct claim *claim)
{
    _cleanup_free_ char *words = str_format(" %s %s", claim->uuid, claim->queue);

    for (size_t i = w->finished.len; words && i > 0; i--) {
        const char *line = w->finished.items[i - 1];

        if (strlen(line) > 1 + TIME_LEN && str_equal(line + 1 + TIME_LEN, words) &&
            claim_is_of_finished(claim, line + 1, line[0] == '?'))
            return line;
    }
    return NULL;
}

// ---------------------------------------------------------------- what is in hand

static bool job_claim(const struct worker *w, struct claim *ret)
{
    const struct job *job = &w->job;
    enum claim_rank rank;

    if (job->yielded || !life_is_leased(job->state) || job->state == LIFE_RETURNING)
        return false;
    if (job->state == LIFE_CHECKING)
        rank = CLAIM_ASKING;
    else
        rank = job->state == LIFE_STORED ? CLAIM_STORED : CLAIM_RUNNING;
    *ret = (struct claim){
        .uuid = job->request.uuid,
        .queue = w->pick.queues[job->queue].name,
        .run_id = job->run_id,
        .worker = w->lease_key,
        .since_us = job->since_us,
        .rank = rank,
        .redelivered = job->redelivered,
    };
    return !str_empty(ret->uuid);
}

// While others may object, a result counts no more than a test that runs: an instant one shall not
// end a test of hours that somebody else began before.
static enum claim_rank parcel_rank(const struct parcel *parcel)
{
    if (parcel->state != LIFE_SPOOLED && parcel->state != LIFE_UPLOADING)
        return CLAIM_STORED;
    return clock_monotonic_us() < parcel->ask_until_us ? CLAIM_RUNNING : CLAIM_ENDED;
}

static bool parcel_claim(const struct worker *w, const struct parcel *parcel, struct claim *ret)
{
    if (parcel->yielded || parcel->state == LIFE_RETURNING)
        return false;
    *ret = (struct claim){
        .uuid = parcel->uuid,
        .queue = parcel->queue,
        .run_id = parcel->run_id,
        .worker = w->lease_key,
        .since_us = parcel->since_us,
        .rank = parcel_rank(parcel),
    };
    return !str_empty(ret->uuid);
}

static bool is_same(const struct claim *a, const struct claim *b)
{
    return str_equal(a->uuid, b->uuid) && str_equal(a->queue, b->queue);
}

// ---------------------------------------------------------------- telling others

int claim_open(struct worker *w, const char *queue, struct error *err)
{
    int r = amqp_link_declare_exchange(w->link, CLAIM_EXCHANGE, "fanout", 0, err);

    return r < 0 ? r : amqp_link_bind(w->link, queue, CLAIM_EXCHANGE, "", NULL, err);
}

static void publish(struct worker *w, const struct claim *claim)
{
    _cleanup_json_ json_t *headers = json_object();
    struct amqp_publication message = {
        .exchange = CLAIM_EXCHANGE, .routing_key = "", .body = "", .headers = headers};
    uint64_t tag;

    if (!w->link || !headers || json_put_string(headers, "uuid", claim->uuid) < 0 ||
        json_put_string(headers, "queue", claim->queue) < 0 ||
        json_put_string(headers, "run_id", claim->run_id) < 0 ||
        json_put_string(headers, "worker", claim->worker) < 0 ||
        json_put_int(headers, "since", claim->since_us) < 0 ||
        json_put_int(headers, "rank", claim->rank) < 0 ||
        json_put_int(headers, "finished", claim->finished) < 0 ||
        json_put_int(headers, "redelivered", claim->redelivered) < 0)
        return;
    // A link that fails here is found out by the next dispatch.
    (void)amqp_link_publish(w->link, &message, &tag, NULL);
}

static void yield_job(struct worker *w, const struct claim *to)
{
    static const char *const whys[] = {"waits to run it", "runs it", "has its result",
                                       "has stored its result"};

    log_info("run %s: yielding the request to worker %s, which %s (%s)", w->job.run_id, to->worker,
             whys[to->rank], to->run_id);
    w->job.yielded = true;
}

// Only one of the two may be here already: the job, of which this worker itself has a result.
static bool is_ours_already(const struct worker *w, const struct claim *claim)
{
    struct claim own;

    if (find_finished(w, claim))
        return true;
    for (const struct parcel *p = w->courier.first; p; p = p->next)
        if (parcel_claim(w, p, &own) && is_same(&own, claim))
            return true;
    return false;
}

void claim_job(struct worker *w)
{
    struct claim claim;

    if (!job_claim(w, &claim))
        return;
    if (w->job.doubtful && claim.rank == CLAIM_ASKING && is_ours_already(w, &claim)) {
        struct claim self = claim;

        self.rank = CLAIM_ENDED;
        yield_job(w, &self);
        return;
    }
    publish(w, &claim);
}

static void claim_line(struct worker *w, const char *line)
{
    _cleanup_free_ char *run_id = str_format("%.15s_00000@", line + 1);
    _cleanup_strv_ struct strv words = STRV_INIT;
    struct claim claim = {.worker = w->lease_key, .rank = CLAIM_STORED, .finished = true};

    if (!run_id || strv_split(&words, line + 1, " ") < 0 || words.len != 3)
        return;
    claim.run_id = run_id;
    claim.uuid = words.items[1];
    claim.queue = words.items[2];
    publish(w, &claim);
}

void claim_all(struct worker *w)
{
    struct claim claim;

    claim_job(w);
    for (const struct parcel *p = w->courier.first; p; p = p->next)
        if (parcel_claim(w, p, &claim))
            publish(w, &claim);
    STRV_FOREACH (line, &w->finished)
        if (line[0] == '?')
            claim_line(w, line);
}

// ---------------------------------------------------------------- hearing others

static bool read_claim(const struct amqp_delivery *delivery, struct claim *ret)
{
    const json_t *headers = delivery->headers;
    json_int_t rank = json_integer_value(json_object_get(headers, "rank"));

    *ret = (struct claim){
        .uuid = json_text(headers, "uuid"),
        .queue = json_text(headers, "queue"),
        .run_id = json_text(headers, "run_id"),
        .worker = json_text(headers, "worker"),
        .since_us = json_integer_value(json_object_get(headers, "since")),
        .rank = (enum claim_rank)rank,
        .finished = json_integer_value(json_object_get(headers, "finished")) != 0,
        .redelivered = json_integer_value(json_object_get(headers, "redelivered")) != 0,
    };
    return rank >= CLAIM_ASKING && rank <= CLAIM_STORED && !str_empty(ret->uuid) &&
           name_is_run_id(ret->run_id) && !str_empty(ret->worker);
}

static void hear_as_job(struct worker *w, const struct claim *theirs)
{
    struct claim own;

    if (!job_claim(w, &own) || !is_same(&own, theirs))
        return;
    if (theirs->finished && !claim_is_of_finished(&own, theirs->run_id, true))
        return;
    if (!claim_beats(theirs, &own))
        publish(w, &own);
    else if (own.rank != CLAIM_STORED)
        yield_job(w, theirs);
}

static void hear_as_parcel(struct worker *w, struct parcel *parcel, const struct claim *theirs)
{
    struct claim own;

    if (!parcel_claim(w, parcel, &own) || !is_same(&own, theirs))
        return;
    if (theirs->finished && !claim_is_of_finished(&own, theirs->run_id, true))
        return;
    if (!claim_beats(theirs, &own)) {
        publish(w, &own);
    } else if (own.rank != CLAIM_STORED) {
        log_info("run %s: worker %s has a result of the request (%s), ours is dropped",
                 parcel->run_id, theirs->worker, theirs->run_id);
        parcel->yielded = true;
    }
}

void claim_receive(struct worker *w, const struct amqp_delivery *delivery)
{
    struct claim theirs;
    const char *line;

    if (!read_claim(delivery, &theirs) || str_equal(theirs.worker, w->lease_key))
        return;
    hear_as_job(w, &theirs);
    for (struct parcel *p = w->courier.first; p; p = p->next)
        hear_as_parcel(w, p, &theirs);
    line = theirs.rank == CLAIM_STORED ? NULL : find_finished(w, &theirs);
    if (line)
        claim_line(w, line);
}
