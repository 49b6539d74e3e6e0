// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_file_internal.h"

#include "base/file.h"
#include "base/parse.h"
#include "web/stored_cache.h"
#include "web/stored_call.h"
#include "web/web.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ERROR_BODY_MAX ((size_t)64 * 1024)

// ---- those who wait

bool stored_file_is_before(const struct stored_file *f, enum stored_moment moment)
{
    return f->call && (moment == STORED_OVER || (moment == STORED_BEGUN && !f->begun));
}

void stored_file_await(struct stored_file *f, struct stored_waiter *waiter)
{
    waiter->file = f;
    waiter->next = f->waiters;
    f->waiters = waiter;
}

void stored_waiter_end(struct stored_waiter *waiter)
{
    struct stored_waiter **at = waiter->file ? &waiter->file->waiters : NULL;

    while (at && *at != waiter)
        at = &(*at)->next;
    if (at)
        *at = waiter->next;
    waiter->file = NULL;
}

static void wake(struct stored_file *f)
{
    struct stored_waiter **at = &f->waiters, *waiter;

    while ((waiter = *at)) {
        if (stored_file_is_before(f, waiter->moment)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->file = NULL;
        waiter->call(waiter->userdata);
    }
}

// ---- those that come

// Nobody joins it any more.
static void unlink_file(struct stored_file *f)
{
    struct stored_file **at = &f->web->swift->files;

    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
}

static struct stored_file *find_coming(const struct web *web, const char *key)
{
    struct stored_file *f = web->swift->files;

    while (f && strcmp(f->key, key) != 0)
        f = f->next;
    return f;
}

static void end_left(struct stored_file *f)
{
    if (!f->left)
        return;
    f->left = false;
    f->web->swift->left--;
    stored_file_unref(f);
}

void stored_files_forget(struct web *web)
{
    struct stored_file *f;

    while ((f = web->swift->files)) {
        web->swift->files = f->next;
        f->kept = f->to_end = false;
        end_left(f);
    }
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

// Once, with the entity tag.
static int note_headers(struct stored_file *f, const struct http_response *head)
{
    static const struct {
        const char *name, *lower;
    } names[] = {{"Content-Type", "content-type"},
                 {"Content-Encoding", "content-encoding"},
                 {"ETag", "etag"},
                 {"Content-Disposition", "content-disposition"},
                 {"Last-Modified", "last-modified"},
                 {"X-Timestamp", "x-timestamp"},
                 {"Accept-Ranges", "accept-ranges"}};
    int r = note_etag(f, head);

    for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
        const char *value = http_response_header(head, names[i].lower);

        if (value && !params_get(&f->headers, names[i].name))
            r = params_add(&f->headers, names[i].name, value);
    }
    return r;
}

// What others on their way have announced and is not on the disk yet.
static uint64_t still_to_come(const struct stored_file *but)
{
    uint64_t sum = 0;

    for (const struct stored_file *f = but->web->swift->files; f; f = f->next)
        if (f != but && f->announced != UINT64_MAX)
            sum += f->announced - f->size;
    return sum;
}

// One object may take a quarter of what is free on the disk, which is the database's, too.
static uint64_t room(const struct stored_file *f)
{
    struct statvfs fs;
    uint64_t space = fstatvfs(f->fd, &fs) < 0 ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t others = still_to_come(f), quarter = space > others ? (space - others) / 4 : 0;

    return quarter < f->asked_max ? quarter : f->asked_max;
}

static int on_begin(const struct http_response *head, void *userdata)
{
    struct stored_file *f = userdata;
    const char *length = http_response_header(head, "content-length");
    uint64_t announced;
    int r = note_headers(f, head);

    if (r < 0)
        return r;
    f->max = room(f); // others have begun meanwhile
    if (length && parse_uint(length, 0, UINT64_MAX - 1, &announced, NULL) == 0) {
        if (announced > f->max)
            return -E2BIG;
        f->announced = announced;
    } else if (f->sized) {
        return -E2BIG;
    }
    f->begun = true;
    wake(f);
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

    f->call = NULL;
    unlink_file(f);
    f->r = stored_call_end(f->web, f->reader, f->what, r, answer, why, &f->why);
    if (f->r == 0)
        f->r = note_headers(f, answer); // of one without bytes
    if (f->r == 0 && f->kept)
        stored_cache_put(f->web->swift->cache, f->key, f->fd, f->etag, &f->headers);
    wake(f);
    end_left(f);
}

// ---- getting

static int start(struct stored_file *f, const struct stored_object *object, struct error *err)
{
    static const struct http_sink sink = {on_begin, on_bytes};
    const struct swift_async_request request = {.container = object->container,
                                                .object = object->name,
                                                .as_account = f->reader == READER_ACCOUNT,
                                                .body_max = ERROR_BODY_MAX,
                                                .sink = &sink};
    int r;

    f->fd = web_unnamed_file(f->web, err);
    if (f->fd < 0)
        return f->fd;
    f->max = room(f);
    r = stored_call_start(f->web, &request, STORED_CALLS_MAX, on_end, f, &f->call, err);
    if (r == 0 && f->kept) {
        f->next = f->web->swift->files;
        f->web->swift->files = f;
    }
    return r;
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
                              .asked_max = object->max,
                              .announced = UINT64_MAX,
                              .kept = !object->anew,
                              .to_end = object->to_end,
                              .sized = object->sized,
                              .fd = -1};
    if (f->key && f->what)
        return f;
    stored_file_unref(f);
    return NULL;
}

// Whether who asks for an object gets the one that comes: it would come to the same end for him, or
// what comes to a better one costs nothing more.
static bool is_joined(const struct stored_file *coming, const struct stored_object *object)
{
    return coming->asked_max == object->max ||
           (coming->begun && coming->announced <= coming->max &&
            (object->sized || coming->announced <= object->max));
}

int stored_file_get(struct web *web, const struct stored_object *object, struct stored_file **ret,
                    struct error *err)
{
    struct stored_file *f = file_new(web, object), *coming;
    int r = 0;

    if (!f)
        return error_oom(err);
    coming = f->kept ? find_coming(web, f->key) : NULL;
    if (coming && is_joined(coming, object)) {
        stored_file_unref(f);
        *ret = stored_file_ref(coming);
        return 0;
    }
    if (f->kept)
        f->fd = stored_cache_get(web->swift->cache, f->key, &f->etag, &f->headers);
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

// 0: its beginning has come; -ENOENT; -ENOMEM.
static int coming_etag(const struct web *web, const char *key, char **ret)
{
    const struct stored_file *coming = find_coming(web, key);

    if (!coming || !coming->begun)
        return -ENOENT;
    *ret = coming->etag ? strdup(coming->etag) : NULL;
    return coming->etag && !*ret ? -ENOMEM : 0;
}

bool stored_file_kept_etag(const struct web *web, const struct stored_object *object,
                           char **ret_etag)
{
    _cleanup_free_ char *key = cache_key(object);
    _cleanup_close_ int fd = key ? stored_cache_get(web->swift->cache, key, ret_etag, NULL) : -1;

    return fd >= 0 || (key && coming_etag(web, key, ret_etag) == 0);
}

// ---- reading

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

uint64_t stored_file_size(const struct stored_file *f)
{
    return f->call ? f->announced : f->size;
}

struct stored_file *stored_file_ref(struct stored_file *f)
{
    f->references++;
    return f;
}

// Whether it comes to its end without a reader: for the next one, and only if it is kept for that.
static bool goes_on(const struct stored_file *f)
{
    return f->to_end && f->announced <= stored_cache_largest(f->fd) &&
           f->web->swift->left < STORED_LEFT_MAX;
}

void stored_file_unref(struct stored_file *f)
{
    if (!f || --f->references > 0)
        return;
    if (f->call && goes_on(f)) {
        f->references = 1; // given back by end_left()
        f->left = true;
        f->web->swift->left++;
        return;
    }
    if (f->call) {
        unlink_file(f);
        stored_call_cancel(f->web, f->call);
    }
    close_fd(&f->fd);
    error_clear(&f->why);
    free(f->key);
    free(f->what);
    free(f->etag);
    params_release(&f->headers);
    free(f);
}
