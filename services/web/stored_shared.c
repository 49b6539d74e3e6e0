// SPDX-License-Identifier: GPL-3.0-only
// A whole object of a Swift, sent out of the file without a name that it comes into
// (stored_file.h): all who ask for it while it comes, and for a while after that, share one
// download. Parts, conditions, and what is too large are stored_stream.c's.
#include "web/stored_swift.h"

#include "base/file.h"
#include "web/body.h"
#include "web/store_http.h"
#include "web/stored_file_internal.h"
#include "web/stored_follower.h"
#include "web/web.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#define DISK_PART 6 // so an eighth of the disk stays free: slow readers keep files for long

struct sending {
    struct stored_follower object;
    int fd;
    off_t at;
};

static void sending_free(void *userdata)
{
    struct sending *s = userdata;

    stored_follower_end(&s->object);
    close_fd(&s->fd);
    free(s);
}

static void await(void *userdata)
{
    struct sending *s = userdata;

    stored_follower_sleep(&s->object);
}

static ssize_t read_on(void *userdata, char *bytes, size_t max)
{
    struct sending *s = userdata;
    ssize_t n = pread(s->fd, bytes, max, s->at);

    if (n == 0)
        return stored_file_growth(s->object.file);
    if (n < 0)
        return -EIO;
    s->at += n;
    return n;
}

// How many bytes it has in all; UINT64_MAX: that is not known.
static uint64_t size_of(const struct stored_file *file, int fd)
{
    struct stat st;

    if (file->call)
        return file->announced;
    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
}

// Takes over *fd and *file.
static int answer(struct exchange *x, int *fd, struct stored_file **file)
{
    static const struct body_source source = {read_on, await, sending_free};
    const struct params *headers = &(*file)->headers;
    uint64_t size = size_of(*file, *fd);
    struct sending *s;

    for (size_t i = 0; i < headers->len; i++)
        if (exchange_add_header(x, headers->items[i].name, headers->items[i].value) == -ENOMEM)
            return -ENOMEM;
    if (store_add_guards(x) < 0 || !(s = calloc(1, sizeof(*s))))
        return -ENOMEM;
    stored_follower_begin(&s->object, x, TAKE_PTR(*file));
    s->fd = take_fd(fd);
    return exchange_answer(x, MHD_HTTP_OK, body_stream(&source, s, size, false));
}

// Whether the disk can spare the quarter of what is free that one object may take (stored_file.c).
static bool has_room(const struct web *web)
{
    _cleanup_free_ char *dir = path_parent(web->settings.database);
    struct statvfs fs;

    return dir && statvfs(dir, &fs) == 0 && fs.f_bavail >= fs.f_blocks / DISK_PART;
}

int stored_swift_share(struct exchange *x, const struct stored_object *object, struct error *err)
{
    _cleanup_(stored_file_unrefp) struct stored_file *file = NULL;
    _cleanup_close_ int fd = -1;
    struct stored_object whole = *object;
    int r;

    whole.sized = true;
    if (!has_room(x->web))
        return -EFBIG;
    r = stored_swift_follow(x, &whole, &fd, NULL, &file, err);
    if (r == 0 && size_of(file, fd) == UINT64_MAX)
        r = -EFBIG;
    return r != 0 ? r : answer(x, &fd, &file) < 0 ? error_oom(err) : 0;
}
