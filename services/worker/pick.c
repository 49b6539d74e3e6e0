// SPDX-License-Identifier: GPL-3.0-only
#include "worker/pick.h"

#include "base/buf.h"

int pick_init(struct pick *pick, const struct strv *releases, const char *arch,
              uint64_t upstream_percentage, struct error *err)
{
    struct pick new = {.upstream_percentage = upstream_percentage};

    new.queues = calloc(releases->len * CONTEXT_COUNT + 1, sizeof *new.queues);
    if (!new.queues)
        return error_oom(err);
    STRV_FOREACH (release, releases)
        for (int context = 0; context < CONTEXT_COUNT; context++) {
            struct pick_queue *queue = &new.queues[new.len++];

            queue->context = (enum queue_context)context;
            queue->release = strdup(release);
            queue->name = queue_name(queue->context, release, arch);
            if (!queue->release || !queue->name) {
                pick_release(&new);
                return error_oom(err);
            }
        }
    *pick = new;
    return 0;
}

void pick_release(struct pick *pick)
{
    for (size_t i = 0; i < pick->len; i++) {
        free(pick->queues[i].name);
        free(pick->queues[i].release);
    }
    free(pick->queues);
    *pick = (struct pick){0};
}

static unsigned rank(const struct pick_queue *queue, bool upstream_first)
{
    switch (queue->context) {
    case CONTEXT_UPSTREAM:
        return upstream_first ? 0 : 2;
    case CONTEXT_HUGE:
        return 3;
    case CONTEXT_NORMAL:
    case CONTEXT_PPA:
    case CONTEXT_COUNT:
        break;
    }
    return 1;
}

static bool comes_before(const struct pick_queue *a, const struct pick_queue *b,
                         bool upstream_first)
{
    unsigned rank_a = rank(a, upstream_first), rank_b = rank(b, upstream_first);

    return rank_a != rank_b ? rank_a < rank_b : a->last < b->last;
}

void pick_order(const struct pick *pick, unsigned roll, size_t *ret_order)
{
    bool upstream_first = roll < pick->upstream_percentage;

    // Insertion keeps equals in the order of the settings; there are a few dozen queues at most.
    for (size_t i = 0; i < pick->len; i++) {
        size_t at = i;

        while (at > 0 &&
               comes_before(&pick->queues[i], &pick->queues[ret_order[at - 1]], upstream_first)) {
            ret_order[at] = ret_order[at - 1];
            at--;
        }
        ret_order[at] = i;
    }
}

void pick_taken(struct pick *pick, size_t index)
{
    if (index < pick->len)
        pick->queues[index].last = ++pick->picks;
}

size_t pick_find(const struct pick *pick, const char *name)
{
    size_t i = 0;

    while (i < pick->len && !str_equal(pick->queues[i].name, name))
        i++;
    return i;
}
