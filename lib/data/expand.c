// SPDX-License-Identifier: GPL-3.0-only
#include "data/expand.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#define CHUNK ((size_t)64 * 1024)

// Where the pieces go.
struct receiver {
    const char *name;
    uint64_t left; // bytes that may still come
    int (*give)(const void *bytes, size_t len, void *userdata);
    void *userdata;
    char chunk[CHUNK];
};

static int give(struct receiver *to, size_t len, struct error *err)
{
    if (len > to->left)
        return error_set(err, -E2BIG, "%s: expands to more than is allowed", to->name);
    to->left -= len;
    return to->give(to->chunk, len, to->userdata);
}

// ---------------------------------------------------------------- xz, by libarchive

static void reader_free(struct archive *a)
{
    (void)archive_read_free(a);
}

DEFINE_CLEANUP(struct archive *, reader_free)

static int damaged(struct archive *a, const char *name, struct error *err)
{
    const char *text = archive_error_string(a);

    return error_set(err, archive_errno(a) == ENOMEM ? -ENOMEM : -EBADMSG, "%s: %s", name,
                     text ? text : "cannot be expanded");
}

static int expand_xz(int fd, struct receiver *to, struct error *err)
{
    _cleanup_(reader_freep) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int r;

    if (!a || archive_read_support_filter_xz(a) != ARCHIVE_OK ||
        archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_support_format_empty(a) != ARCHIVE_OK)
        return error_oom(err);
    if (archive_read_open_fd(a, fd, CHUNK) != ARCHIVE_OK)
        return damaged(a, to->name, err);
    r = archive_read_next_header(a, &entry);
    if (r == ARCHIVE_EOF)
        return 0; // nothing in it
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
        return damaged(a, to->name, err);
    for (;;) {
        la_ssize_t n = archive_read_data(a, to->chunk, CHUNK);

        if (n <= 0)
            return n < 0 ? damaged(a, to->name, err) : 0;
        r = give(to, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

// ---------------------------------------------------------------- gzip, by zlib
// libarchive does not look at gzip's checksum.

static void gz_free(gzFile gz)
{
    (void)gzclose(gz);
}

DEFINE_CLEANUP(gzFile, gz_free)

static int gz_end(gzFile gz, const char *name, struct error *err)
{
    int number = Z_OK;
    const char *text = gzerror(gz, &number);

    if (number == Z_OK || number == Z_STREAM_END)
        return 0;
    if (number == Z_MEM_ERROR)
        return error_oom(err);
    if (number == Z_BUF_ERROR)
        return error_set(err, -EBADMSG, "%s: ends too early", name);
    return error_set(err, -EBADMSG, "%s: %s", name, text);
}

static int expand_gzip(int fd, struct receiver *to, struct error *err)
{
    _cleanup_close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    _cleanup_(gz_freep) gzFile gz = own >= 0 ? gzdopen(own, "rb") : NULL;

    if (!gz)
        return error_oom(err);
    own = -1;
    for (;;) {
        int n = gzread(gz, to->chunk, (unsigned)CHUNK);
        int r;

        if (n <= 0)
            return gz_end(gz, to->name, err);
        r = give(to, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

static bool is_xz(const char *bytes, ssize_t len)
{
    static const char magic[] = {(char)0xfd, '7', 'z', 'X', 'Z', 0};

    return len == (ssize_t)sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0;
}

int expand_fd(int fd, const char *name, uint64_t max,
              int (*take)(const void *bytes, size_t len, void *userdata), void *userdata,
              struct error *err)
{
    _cleanup_free_ struct receiver *to = malloc(sizeof(*to));
    char start[6];

    if (!to)
        return error_oom(err);
    to->name = name;
    to->left = max;
    to->give = take;
    to->userdata = userdata;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(err, -errno, "cannot read %s", name);
    return is_xz(start, pread(fd, start, sizeof(start), 0)) ? expand_xz(fd, to, err)
                                                            : expand_gzip(fd, to, err);
}
