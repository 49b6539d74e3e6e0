// SPDX-License-Identifier: GPL-3.0-only
// The gzip half of archive.h.
#include "data/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#define CHUNK ((size_t)64 * 1024)

static void gz_close(gzFile gz)
{
    (void)gzclose(gz);
}

DEFINE_CLEANUP(gzFile, gz_close)

static int gz_failed(gzFile gz, const char *path, int otherwise, struct error *err)
{
    int number = Z_OK;
    const char *text = gzerror(gz, &number);

    if (number == Z_MEM_ERROR)
        return error_oom(err);
    if (number == Z_ERRNO)
        return error_errno(err, -errno, "%s", path);
    return error_set(err, otherwise, "%s: %s", path, text);
}

// zlib's own handle on a descriptor that stays ours. It writes no name and no time.
static gzFile gz_open(int fd, const char *mode)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    gzFile gz = own >= 0 ? gzdopen(own, mode) : NULL;

    if (!gz)
        close_fd(&own);
    return gz;
}

static int compress_all(int source, gzFile gz, const char *source_path, const char *target,
                        struct error *err)
{
    _cleanup_free_ char *chunk = malloc(CHUNK);

    if (!chunk)
        return error_oom(err);
    while (source >= 0) {
        ssize_t n = read(source, chunk, CHUNK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, -errno, "cannot read %s", source_path);
        if (n == 0)
            break;
        if (gzwrite(gz, chunk, (unsigned)n) <= 0)
            return gz_failed(gz, target, -EIO, err);
    }
    return 0;
}

static int gzip_to(int source, int fd, const char *source_path, const char *target,
                   struct error *err)
{
    _cleanup_(gz_closep) gzFile gz = gz_open(fd, "wb6");
    int r;

    if (!gz)
        return error_oom(err);
    r = compress_all(source, gz, source_path, target, err);
    if (r < 0)
        return r;
    errno = EIO;
    if (gzclose(TAKE_PTR(gz)) != Z_OK || fsync(fd) < 0)
        return error_errno(err, -errno, "cannot write %s", target);
    return 0;
}

int gzip_file(const char *source, const char *target, struct error *err)
{
    _cleanup_close_ int in = open(source, O_RDONLY | O_CLOEXEC), out = -1;
    struct stat st;
    int r;

    if (in < 0 && errno != ENOENT)
        return error_errno(err, -errno, "cannot read %s", source);
    out = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (out < 0)
        return error_errno(err, -errno, "cannot write %s", target);
    r = gzip_to(in, out, source, target, err);
    if (r < 0 && fstat(out, &st) == 0 && S_ISREG(st.st_mode))
        (void)unlink(target);
    return r;
}

static int expand_all(gzFile gz, const char *path, struct buf *b, struct error *err)
{
    _cleanup_free_ char *chunk = malloc(CHUNK);

    if (!chunk)
        return error_oom(err);
    for (;;) {
        int n = gzread(gz, chunk, (unsigned)CHUNK), number = Z_OK, r;

        if (n > 0 && gzdirect(gz))
            return error_set(err, -EBADMSG, "%s: not compressed by gzip", path);
        if (n < 0)
            return gz_failed(gz, path, -EBADMSG, err);
        if (n == 0) {
            (void)gzerror(gz, &number); // Z_BUF_ERROR: the end is missing
            return number == Z_OK || number == Z_STREAM_END
                       ? 0
                       : error_set(err, -EBADMSG, "%s: ends too early", path);
        }
        r = buf_add(b, chunk, (size_t)n);
        if (r == -E2BIG)
            return error_set(err, r, "%s: expands to more than is allowed", path);
        if (r < 0)
            return error_oom(err);
    }
}

int gunzip_file(const char *path, struct buf *b, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_(gz_closep) gzFile gz = fd >= 0 ? gz_open(fd, "rb") : NULL;
    size_t before = b->len;
    int r;

    if (fd < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    if (!gz)
        return error_oom(err);
    r = expand_all(gz, path, b, err);
    if (r < 0)
        buf_truncate(b, before);
    return r;
}
