// SPDX-License-Identifier: GPL-3.0-only
#include "web/archive_indexes.h"

#include "web/web.h"

#include <fcntl.h>
#include <sys/stat.h>

struct archive_index_entry {
    struct archive_index_entry *next; // was used before
    char *key;
    int fd;
    int64_t size;
};

// A second reader of the same descriptor would move the first one's place.
static int open_again(int fd)
{
    _cleanup_free_ char *path = str_format("/proc/self/fd/%d", fd);
    int again = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    return again < 0 ? -ENOENT : again;
}

// Where the entry of this key hangs, or the end.
static struct archive_index_entry **find(struct web *web, const char *key)
{
    struct archive_index_entry **at = &web->archive_indexes;

    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static void put_first(struct web *web, struct archive_index_entry *e)
{
    e->next = web->archive_indexes;
    web->archive_indexes = e;
}

int archive_index_open(struct web *web, const char *key)
{
    struct archive_index_entry **at = find(web, key), *e = *at;

    if (!e)
        return -ENOENT;
    *at = e->next;
    put_first(web, e);
    return open_again(e->fd);
}

static void entry_free(struct archive_index_entry *e)
{
    close_fd(&e->fd);
    free(e->key);
    free(e);
}

// Behind those that there is room for.
static struct archive_index_entry **find_too_many(struct web *web)
{
    struct archive_index_entry **at = &web->archive_indexes;
    int64_t bytes = 0;

    for (size_t n = 0; *at && n < ARCHIVE_INDEXES_MAX; n++) {
        bytes += (*at)->size;
        if (bytes > ARCHIVE_INDEXES_BYTES)
            return at;
        at = &(*at)->next;
    }
    return at;
}

static void drop_from(struct archive_index_entry **at)
{
    struct archive_index_entry *e;

    while ((e = *at)) {
        *at = e->next;
        entry_free(e);
    }
}

int archive_index_keep(struct web *web, const char *key, int *fd)
{
    struct archive_index_entry *e, **known = find(web, key);
    struct stat st;

    if (fstat(*fd, &st) < 0)
        return -errno;
    if ((e = *known)) { // somebody was faster
        *known = e->next;
        entry_free(e);
    }
    e = calloc(1, sizeof(*e));
    if (!e || !(e->key = strdup(key))) {
        free(e);
        return -ENOMEM;
    }
    e->fd = take_fd(fd);
    e->size = st.st_size;
    put_first(web, e);
    drop_from(find_too_many(web));
    return 0;
}

void archive_indexes_free(struct web *web)
{
    drop_from(&web->archive_indexes);
}
