// SPDX-License-Identifier: GPL-3.0-only
#include "worker/worker.h"

#include "base/log.h"

void worker_move(enum life *state, enum life to)
{
    enum life from = *state;

    if (!life_move(state, to)) {
        log_error("mistake in this program, please report it: a request cannot go from %s to %s",
                  life_name(from), life_name(to));
        *state = to;
    }
}

bool worker_may_take(const struct worker *w)
{
    return job_is_idle(&w->job) && w->stop_requests == 0 && !w->reload && !w->drained &&
           clock_monotonic_us() >= w->look_at_us && clock_monotonic_us() >= w->pause_until_us &&
           parcel_count(w->courier.first) < PARCELS_MAX;
}

bool job_is_private(const struct job *job)
{
    if (!job->unreadable)
        return request_is_private(&job->request);
    // Or one that hides these in an escape of JSON.
    return memmem(buf_str(&job->body), job->body.len, "swiftuser", 9) ||
           memchr(buf_str(&job->body), '@', job->body.len) ||
           memchr(buf_str(&job->body), '\\', job->body.len);
}

void job_kill_release(struct job_kill *kill)
{
    free(kill->reply_to);
    free(kill->correlation_id);
    *kill = (struct job_kill){0};
}
