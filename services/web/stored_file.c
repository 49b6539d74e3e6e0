// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_file.h"

#include "base/file.h"
#include "web/stored_cache.h"
#include "web/web.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ERROR_BODY_MAX ((size_t)64 * 1024)

static void wake(struct stored_file *f)
{
    void (*grown)(void *userdata) = TAKE_PTR(f->grown);

    if (grown)
        grown(f->reading);
}

static void tell(const struct stored_file *f, bool was_awaited)
{
    if (was_awaited && !stored_file_is_awaited(f) && f->tell)
        f->tell(f->userdata);
}

// ---- what comes

char *stored_etag_bare(const char *header)
{
    const char *from = str_starts_with(header, "W/") ? header + 2 : header;

    from += *from == '"';
    return strndup(from, strcspn(from, "\""));
}

static int note_etag(struct stored_file *f, const struct http_response *head)
{
    const char *header = http_response_header(head, "etag");

    if (header && !f->etag)
        f->etag = stored_etag_bare(header);
    return header && !f->etag ? -ENOMEM : 0;
}

static int on_begin(const struct http_response *head, void *userdata)
{
    struct stored_file *f = userdata;
    bool was_awaited = stored_file_is_awaited(f);
    int r = note_etag(f, head);

    if (r < 0)
        return r;
    f->begun = true;
    tell(f, was_awaited);
    return 0;
}

static int on_bytes(const void *bytes, size_t len, void *userdata)
{
    struct stored_file *f = userdata;
    int r = len > f->max - f->size ? -E2BIG : fd_write_all(f->fd, bytes, len);

    if (r < 0)
        return r;
    f->size += len;
    wake(f);
    return 0;
}

static void on_end(int r, const struct http_response *answer, const struct error *why,
                   void *userdata)
{
    struct stored_file *f = userdata;
    bool was_awaited = stored_file_is_awaited(f);

    f->call = NULL;
    f->r = stored_swift_end(f->web, f->reader, f->what, r, answer, why, &f->why);
    if (f->r == 0)
        f->r = note_etag(f, answer); // of one without bytes
    if (f->r == 0 && f->kept)
        stored_cache_put(stored_swift_cache(f->web), f->key, f->fd, f->etag);
    tell(f, was_awaited);
    wake(f);
}

// ---- getting

// One object may take a quarter of what is free on the disk, which is the database's, too.
static uint64_t room(int fd, uint64_t max)
{
    struct statvfs fs;
    uint64_t quarter = fstatvfs(fd, &fs) < 0 ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize / 4;

    return quarter < max ? quarter : max;
}

static int start(struct stored_file *f, const struct stored_object *object, struct error *err)
{
    static const struct http_sink sink = {on_begin, on_bytes};
    const struct swift_async_request request = {.container = object->container,
                                                .object = object->name,
                                                .as_account = f->reader == READER_ACCOUNT,
                                                .body_max = ERROR_BODY_MAX,
                                                .sink = &sink};

    f->fd = web_unnamed_file(f->web, err);
    if (f->fd < 0)
        return f->fd;
    f->max = room(f->fd, object->max);
    return stored_swift_start(f->web, &request, STORED_CALLS_MAX, on_end, f, &f->call, err);
}

static char *cache_key(const struct stored_object *object)
{
    return str_format("%d %s/%s", object->reader, object->container, object->name);
}

static struct stored_file *file_new(struct web *web, const struct stored_object *object)
{
    struct stored_file *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    *f = (struct stored_file){.references = 1,
                              .web = web,
                              .reader = object->reader,
                              .key = cache_key(object),
                              .what = str_format("%s/%s", object->container, object->name),
                              .kept = !object->anew,
                              .fd = -1};
    if (f->key && f->what)
        return f;
    stored_file_unref(f);
    return NULL;
}

int stored_file_get(struct web *web, const struct stored_object *object, struct stored_file **ret,
                    struct error *err)
{
    struct stored_file *f = file_new(web, object);
    int r = 0;

    if (!f)
        return error_oom(err);
    if (f->kept)
        f->fd = stored_cache_get(stored_swift_cache(web), f->key, &f->etag);
    if (f->fd >= 0)
        f->begun = true;
    else
        r = start(f, object, err);
    if (r < 0) {
        stored_file_unref(f);
        return r;
    }
    *ret = f;
    return 0;
}

bool stored_file_kept_etag(const struct web *web, const struct stored_object *object,
                           char **ret_etag)
{
    _cleanup_free_ char *key = cache_key(object);
    _cleanup_close_ int fd = key ? stored_cache_get(stored_swift_cache(web), key, ret_etag) : -1;

    return fd >= 0;
}

// ---- reading

bool stored_file_is_awaited(const struct stored_file *f)
{
    return f->call && !(f->begun && f->begin_is_enough);
}

int stored_file_reopen(const struct stored_file *f, int *ret_fd, struct error *err)
{
    _cleanup_free_ char *path = str_format("/proc/self/fd/%d", f->fd);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return error_errno(err, -errno, "%s", f->what);
    *ret_fd = fd;
    return 0;
}

int stored_file_growth(void *file)
{
    const struct stored_file *f = file;

    return f->call ? -EAGAIN : f->r < 0 ? -EIO : 0;
}

void stored_file_await(struct stored_file *f, void (*grown)(void *userdata), void *userdata)
{
    f->grown = grown;
    f->reading = userdata;
}

struct stored_file *stored_file_ref(struct stored_file *f)
{
    f->references++;
    return f;
}

void stored_file_unref(struct stored_file *f)
{
    if (!f || --f->references > 0)
        return;
    if (f->call)
        stored_swift_cancel(f->web, f->call);
    close_fd(&f->fd);
    error_clear(&f->why);
    free(f->key);
    free(f->what);
    free(f->etag);
    free(f);
}
