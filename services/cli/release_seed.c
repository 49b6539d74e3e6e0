// SPDX-License-Identifier: GPL-3.0-only
#include "cli/release.h"

#include "adt/database_rebuild.h"
#include "adt/database_release.h"
#include "adt/names.h"
#include "adt/run_files.h"
#include "base/file.h"
#include "cli/cli.h"

#include <fcntl.h>
#include <pthread.h>

#define TESTS 100 // whose results are copied between two transactions
#define READERS ".r:*,.rlistings"
#define LANES 8 // copies at once: each waits for the store most of its time

// The runs of some tests, as the new release has them.
struct batch {
    struct seed *seed;
    struct error *err;
    struct test_complete runs[2 * TESTS]; // two of a test at most
    struct strv from;                     // their folders in the old release
    size_t len;
};

static void batch_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->len; i++)
        test_complete_release(&batch->runs[i]);
    strv_release(&batch->from);
}

static int replace_text(char **text, char *with)
{
    if (!with)
        return -ENOMEM;
    free(*text);
    *text = with;
    return 0;
}

static int rename_release(struct test_complete *run, const char *release)
{
    const char *run_id = strrchr(run->swift_dir, '/') + 1;
    _cleanup_free_ char *path = run_path(release, run->arch, run->package, run_id);

    return !path || replace_text(&run->swift_dir, TAKE_PTR(path)) < 0 ||
                   replace_text(&run->release, strdup(release)) < 0 ||
                   replace_text(&run->container, str_format("autopkgtest-%s", release)) < 0
               ? -ENOMEM
               : 0;
}

static int take_heir(struct test_complete *run, void *userdata)
{
    struct batch *batch = userdata;
    struct test_complete *mine = &batch->runs[batch->len];
    _cleanup_free_ char *from = strdup(run->swift_dir);
    bool there = false;
    int r;

    batch->seed->runs++;
    if (!from || rename_release(run, batch->seed->new_release) < 0)
        return error_oom(batch->err);
    r = database_has_run(batch->seed->db, run->container, run->swift_dir, &there, batch->err);
    if (r < 0 || there)
        return r;
    if (strv_take(&batch->from, TAKE_PTR(from)) < 0)
        return error_oom(batch->err);
    *mine = *run;
    *run = (struct test_complete){0};
    batch->len++;
    return 0;
}

// ---------------------------------------------------------------- copying

struct copying;

// A thread that copies one run after the other, by a connection of its own.
struct lane {
    struct copying *copying; // of this batch
    pthread_t thread;
    struct swift *swift;
    char *scratch; // a file
    int r;
    struct error err;
};

struct copying {
    struct seed *seed; // its counts, by who has the lock
    const struct batch *batch;
    pthread_mutex_t lock;
    size_t next; // run that nobody copies yet
    bool failed; // nobody begins another
    bool copied[2 * TESTS];
};

static int copy_file(const struct lane *lane, const char *container, const char *from,
                     const struct test_complete *run, const struct run_file *file,
                     struct error *err)
{
    _cleanup_free_ char *source = str_format("%s/%s", from, file->name);
    _cleanup_free_ char *target = str_format("%s/%s", run->swift_dir, file->name);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_close_ int fd = open(lane->scratch, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return error_errno(err, -errno, "cannot write %s", lane->scratch);
    if (!source || !target || strv_add_all(&headers, file->headers) < 0)
        return error_oom(err);
    r = swift_get_fd(lane->swift, container, source, fd, err);
    return r < 0
               ? r
               : swift_put_file(lane->swift, run->container, target, lane->scratch, &headers, err);
}

// 0: its result was lost before, and it is left out.
static int copy_files(const struct lane *lane, const char *from, const struct test_complete *run,
                      struct error *err)
{
    const struct seed *seed = lane->copying->seed;
    _cleanup_free_ char *container = str_format("autopkgtest-%s", seed->old_release);

    if (!container)
        return error_oom(err);
    for (size_t i = 0; i < RUN_FILES_LEN; i++) {
        bool last = i == RUN_FILES_LEN - 1;
        int r = str_equal(run_files[i].name, "artifacts.tar.gz") && !seed->artifacts
                    ? 0
                    : copy_file(lane, container, from, run, &run_files[i], err);

        if (r == -ENOENT) {
            error_clear(err);
            if (last)
                return 0;
        } else if (r < 0) {
            return error_prefix(err, r, "%s/%s", container, from);
        }
    }
    return 1;
}

static int write_rows(struct seed *seed, const struct batch *batch, const bool *copied,
                      struct error *err)
{
    int r = database_begin(seed->db, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < batch->len && r == 0; i++)
        r = copied[i] ? database_add_result(seed->db, &batch->runs[i], err) : 0;
    if (r == 0)
        return database_commit(seed->db, err);
    (void)database_rollback(seed->db);
    return r;
}

// False: there is none left, or another lane has failed.
static bool take_run(struct copying *copying, size_t *ret)
{
    bool taken;

    (void)pthread_mutex_lock(&copying->lock);
    taken = !copying->failed && copying->next < copying->batch->len;
    if (taken)
        *ret = copying->next++;
    (void)pthread_mutex_unlock(&copying->lock);
    return taken;
}

static void note_run(struct copying *copying, size_t at, int r)
{
    struct seed *seed = copying->seed;

    (void)pthread_mutex_lock(&copying->lock);
    copying->copied[at] = r > 0;
    copying->failed = copying->failed || r < 0;
    seed->copied += r > 0;
    seed->incomplete += r == 0;
    seed->progress(seed, seed->userdata);
    (void)pthread_mutex_unlock(&copying->lock);
}

static void *copy_runs(void *userdata)
{
    struct lane *lane = userdata;
    const struct batch *batch = lane->copying->batch;
    size_t at;

    while (lane->r >= 0 && take_run(lane->copying, &at)) {
        lane->r = copy_files(lane, batch->from.items[at], &batch->runs[at], &lane->err);
        note_run(lane->copying, at, lane->r);
    }
    return NULL;
}

// Errors: of the first lane that has one.
static int run_lanes(struct seed *seed, struct copying *copying, struct error *err)
{
    size_t started = 0;
    int failed = 0, r = 0;

    for (; failed == 0 && started < LANES && started < copying->batch->len; started++) {
        seed->lanes[started].copying = copying;
        failed =
            pthread_create(&seed->lanes[started].thread, NULL, copy_runs, &seed->lanes[started]);
    }
    if (failed > 0)
        started--;
    for (size_t i = 0; i < started; i++) {
        struct lane *lane = &seed->lanes[i];

        (void)pthread_join(lane->thread, NULL);
        if (lane->r < 0 && r == 0)
            r = error_set(err, lane->r, "%s", error_message(&lane->err));
    }
    return started > 0 ? r : error_errno(err, -failed, "cannot start a thread");
}

static int copy_batch(struct seed *seed, const struct batch *batch, struct error *err)
{
    struct copying copying = {.seed = seed, .batch = batch, .lock = PTHREAD_MUTEX_INITIALIZER};
    int r = run_lanes(seed, &copying, err);

    return r < 0 ? r : write_rows(seed, batch, copying.copied, err);
}

static void lanes_free(struct seed *seed)
{
    for (size_t i = 0; seed->lanes && i < LANES; i++) {
        struct lane *lane = &seed->lanes[i];

        swift_free(lane->swift);
        if (lane->scratch)
            (void)file_remove(lane->scratch, NULL, NULL);
        free(lane->scratch);
        error_clear(&lane->err);
    }
    free(seed->lanes);
    seed->lanes = NULL;
}

static int lanes_open(struct seed *seed, struct error *err)
{
    int r = 0;

    seed->lanes = calloc(LANES, sizeof(*seed->lanes));
    if (!seed->lanes)
        return error_oom(err);
    for (size_t i = 0; r == 0 && i < LANES; i++) {
        seed->lanes[i].scratch = str_format("%s.%zu", seed->scratch, i);
        r = seed->lanes[i].scratch ? cli_open_store(&seed->lanes[i].swift, err) : error_oom(err);
    }
    return r;
}

// *after: the last test. 1: there may be others.
static int seed_some(struct seed *seed, int64_t *after, struct error *err)
{
    _cleanup_(batch_release) struct batch batch = {.seed = seed, .err = err};
    int64_t before = *after;
    int r =
        database_release_heirs(seed->db, seed->old_release, TESTS, after, take_heir, &batch, err);

    seed->missing += batch.len;
    if (r == 0 && !seed->dry_run && batch.len > 0)
        r = copy_batch(seed, &batch, err);
    return r < 0 ? r : *after > before;
}

int seed_run(struct seed *seed, struct error *err)
{
    _cleanup_free_ char *container = str_format("autopkgtest-%s", seed->new_release);
    int64_t after = 0;
    int r = container ? 0 : error_oom(err);

    if (r == 0 && !seed->dry_run)
        r = swift_ensure_container(seed->swift, container, READERS, err);
    if (r == 0 && !seed->dry_run)
        r = lanes_open(seed, err);
    if (r == 0)
        while ((r = seed_some(seed, &after, err)) > 0)
            ;
    lanes_free(seed);
    if (r == 0 && seed->runs == 0)
        return error_set(err, -ENOENT, "the database has no results of %s", seed->old_release);
    return r;
}
