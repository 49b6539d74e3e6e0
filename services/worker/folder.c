// SPDX-License-Identifier: GPL-3.0-only
#include "worker/folder.h"

#include "adt/names.h"
#include "adt/spool.h"
#include "base/file.h"
#include "worker/leftover.h"
#include "worker/outcome.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

// Names in the spool that no run has.
#define COPY ".copy-" // then the worker's name: on its way in
#define GONE ".gone-" // on its way out

#define FULL_BYTES ((uint64_t)512 * 1024) // with less left a disk is full
#define FULL_LOG_BYTES (128 * 1024)       // of the log of a test that filled it

static char *work_dir(const struct worker *w)
{
    return path_join(w->settings.work_dir, w->settings.name);
}

int folder_write(const char *dir, const char *name, const void *content, size_t len,
                 struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, name);
    _cleanup_close_ int fd = -1;
    int r;

    if (!path)
        return error_oom(err);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return error_errno(err, -errno, "cannot create %s", path);
    r = fd_write_all(fd, content, len);
    return r < 0 ? error_errno(err, r, "cannot write %s", path) : 0;
}

static int note_unacked(struct worker *w, const char *dir, const char *name, struct error *err)
{
    _cleanup_free_ char *marker = str_format("%s/%s/leased", dir, name);

    if (!marker)
        return error_oom(err);
    if (access(marker, F_OK) < 0 && strv_add(&w->unacked, name) < 0)
        return error_oom(err);
    return 0;
}

// A folder with all that is in it, or a file.
static int remove_below(const char *dir, const char *name, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, name);

    if (!path)
        return error_oom(err);
    return unlink(path) == 0 ? 0 : dir_remove(path, err);
}

// What a crash left of a copy into the spool, or of a removal from it.
static int clean_spool(const struct worker *w, struct error *err)
{
    _cleanup_free_ char *copies = str_format(COPY "%s-", w->settings.name);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = copies ? dir_list(w->settings.spool_dir, &names, err) : error_oom(err);

    for (size_t i = 0; r == 0 && i < names.len; i++)
        if (str_starts_with(names.items[i], GONE) || str_starts_with(names.items[i], copies))
            r = remove_below(w->settings.spool_dir, names.items[i], err);
    return r;
}

// Whether the machine was started since the last life of this worker. A power cut may have undone
// the marker but not the folder, so that markers of an earlier boot prove nothing: then a copy
// goes back rather than away.
static bool is_new_boot(const char *dir)
{
    _cleanup_free_ char *path = path_join(dir, ".boot");
    _cleanup_free_ char *now = NULL, *then = NULL;
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);

    if (!path || file_read_line("/proc/sys/kernel/random/boot_id", &now, NULL) < 0)
        return true;
    if (file_read_line(path, &then, NULL) == 0 && str_equal(now, then))
        return false;
    (void)file_replace(path, now, strlen(now), &attributes, NULL, NULL);
    return true;
}

int folder_recover(struct worker *w, struct error *err)
{
    _cleanup_free_ char *dir = work_dir(w);
    _cleanup_strv_ struct strv names = STRV_INIT;
    bool same_boot;
    int r;

    if (!dir)
        return error_oom(err);
    if ((r = dir_make(dir, 0750, err)) < 0 || (r = dir_make(w->settings.spool_dir, 0750, err)) < 0)
        return r;
    // Held until the process ends: a second worker of the same name would take the ground away.
    w->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->lock_fd < 0 || flock(w->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return error_errno(err, -errno, "cannot lock %s: does worker %s run already?", dir,
                           w->settings.name);
    same_boot = !is_new_boot(dir);
    r = leftover_recover(w, err);
    if (r == 0)
        r = dir_list(dir, &names, err);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        if (!name_is_run_id(names.items[i]))
            continue;
        leftover_remove(w, names.items[i]);
        if (same_boot)
            r = note_unacked(w, dir, names.items[i], err);
    }
    return r < 0 ? r : clean_spool(w, err);
}

int folder_clear(const struct worker *w, struct error *err)
{
    _cleanup_free_ char *dir = work_dir(w);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir ? dir_list(dir, &names, err) : error_oom(err);

    for (size_t i = 0; r == 0 && i < names.len; i++)
        if (name_is_run_id(names.items[i]))
            r = remove_below(dir, names.items[i], err);
    return r;
}

int folder_make(const struct worker *w, struct job *job, struct error *err)
{
    _cleanup_free_ char *parent = work_dir(w);
    int r;

    job->dir = parent ? path_join(parent, job->run_id) : NULL;
    if (!job->dir)
        return error_oom(err);
    if (mkdir(job->dir, 0750) < 0) {
        // left from a run of the same request that was handed back by us
        if (errno == EEXIST && (r = dir_remove(job->dir, err)) < 0)
            return r;
        if ((r = dir_make(job->dir, 0750, err)) < 0)
            return r;
    }
    return folder_write(job->dir, "request", buf_str(&job->body), job->body.len, err);
}

bool folder_is_elsewhere(const struct worker *w, const char *run_id)
{
    _cleanup_free_ char *spooled = path_join(w->settings.spool_dir, run_id);
    _cleanup_strv_ struct strv names = STRV_INIT;

    if (spooled && access(spooled, F_OK) == 0)
        return true;
    if (dir_list(w->settings.work_dir, &names, NULL) < 0)
        return false;
    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *path = str_format("%s/%s/%s", w->settings.work_dir, name, run_id);

        if (path && !str_equal(name, w->settings.name) && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

int folder_mark_leased(const struct job *job, struct error *err)
{
    return folder_write(job->dir, "leased", "", 0, err);
}

void folder_unmark_leased(const struct job *job)
{
    _cleanup_free_ char *path = path_join(job->dir, "leased");

    if (path)
        (void)file_remove(path, NULL, NULL);
}

int folder_reset_output(const struct job *job, struct error *err)
{
    static const char *const names[] = {"output", "console"};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
        r = remove_below(job->dir, names[i], err);
    return r;
}

// An unreadable request may have been a private one, though what could be read of it does not say
// so.
static int fill_container(const struct job *job, struct spool_run *run, struct error *err)
{
    bool hide = job_is_private(job) && !request_is_private(&job->request);
    int r = request_container(&job->request, job->release, &run->container, err);

    if (r < 0)
        return r;
    if (hide) {
        char *open = run->container;

        run->container = str_format("private-%s", open);
        free(open);
    }
    if (hide)
        run->read_acl = strdup("");
    else
        run->read_acl = request_read_acl(&job->request);
    return run->container && run->read_acl ? 0 : error_oom(err);
}

int folder_write_run(const struct worker *w, const struct job *job, int exitcode, struct error *err)
{
    struct spool_run run = {
        .run_id = job->run_id,
        .release = w->pick.queues[job->queue].release,
        .arch = w->settings.arch,
        .exitcode = exitcode,
        .duration_s = (job->ended_us - job->started_us) / USEC_PER_SEC,
        .uuid = job->request.uuid ? job->request.uuid : (char[]){""},
        .worker = w->settings.name,
        .origin_queue = w->pick.queues[job->queue].name,
    };
    int r = fill_container(job, &run, err);

    if (r == 0)
        r = spool_run_write(job->dir, &run, err);
    free(run.container);
    free(run.read_acl);
    return r;
}

static int append(const char *path, const char *text, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

    return r < 0 ? error_errno(err, r, "cannot write %s", path) : 0;
}

static bool is_empty(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 || st.st_size == 0;
}

static char *last_words(const struct job *job)
{
    if (job->disk_full)
        return strdup("autopkgtest-worker: the disk of the worker was full: testbed failure\n");
    if (job->verdict)
        return str_format("autopkgtest-worker: %s\n", job->verdict);
    if (job->status < 0)
        return str_format("autopkgtest-worker: autopkgtest was ended by signal %d\n", -job->status);
    return str_format("autopkgtest-worker: autopkgtest ended with exit code %d\n", job->status);
}

// The whole log moves to its own place beside output/. A run that left none (an option refused, a
// verdict of ours, death by signal) gets its standard error and a line that says so.
static int complete_log(const struct job *job, int exitcode, struct error *err)
{
    _cleanup_free_ char *written = str_format("%s/output/log", job->dir);
    _cleanup_free_ char *console = path_join(job->dir, "console");
    _cleanup_free_ char *log = path_join(job->dir, "log");
    _cleanup_free_ char *words = last_words(job);
    const char *source;

    if (!written || !console || !log || !words)
        return error_oom(err);
    source = is_empty(written) ? console : written;
    if (rename(source, log) < 0 && errno != ENOENT)
        return error_errno(err, -errno, "cannot move %s to %s", source, log);
    (void)unlink(written);
    (void)unlink(console);
    if (job->verdict || job->disk_full || job->status != exitcode || is_empty(log))
        return append(log, words, err);
    return 0;
}

static int complete_output(const struct job *job, int exitcode, struct error *err)
{
    _cleanup_free_ char *output = path_join(job->dir, "output");
    _cleanup_free_ char *version = NULL;
    int r;

    if (!output)
        return error_oom(err);
    r = dir_make(output, 0750, err);
    if (r < 0 || exitcode != EXIT_NOT_RUN)
        return r;
    version = str_format("%s blacklisted\n", job->request.package);
    return version ? folder_write(output, "testpkg-version", version, strlen(version), err)
                   : error_oom(err);
}

// One call that brings all of a tree onto the disk, however many files it has.
static int sync_tree(const char *dir, struct error *err)
{
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || syncfs(fd) < 0)
        return error_errno(err, -errno, "cannot sync %s", dir);
    return 0;
}

bool folder_is_full(const struct worker *w)
{
    struct statvfs fs;

    if (statvfs(w->settings.work_dir, &fs) < 0)
        return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BYTES || (fs.f_files > 0 && fs.f_favail == 0);
}

static int truncate_above(const char *path, off_t size)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_size > size ? truncate(path, size) : 0;
}

// Of what a test wrote that filled the disk only the beginning of its log stays: room for a result
// that tells.
static int make_room(const struct job *job, struct error *err)
{
    _cleanup_free_ char *output = path_join(job->dir, "output");
    _cleanup_free_ char *log = output ? path_join(output, "log") : NULL;
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = 0;

    if (!log)
        return error_oom(err);
    if (dir_list(output, &names, NULL) < 0)
        return 0; // it did not get so far
    for (size_t i = 0; r == 0 && i < names.len; i++)
        if (!str_equal(names.items[i], "log"))
            r = remove_below(output, names.items[i], err);
    (void)truncate_above(log, FULL_LOG_BYTES);
    return r;
}

// Work and spool may be on different disks (storage `tmp`).
static bool is_other_disk(const struct worker *w, const char *dir)
{
    struct stat from, to;

    return stat(dir, &from) == 0 && stat(w->settings.spool_dir, &to) == 0 &&
           from.st_dev != to.st_dev;
}

static char *hidden_copy(const struct worker *w, const struct job *job)
{
    return str_format("%s/" COPY "%s-%s", w->settings.spool_dir, w->settings.name, job->run_id);
}

static int start_program(struct job *job, const char *const *argv, struct error *err)
{
    struct process_spec spec = PROCESS_SPEC_INIT;

    spec.argv = argv;
    spec.stderr_fd = STDERR_FILENO;
    spec.new_session = true;
    spec.die_with_parent = true;
    return process_start(&spec, &job->process, err);
}

// Under a name with a leading dot, which nobody takes for a result.
int folder_copy(const struct worker *w, struct job *job, struct error *err)
{
    _cleanup_free_ char *hidden = hidden_copy(w, job);
    const char *argv[] = {"cp", "-a", "-T", "--", job->dir, hidden, NULL};
    int r = hidden ? dir_remove(hidden, err) : error_oom(err);

    return r < 0 ? r : start_program(job, argv, err);
}

int folder_copy_sync(const struct worker *w, struct job *job, struct error *err)
{
    _cleanup_free_ char *hidden = hidden_copy(w, job);
    const char *argv[] = {"sync", "--file-system", hidden, NULL};

    return hidden ? start_program(job, argv, err) : error_oom(err);
}

int folder_copied(const struct worker *w, const struct job *job, struct error *err)
{
    _cleanup_free_ char *hidden = hidden_copy(w, job);
    _cleanup_free_ char *target = path_join(w->settings.spool_dir, job->run_id);

    if (!hidden || !target)
        return error_oom(err);
    if (rename(hidden, target) < 0)
        return error_errno(err, -errno, "cannot rename %s", hidden);
    (void)dir_remove(job->dir, NULL); // else at the next start
    return dir_sync(w->settings.spool_dir, err);
}

int folder_drop_copy(const struct worker *w, const struct job *job, struct error *err)
{
    _cleanup_free_ char *hidden = hidden_copy(w, job);

    return hidden ? dir_remove(hidden, err) : error_oom(err);
}

static int rename_into_spool(const struct worker *w, const struct job *job, struct error *err)
{
    _cleanup_free_ char *target = path_join(w->settings.spool_dir, job->run_id);
    int r;

    if (!target)
        return error_oom(err);
    if (is_other_disk(w, job->dir))
        return error_set(err, -EXDEV, "the spool is on another disk");
    if ((r = sync_tree(job->dir, err)) < 0)
        return r;
    if (rename(job->dir, target) < 0)
        return error_errno(err, -errno, "cannot rename %s to %s", job->dir, target);
    return dir_sync(w->settings.spool_dir, err);
}

int folder_spool(const struct worker *w, const struct job *job, int exitcode, struct error *err)
{
    _cleanup_free_ char *arguments = path_join(job->dir, "arguments");
    int r;

    if (!arguments)
        return error_oom(err);
    if (job->disk_full && (r = make_room(job, err)) < 0)
        return r;
    // `leased` stays: without it the next start would take the copy for one of no account.
    if ((r = complete_output(job, exitcode, err)) < 0 ||
        (r = complete_log(job, exitcode, err)) < 0 ||
        (r = folder_write_run(w, job, exitcode, err)) < 0 ||
        (r = file_remove(arguments, NULL, err)) < 0)
        return r;
    return rename_into_spool(w, job, err);
}

int folder_discard(const struct worker *w, const char *run_id, struct error *err)
{
    _cleanup_free_ char *dir = path_join(w->settings.spool_dir, run_id);
    _cleanup_free_ char *gone = str_format("%s/" GONE "%s", w->settings.spool_dir, run_id);

    if (!dir || !gone)
        return error_oom(err);
    // A half-removed folder must not be taken for one that is complete.
    if (rename(dir, gone) < 0)
        return error_errno(err, -errno, "cannot rename %s", dir);
    return dir_remove(gone, err);
}
