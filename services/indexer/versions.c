// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/versions.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#include <sys/epoll.h>
#include <sys/mman.h>

#define RETRY_FIRST_US (60 * USEC_PER_SEC)
#define RUN_MAX_US (1800 * USEC_PER_SEC)
#define COMPLAINTS_MAX ((size_t)8192)

struct versions {
    const struct archive_settings *settings;
    struct process process;
    int output; // what it complains of, while it runs
    int news;   // and what it says has changed
    void (*changed)(void *userdata);
    void *userdata;
    unsigned failures; // in a row
    char *last;        // what was logged
    sd_event *event;
    sd_event_source *timer, *ended;
};

uint64_t versions_wait_us(const struct archive_settings *settings, unsigned failures)
{
    uint64_t interval = settings->interval_s * USEC_PER_SEC;
    uint64_t wait = RETRY_FIRST_US << (failures > 16 ? 16 : failures ? failures - 1 : 0);

    return failures == 0 || wait > interval ? interval : wait;
}

static void set_timer(struct versions *v, uint64_t wait_us)
{
    (void)sd_event_source_set_time(v->timer, clock_monotonic_us() + wait_us);
    (void)sd_event_source_set_enabled(v->timer, SD_EVENT_ONESHOT);
}

static void forget_process(struct versions *v)
{
    v->ended = sd_event_source_disable_unref(v->ended);
    process_release(&v->process);
    close_fd(&v->output);
    close_fd(&v->news);
    v->output = v->news = -1;
}

static void log_lines(const char *text)
{
    _cleanup_strv_ struct strv lines = STRV_INIT;

    if (strv_split(&lines, text, "\n") < 0)
        return;
    STRV_FOREACH (line, &lines)
        log_warning("cannot learn which versions are current: %s", line);
}

// `complaints` NULL: all went well.
static void finish(struct versions *v, const char *complaints)
{
    if (complaints && !str_equal(complaints, v->last))
        log_lines(complaints);
    if (!complaints && v->failures > 0)
        log_info("the archive's versions are known again");
    v->failures = complaints ? v->failures + 1 : 0;
    free(v->last);
    v->last = complaints ? strdup(complaints) : NULL;
    forget_process(v);
    set_timer(v, versions_wait_us(v->settings, v->failures));
}

static int on_ended(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                    void *userdata)
{
    struct versions *v = userdata;
    _cleanup_buf_ struct buf text = BUF_INIT(COMPLAINTS_MAX);
    int status = -1;

    (void)process_wait(&v->process, &status, NULL, NULL);
    if (lseek(v->news, 0, SEEK_END) > 0)
        v->changed(v->userdata);
    (void)lseek(v->output, 0, SEEK_SET);
    (void)file_read_fd(v->output, "complaints", &text, NULL);
    if (status == 0) {
        finish(v, NULL);
        return 0;
    }
    if (text.len == 0)
        (void)buf_addf(&text, "%s ended with %d", v->settings->program, status);
    finish(v, buf_str(&text));
    return 0;
}

static int start(struct versions *v, struct error *err)
{
    const char *const argv[] = {v->settings->program, NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;
    int r;

    v->output = memfd_create("complaints", MFD_CLOEXEC);
    v->news = memfd_create("news", MFD_CLOEXEC);
    if (v->output < 0 || v->news < 0)
        return error_errno(err, -errno, "cannot make a file in memory");
    spec.argv = argv;
    spec.stdout_fd = v->news;
    spec.stderr_fd = v->output;
    spec.die_with_parent = true;
    r = process_start(&spec, &v->process, err);
    if (r == 0)
        r = sd_event_add_io(v->event, &v->ended, v->process.pidfd, EPOLLIN, on_ended, v);
    return r;
}

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    struct versions *v = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;

    if (v->process.pid > 0) {
        finish(v, "reading the archive's indices took too long");
        return 0;
    }
    if (start(v, &err) < 0)
        finish(v, error_message(&err));
    else
        set_timer(v, RUN_MAX_US);
    return 0;
}

int versions_start(sd_event *event, const struct archive_settings *settings,
                   void (*changed)(void *userdata), void *userdata, struct versions **ret,
                   struct error *err)
{
    _cleanup_(versions_stopp) struct versions *v = NULL;
    int r;

    *ret = NULL;
    if (!settings->url || settings->releases.len == 0)
        return 0;
    v = calloc(1, sizeof(*v));
    if (!v)
        return error_oom(err);
    *v = (struct versions){.settings = settings,
                           .process = PROCESS_INIT,
                           .output = -1,
                           .news = -1,
                           .changed = changed,
                           .userdata = userdata,
                           .event = sd_event_ref(event)};
    r = sd_event_add_time(event, &v->timer, CLOCK_MONOTONIC, 0, 0, on_time, v);
    if (r < 0)
        return error_errno(err, r, "cannot prepare the event loop");
    *ret = TAKE_PTR(v);
    return 0;
}

void versions_stop(struct versions *v)
{
    if (!v)
        return;
    forget_process(v);
    sd_event_source_disable_unref(v->timer);
    sd_event_unref(v->event);
    free(v->last);
    free(v);
}
