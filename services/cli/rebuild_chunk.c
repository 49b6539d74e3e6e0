// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_rebuild.h"
#include "adt/result_tar.h"
#include "cli/rebuild.h"

// The runs of a chunk that the database does not have, and what became of each.
struct chunk {
    struct rebuild *rebuild;
    const char *container, *prefix;
    struct strv paths, objects;
    struct error *err;
    struct test_complete *done; // one for each; .swift_dir NULL: nothing to write
};

static void chunk_release(struct chunk *chunk)
{
    for (size_t i = 0; chunk->done && i < chunk->paths.len; i++)
        test_complete_release(&chunk->done[i]);
    free(chunk->done);
    strv_release(&chunk->paths);
    strv_release(&chunk->objects);
}

static int find_missing(struct chunk *chunk, const struct strv *paths, struct error *err)
{
    struct rebuild *x = chunk->rebuild;

    STRV_FOREACH (path, paths) {
        bool there = false;
        int r = x->db ? database_has_run(x->db, chunk->container, path, &there, err) : 0;

        if (r == -EBADMSG) { // some object that is not of a run
            error_clear(err);
            continue;
        }
        if (r < 0)
            return r;
        x->counts.runs++;
        if (there)
            continue;
        x->counts.missing++;
        if (strv_add(&chunk->paths, path) < 0 ||
            strv_addf(&chunk->objects, "%s/result.tar", path) < 0)
            return error_oom(err);
    }
    return 0;
}

// What one result.tar says. Only the store's failures end the rebuild.
static int on_got(const struct swift_got *got, void *userdata)
{
    struct chunk *chunk = userdata;
    struct rebuild *x = chunk->rebuild;
    const char *path = chunk->paths.items[got->place];
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = got->r;

    x->progress(&x->counts, chunk->container, chunk->prefix, x->userdata);
    if (r == -ENOENT) {
        x->counts.incomplete++;
        return 0;
    }
    if (r == 0)
        r = result_tar_read(buf_str(got->content), got->content->len, chunk->container, path,
                            &chunk->done[got->place], &why);
    else if (r == -E2BIG)
        (void)error_set(&why, r, "%s", error_message(got->why));
    if (r == -EBADMSG || r == -E2BIG) {
        _cleanup_free_ char *what = str_format("%s/%s", chunk->container, path);

        x->counts.unreadable++;
        x->complain(what ? what : path, &why, x->userdata);
        return 0;
    }
    return r < 0 ? error_set(chunk->err, r, "%s", error_message(r == got->r ? got->why : &why)) : 0;
}

static int write_rows(struct chunk *chunk, uint64_t *ret_added, struct error *err)
{
    struct database *db = chunk->rebuild->db;
    uint64_t added = 0;
    int r = 0;

    for (size_t i = 0; i < chunk->paths.len && r == 0; i++) {
        const struct test_complete *done = &chunk->done[i];
        bool there = false;

        if (!done->swift_dir)
            continue;
        // The indexer may have had its message meanwhile; that row stays.
        r = database_has_run(db, chunk->container, done->swift_dir, &there, err);
        if (r == 0 && !there) {
            r = database_add_result(db, done, err);
            added += r == 0;
        }
    }
    *ret_added = added;
    return r;
}

static int write_chunk(struct chunk *chunk, const char *marker, struct error *err)
{
    struct rebuild *x = chunk->rebuild;
    uint64_t added = 0;
    int r = database_begin(x->db, err);

    if (r < 0)
        return r;
    r = write_rows(chunk, &added, err);
    if (r == 0)
        r = database_set_rebuild_marker(x->db, chunk->container, chunk->prefix, marker, err);
    if (r == 0)
        r = database_commit(x->db, err);
    if (r < 0) {
        (void)database_rollback(x->db);
        return r;
    }
    x->counts.added += added;
    return 0;
}

int rebuild_chunk(struct rebuild *rebuild, const char *container, const char *prefix,
                  const struct strv *paths, struct error *err)
{
    _cleanup_(chunk_release) struct chunk chunk = {
        .rebuild = rebuild, .container = container, .prefix = prefix, .err = err};
    int r = find_missing(&chunk, paths, err);

    rebuild->progress(&rebuild->counts, container, prefix, rebuild->userdata);
    if (r < 0 || rebuild->dry_run || chunk.paths.len == 0)
        return r;
    chunk.done = calloc(chunk.paths.len + 1, sizeof(*chunk.done));
    if (!chunk.done)
        return error_oom(err);
    r = swift_get_many(rebuild->swift, container, &chunk.objects, rebuild->parallel, RESULT_TAR_MAX,
                       on_got, &chunk, err);
    if (r < 0)
        return r;
    return write_chunk(&chunk, paths->items[paths->len - 1], err);
}
