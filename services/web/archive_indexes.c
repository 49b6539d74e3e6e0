// SPDX-License-Identifier: GPL-3.0-only
#include "web/archive_indexes.h"

#include "web/web.h"

#include <fcntl.h>
#include <sys/stat.h>

struct archive_index_entry {
    struct archive_index_entry *next; // older
    char *key;
    int fd;
};

char *archive_index_key(int fd, const char *container, const char *archive)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    return str_format("%llu %llu %lld.%ld %lld %s/%s", (unsigned long long)st.st_dev,
                      (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
                      st.st_mtim.tv_nsec, (long long)st.st_size, container, archive);
}

// A second reader of the same descriptor would move the first one's place.
static int open_again(int fd)
{
    _cleanup_free_ char *path = str_format("/proc/self/fd/%d", fd);
    int again = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    return again < 0 ? -ENOENT : again;
}

int archive_index_open(struct web *web, const char *key)
{
    for (struct archive_index_entry *e = web->archive_indexes; e; e = e->next)
        if (strcmp(e->key, key) == 0)
            return open_again(e->fd);
    return -ENOENT;
}

static void entry_free(struct archive_index_entry *e)
{
    close_fd(&e->fd);
    free(e->key);
    free(e);
}

int archive_index_keep(struct web *web, const char *key, int *fd)
{
    struct archive_index_entry *e = calloc(1, sizeof(*e)), **at;
    size_t n = 0;

    if (!e || !(e->key = strdup(key))) {
        free(e);
        return -ENOMEM;
    }
    e->fd = take_fd(fd);
    e->next = web->archive_indexes;
    web->archive_indexes = e;
    for (at = &web->archive_indexes; *at && n < ARCHIVE_INDEXES_MAX; at = &(*at)->next)
        n++;
    while (*at) {
        e = *at;
        *at = e->next;
        entry_free(e);
    }
    return 0;
}

void archive_indexes_free(struct web *web)
{
    for (struct archive_index_entry *e = TAKE_PTR(web->archive_indexes), *next; e; e = next) {
        next = e->next;
        entry_free(e);
    }
}
