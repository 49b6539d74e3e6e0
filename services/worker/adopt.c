// SPDX-License-Identifier: GPL-3.0-only
#include "worker/adopt.h"

#include "adt/spool.h"
#include "base/file.h"
#include "base/log.h"
#include "worker/courier.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>

// Whether worker.conf has no such instance any more.
static bool is_removed(const char *worker)
{
    struct worker_settings settings;
    int r;

    if (str_empty(worker) || !path_is_inside(worker))
        return false;
    r = settings_load_worker(settings_dir(), worker, &settings, NULL);
    if (r == 0)
        worker_settings_release(&settings);
    return r == -ENOENT;
}

// That worker may be finishing its last test: then it holds its work folder.
static bool is_alive(const struct worker *w, const char *worker)
{
    _cleanup_free_ char *dir = path_join(w->settings.work_dir, worker);
    _cleanup_close_ int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

// Others of this unit adopt as well: the first to leave its name in the folder has it. The link is
// there at once with its content, so that who is killed behind it goes on at its next look.
static bool is_first(const struct worker *w, const char *dir, const char *from)
{
    _cleanup_free_ char *path = str_format("%s/adopted-from-%s", dir, from);
    char name[NAME_MAX + 1] = "";

    if (!path)
        return false;
    if (symlink(w->settings.name, path) == 0)
        return true;
    return readlink(path, name, sizeof name - 1) > 0 && str_equal(name, w->settings.name);
}

static int take_over(struct worker *w, const char *dir, const char *run_id, struct spool_run *run,
                     struct error *err)
{
    _cleanup_free_ char *from = run->worker;
    int r;

    run->worker = strdup(w->settings.name);
    if (!run->worker)
        return error_oom(err);
    if (is_alive(w, from) || !is_first(w, dir, from))
        return 0;
    if ((r = spool_run_write(dir, run, err)) < 0 ||
        (r = courier_add(w, run_id, run->uuid, run->origin_queue, 0, err)) < 0)
        return r;
    w->renew_at_us = 0; // it has no copy in our lease queue
    log_info("run %s: its worker %s is not configured any more, its result is ours now", run_id,
             from);
    return 0;
}

int adopt_spooled(struct worker *w, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = spool_list(w->settings.spool_dir, &names, err);

    for (size_t i = 0; r == 0 && i < names.len; i++) {
        _cleanup_free_ char *dir = path_join(w->settings.spool_dir, names.items[i]);
        _cleanup_(spool_run_release) struct spool_run run = {0};

        if (!dir)
            return error_oom(err);
        if (parcel_find(w->courier.first, names.items[i]) || spool_run_read(dir, &run, NULL) < 0 ||
            str_equal(run.worker, w->settings.name) || !is_removed(run.worker))
            continue;
        r = take_over(w, dir, names.items[i], &run, err);
    }
    return r;
}
