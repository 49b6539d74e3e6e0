// SPDX-License-Identifier: GPL-3.0-only
#include "cli/release.h"

#include "adt/database_release.h"
#include "adt/names.h"
#include "cli/queue_edit.h"
#include "cli/rebuild.h"

#define ROWS 2000    // results in a transaction
#define OBJECTS 1000 // of a listing
#define SEGMENTS "_segments"

// ---------------------------------------------------------------- queues

static int remove_queue(struct removal *x, struct amqp_link *link, const char *queue,
                        struct error *err)
{
    const struct selection all = {.all = true};
    _cleanup_free_ char *reason = str_format("%s is tested no longer", x->release);
    uint32_t messages = 0, consumers = 0;
    uint64_t removed = 0;
    int r = amqp_link_inspect_queue(link, queue, &messages, &consumers, err);

    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    if (!reason)
        return error_oom(err);
    if (!x->dry_run && (r = queue_remove(queue, &all, reason, &removed, err)) == 0)
        r = amqp_link_delete_queue(link, queue, err);
    x->requests += x->dry_run ? messages : removed;
    x->queues += r == 0;
    return r;
}

static int remove_queues(struct removal *x, struct error *err)
{
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int r = cli_connect(NULL, &link, err);

    STRV_FOREACH (arch, x->archs)
        for (int context = 0; r == 0 && context < CONTEXT_COUNT; context++) {
            _cleanup_free_ char *queue = queue_name((enum queue_context)context, x->release, arch);

            r = queue ? remove_queue(x, link, queue, err) : error_oom(err);
        }
    return r;
}

// ---------------------------------------------------------------- database

static int remove_rows(struct removal *x, struct error *err)
{
    uint64_t left = 0;
    int r;

    if (!x->db)
        return 0;
    r = database_release_count(x->db, x->release, &left, err);
    if (r < 0 || x->dry_run) {
        x->results = left;
        return r;
    }
    for (r = 1; r > 0;) {
        uint64_t step = left < ROWS ? left : ROWS;

        r = database_remove_release(x->db, x->release, ROWS, err);
        if (r >= 0) {
            x->results += step;
            left -= step;
        }
        x->progress(x, x->userdata);
    }
    return r;
}

// ---------------------------------------------------------------- store

static int remove_page(struct removal *x, const char *container, const struct strv *page,
                       struct error *err)
{
    int r = x->dry_run ? 0 : swift_delete_objects(x->swift, container, page, err);

    if (r == 0)
        x->objects += page->len;
    x->progress(x, x->userdata);
    return r;
}

// Only what is below RELEASE/: a container can be that of another release whose name begins with
// this one's.
static int remove_objects(struct removal *x, const char *container, struct error *err)
{
    _cleanup_free_ char *prefix = str_format("%s/", x->release), *marker = NULL;
    int r = prefix ? 0 : error_oom(err);
    size_t len = 1;

    while (r == 0 && len > 0) {
        _cleanup_strv_ struct strv page = STRV_INIT;

        r = swift_list(x->swift, container, prefix, NULL, marker, OBJECTS, &page, err);
        len = page.len;
        if (r == 0 && len > 0 && (r = remove_page(x, container, &page, err)) == 0) {
            free(marker);
            marker = strdup(page.items[len - 1]);
            r = marker ? 0 : error_oom(err);
        }
    }
    return r;
}

static int remove_container(struct removal *x, const char *container, struct error *err)
{
    uint64_t before = x->objects;
    int r = remove_objects(x, container, err);

    if (r == 0 && !x->dry_run)
        r = swift_delete_container(x->swift, container, err);
    if (r == -ENOTEMPTY) { // of another release
        error_clear(err);
        return 0;
    }
    x->containers += r == 0 && (!x->dry_run || x->objects > before);
    return r;
}

static bool is_meant(const char *container, const struct strv *releases)
{
    _cleanup_free_ char *name = strdup(container);

    if (name && str_ends_with(name, SEGMENTS))
        name[strlen(name) - strlen(SEGMENTS)] = '\0';
    return name && rebuild_wants_container(name, releases);
}

static int remove_stored(struct removal *x, struct error *err)
{
    _cleanup_strv_ struct strv containers = STRV_INIT, releases = STRV_INIT;
    int r;

    if (!x->swift)
        return 0;
    if (strv_add(&releases, x->release) < 0)
        return error_oom(err);
    r = swift_list_containers(x->swift, "", &containers, err);
    STRV_FOREACH (container, &containers)
        if (r == 0 && is_meant(container, &releases))
            r = remove_container(x, container, err);
    return r;
}

int removal_run(struct removal *x, struct error *err)
{
    int r = remove_queues(x, err);

    if (r == 0)
        r = remove_stored(x, err); // before the rows, which a rebuild would bring back
    return r == 0 ? remove_rows(x, err) : r;
}
