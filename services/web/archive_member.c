// SPDX-License-Identifier: GPL-3.0-only
// The half of archive_list.h that reads content.
#include "base/file.h"
#include "web/archive_list.h"

#define CHUNK ((size_t)64 * 1024)
#define LOOKED_AT ((size_t)4096) // bytes that tell text from other things

// Control characters that logs and the like have: tab, line ends, form feed, backspace, escape.
static bool is_text(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == 0x7f || (c < 0x20 && !(c && strchr("\t\n\r\f\b\x1b", c))))
            return false;
    }
    return true;
}

// Up to `max` bytes, fewer only at the end.
static ssize_t read_full(struct tar_reader *reader, char *bytes, size_t max, struct error *err)
{
    size_t len = 0;

    while (len < max) {
        ssize_t n = tar_reader_read(reader, bytes + len, max - len, err);

        if (n < 0)
            return n;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int write_member(struct tar_reader *reader, uint64_t size, int out, struct error *err)
{
    _cleanup_free_ char *chunk = malloc(CHUNK), *head = NULL;
    ssize_t n;
    int r;

    if (!chunk)
        return error_oom(err);
    n = read_full(reader, chunk, LOOKED_AT, err);
    if (n < 0)
        return (int)n;
    head = str_format("{\"size\":%llu,\"text\":%s}\n", (unsigned long long)(size & INT64_MAX),
                      is_text(chunk, (size_t)n) ? "true" : "false");
    if (!head)
        return error_oom(err);
    r = fd_write_all(out, head, strlen(head));
    while (r == 0 && n > 0) {
        r = fd_write_all(out, chunk, (size_t)n);
        if (r == 0 && (n = tar_reader_read(reader, chunk, CHUNK, err)) < 0)
            return (int)n;
    }
    return r < 0 ? error_errno(err, r, "cannot write") : 0;
}

static bool is_below(const char *name, const char *folder)
{
    return str_starts_with(name, folder) && name[strlen(folder)] == '/';
}

// 0: it is written; 1: it is another name of *ret_target.
static int find_member(int fd, const char *name, const char *member, int out, char **ret_target,
                       struct error *err)
{
    _cleanup_(tar_reader_freep) struct tar_reader *reader = NULL;
    struct tar_entry e;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? error_errno(err, -errno, "%s", name)
                                       : tar_reader_open(fd, name, &reader, err);

    if (r < 0)
        return r;
    while ((r = tar_reader_next(reader, &e, err)) > 0) {
        if (is_below(e.name, member))
            return error_set(err, -EISDIR, "%s: that is a folder", name);
        if (!str_equal(e.name, member))
            continue;
        if (e.kind == TAR_FILE)
            return write_member(reader, e.size, out, err);
        if (e.kind == TAR_HARD_LINK && e.target) {
            while (str_starts_with(e.target, "./"))
                e.target += 2;
            *ret_target = strdup(e.target);
            return *ret_target ? 1 : error_oom(err);
        }
        return error_set(err, -ENOENT, "that is no file but a link or a device");
    }
    return r < 0 ? r : error_set(err, -ENOENT, "%s: there is no file of that name in it", name);
}

int archive_member(int fd, const char *name, const char *member, int out, struct error *err)
{
    _cleanup_free_ char *target = NULL, *next = NULL;
    int r = find_member(fd, name, member, out, &target, err);

    if (r > 0)
        r = find_member(fd, name, target, out, &next, err);
    return r > 0 ? error_set(err, -ENOENT, "%s: that is a link to a link", name) : r;
}
