// SPDX-License-Identifier: GPL-3.0-only
#include "worker/leftover.h"

#include "base/file.h"
#include "base/log.h"
#include "worker/testbed.h"

#define MARKER ".left-" // then the run id
#define FIRST_PAUSE_S 2
#define PAUSE_MAX_S 600

static uint64_t pause_s(unsigned tries)
{
    uint64_t seconds = FIRST_PAUSE_S;

    while (tries-- > 0 && seconds < PAUSE_MAX_S)
        seconds *= 2;
    return seconds < PAUSE_MAX_S ? seconds : PAUSE_MAX_S;
}

static char *marker_of(const struct worker *w, const char *run_id)
{
    return str_format("%s/%s/" MARKER "%s", w->settings.work_dir, w->settings.name, run_id);
}

int leftover_recover(struct worker *w, struct error *err)
{
    _cleanup_free_ char *dir = path_join(w->settings.work_dir, w->settings.name);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir ? dir_list(dir, &names, err) : error_oom(err);

    STRV_FOREACH (name, &names)
        if (r == 0 && str_starts_with(name, MARKER) &&
            strv_add(&w->left.runs, name + strlen(MARKER)) < 0)
            r = error_oom(err);
    w->left.all = testbed_can_sweep(&w->settings);
    return r; // the first try is due at once
}

static int try_one(struct worker *w, const char *run_id, struct error *err)
{
    int r = testbed_remove(&w->settings, run_id, err);

    if (r > 0)
        log_info("%s: its testbed was left behind, and is removed", run_id);
    return r;
}

void leftover_remove(struct worker *w, const char *run_id)
{
    _cleanup_free_ char *marker = marker_of(w, run_id);
    _cleanup_error_ struct error err = ERROR_INIT, unmarked = ERROR_INIT;
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);

    if (try_one(w, run_id, &err) >= 0)
        return;
    log_warning("%s: a testbed may be left behind; this is tried again: %s", run_id,
                error_message(&err));
    if (!marker || file_replace(marker, "", 0, &attributes, NULL, &unmarked) < 0)
        log_warning("%s", error_message(&unmarked)); // this life tries again all the same
    if (!strv_contains(&w->left.runs, run_id))
        (void)strv_add(&w->left.runs, run_id);
    w->left.tries = 0;
    w->left.at_us = clock_monotonic_us() + pause_s(0) * USEC_PER_SEC;
}

// Whether nothing is left of it, so that it need not be tried again.
static bool is_gone(struct worker *w, const char *run_id)
{
    _cleanup_free_ char *marker = marker_of(w, run_id);
    _cleanup_error_ struct error err = ERROR_INIT;

    // The request came back to us and is tested under the same name: what is there is not left
    // over.
    if (w->job.run_id && str_equal(run_id, w->job.run_id))
        return false;
    if (try_one(w, run_id, &err) < 0)
        return false; // was logged the first time
    if (marker && file_remove(marker, NULL, &err) < 0)
        log_warning("%s", error_message(&err));
    return true;
}

// What nobody has noted: of a worker whose disk was lost, say.
static void sweep_all(struct worker *w)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = testbed_sweep(&w->settings, w->job.run_id, &err);

    if (r < 0 && w->left.tries == 0)
        log_warning("testbeds may be left behind; this is tried again: %s", error_message(&err));
    if (r > 0)
        log_info("testbeds of an earlier life were left behind, and are removed");
    w->left.all = r < 0;
}

void leftover_advance(struct worker *w)
{
    struct strv left = STRV_INIT;

    if (leftover_deadline(w) == USEC_INFINITY || clock_monotonic_us() < w->left.at_us)
        return;
    if (w->left.all)
        sweep_all(w);
    STRV_FOREACH (run_id, &w->left.runs)
        if (!is_gone(w, run_id))
            (void)strv_add(&left, run_id);
    strv_release(&w->left.runs);
    w->left.runs = left;
    w->left.at_us = clock_monotonic_us() + pause_s(++w->left.tries) * USEC_PER_SEC;
}

uint64_t leftover_deadline(const struct worker *w)
{
    return w->left.runs.len || w->left.all ? w->left.at_us : USEC_INFINITY;
}
