// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_cache.h"

#include "base/clock.h"
#include "base/file.h"
#include "web/kept.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

// What is kept of an object.
struct file {
    int fd;
    char *etag; // NULL: none is known
    struct params headers;
};

struct stored_cache {
    struct kept files;
    sd_event_source *timer; // gives back the room of what is old
};

static void file_free(void *userdata)
{
    struct file *file = userdata;

    close_fd(&file->fd);
    free(file->etag);
    params_release(&file->headers);
    free(file);
}

DEFINE_CLEANUP(struct file *, file_free)

void stored_cache_forget(struct stored_cache *cache)
{
    kept_forget(&cache->files);
}

static int arm(const struct stored_cache *cache)
{
    int r = sd_event_source_set_time(cache->timer, clock_monotonic_us() + STORED_CACHE_US);

    return r < 0 ? r : sd_event_source_set_enabled(cache->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    struct stored_cache *cache = userdata;

    return kept_drop_old(&cache->files) ? arm(cache) : 0;
}

struct stored_cache *stored_cache_new(sd_event *event)
{
    struct stored_cache *cache = calloc(1, sizeof(*cache));

    if (cache &&
        (kept_init(&cache->files, STORED_CACHE_ENTRIES, STORED_CACHE_BYTES, STORED_CACHE_US,
                   file_free) < 0 ||
         sd_event_add_time(event, &cache->timer, CLOCK_MONOTONIC, 0, 0, on_timer, cache) < 0 ||
         sd_event_source_set_enabled(cache->timer, SD_EVENT_OFF) < 0)) {
        stored_cache_free(cache);
        return NULL;
    }
    return cache;
}

void stored_cache_free(struct stored_cache *cache)
{
    if (!cache)
        return;
    kept_release(&cache->files);
    (void)sd_event_source_disable_unref(cache->timer);
    free(cache);
}

static int add_all(struct params *to, const struct params *from)
{
    int r = 0;

    for (size_t i = 0; i < from->len && r == 0; i++)
        r = params_add(to, from->items[i].name, from->items[i].value);
    return r;
}

int stored_cache_get(struct stored_cache *cache, const char *key, char **ret_etag,
                     struct params *headers)
{
    const struct file *file = kept_find(&cache->files, key);
    _cleanup_free_ char *etag = file && file->etag ? strdup(file->etag) : NULL;
    int fd = -1;

    if (file && (etag || !file->etag) && (!headers || add_all(headers, &file->headers) == 0))
        fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        *ret_etag = TAKE_PTR(etag);
    return fd;
}

static struct file *file_new(int fd, const char *etag, const struct params *headers)
{
    _cleanup_(file_freep) struct file *file = calloc(1, sizeof(*file));

    if (!file)
        return NULL;
    file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    file->etag = etag ? strdup(etag) : NULL;
    return file->fd < 0 || (etag && !file->etag) || add_all(&file->headers, headers) < 0
               ? NULL
               : TAKE_PTR(file);
}

// A part of what is free there, at least `least`.
static uint64_t part_of_disk(int fd, unsigned part, uint64_t least)
{
    struct statvfs fs;
    uint64_t bytes = fstatvfs(fd, &fs) < 0 ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize / part;

    return bytes > least ? bytes : least;
}

uint64_t stored_cache_largest(int fd)
{
    return part_of_disk(fd, 4, STORED_CACHE_FILE);
}

void stored_cache_put(struct stored_cache *cache, const char *key, int fd, const char *etag,
                      const struct params *headers)
{
    _cleanup_(file_freep) struct file *file = NULL;
    struct stat st;

    if (fstat(fd, &st) < 0 || (uint64_t)st.st_size > stored_cache_largest(fd))
        return;
    cache->files.bytes_max = part_of_disk(fd, 2, STORED_CACHE_BYTES);
    file = file_new(fd, etag, headers);
    if (!file || kept_put(&cache->files, key, file, (size_t)st.st_size) < 0)
        return;
    file = NULL; // the cache's
    if (sd_event_source_get_enabled(cache->timer, NULL) == 0)
        (void)arm(cache);
}
