// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "indexer/publish.h"

#include <sys/epoll.h>

#define INTERVAL_US (60 * USEC_PER_SEC)
// Of a large database the copy takes long: most of the time there should be none under way.
#define PAUSE_FACTOR 10

struct publisher {
    sd_event_source *timer, *end;
    const char *public_database; // the settings'
    char *program;               // this one
    struct process process;
    uint64_t started_us; // of the last one; 0: none so far
    uint64_t pause_us;   // from the start of one to the next
    bool touched;        // since the last one was started
};

// Of CLOCK_MONOTONIC. The age of the copy counts as well, so that a service that starts again and
// again publishes no oftener.
static uint64_t next_us(const struct publisher *p)
{
    uint64_t own_us = p->started_us ? p->started_us + p->pause_us : 0;
    uint64_t last_us = publish_last_us(p->public_database), now_us = clock_realtime_us();
    uint64_t age_us = now_us > last_us ? now_us - last_us : 0;
    uint64_t young_us = age_us < INTERVAL_US ? clock_monotonic_us() + INTERVAL_US - age_us : 0;

    return own_us > young_us ? own_us : young_us;
}

static void set_timer(struct publisher *p)
{
    uint64_t at = next_us(p);

    (void)sd_event_source_set_time(p->timer, at);
    (void)sd_event_source_set_enabled(p->timer, p->touched && p->process.pid == 0 ? SD_EVENT_ONESHOT
                                                                                  : SD_EVENT_OFF);
}

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                  void *userdata)
{
    struct publisher *p = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t took_us = clock_monotonic_us() - p->started_us;
    int status = 0;

    p->end = sd_event_source_disable_unref(p->end);
    if (process_wait(&p->process, &status, NULL, &err) < 0)
        log_error("%s", error_message(&err));
    if (status < 0)
        log_error("publishing the database was ended by signal %d", -status);
    if (status != 0) { // else it has said why
        log_warning("the public copy of the database is as old as it was");
        p->touched = true;
    }
    p->pause_us = took_us * PAUSE_FACTOR > INTERVAL_US ? took_us * PAUSE_FACTOR : INTERVAL_US;
    set_timer(p);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    struct publisher *p = userdata;
    const char *const argv[] = {p->program, "--publish", NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    spec.argv = argv;
    spec.stderr_fd = 2;
    spec.die_with_parent = true;
    p->started_us = clock_monotonic_us();
    r = process_start(&spec, &p->process, &err);
    if (r == 0) {
        p->touched = false;
        r = sd_event_add_io(sd_event_source_get_event(source), &p->end, p->process.pidfd, EPOLLIN,
                            on_end, p);
        if (r < 0)
            process_release(&p->process);
    }
    if (r < 0)
        log_error("cannot publish the database: %s", error_message(&err));
    set_timer(p);
    return 0;
}

int publisher_new(sd_event *event, const char *public_database, struct publisher **ret,
                  struct error *err)
{
    struct publisher *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return error_oom(err);
    *p = (struct publisher){.public_database = public_database,
                            .process = PROCESS_INIT,
                            .touched = true,
                            .pause_us = INTERVAL_US};
    p->program = realpath("/proc/self/exe", NULL);
    r = p->program ? 0 : -errno;
    if (r == 0)
        r = sd_event_add_time(event, &p->timer, CLOCK_MONOTONIC, 0, 0, on_timer, p);
    if (r < 0) {
        publisher_free(p);
        return error_errno(err, r, "cannot prepare the event loop");
    }
    set_timer(p);
    *ret = p;
    return 0;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    sd_event_source_disable_unref(p->end);
    sd_event_source_disable_unref(p->timer);
    process_release(&p->process);
    free(p->program);
    free(p);
}

void publisher_touch(struct publisher *p)
{
    if (p->touched)
        return;
    p->touched = true;
    set_timer(p);
}
