// SPDX-License-Identifier: GPL-3.0-only
// The half of archive_list.h that reads content.
#include "base/file.h"
#include "web/archive_list.h"
#include "web/conditional.h"

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

// The part of a member that is wanted.
struct part {
    uint64_t first, end; // bytes; end UINT64_MAX: all that there is; end 0: there is no such part
};

static struct part part_of(const char *range, uint64_t size)
{
    struct part part = {.end = UINT64_MAX};
    uint64_t len = 0;

    switch (range_parse(range, size, &part.first, &len)) {
    case RANGE_PART:
        part.end = part.first + len;
        break;
    case RANGE_UNSATISFIABLE:
        part.end = 0;
        break;
    case RANGE_WHOLE:
        break;
    }
    return part;
}

static int write_head(const struct part *part, uint64_t size, bool text, int out)
{
    _cleanup_buf_ struct buf head = BUF_INIT(BUF_OWN_MAX);
    unsigned long long bytes = size & INT64_MAX;
    int r = buf_addf(&head, "{\"size\":%llu,\"text\":%s", bytes, text ? "true" : "false");

    if (r == 0 && part->end != UINT64_MAX)
        r = buf_addf(&head, ",\"first\":%llu,\"length\":%llu", (unsigned long long)part->first,
                     (unsigned long long)(part->end - part->first));
    if (r == 0)
        r = buf_add_str(&head, "}\n");
    return r < 0 ? r : fd_write_all(out, head.data, head.len);
}

// Of `len` bytes, which are at `at` in the member, those that belong to the part.
static int write_piece(const struct part *part, const char *bytes, size_t len, uint64_t at, int out)
{
    uint64_t skip = at < part->first ? part->first - at : 0;
    uint64_t end = part->end - at < len ? part->end - at : len;

    return skip < end ? fd_write_all(out, bytes + skip, (size_t)(end - skip)) : 0;
}

static int write_member(struct tar_reader *reader, uint64_t size, const char *range, int out,
                        struct error *err)
{
    const struct part part = part_of(range, size);
    _cleanup_free_ char *chunk = malloc(CHUNK);
    uint64_t at = 0;
    ssize_t n;
    int r;

    if (!chunk)
        return error_oom(err);
    n = read_full(reader, chunk, LOOKED_AT, err);
    if (n < 0)
        return (int)n;
    r = write_head(&part, size, is_text(chunk, (size_t)n), out);
    while (r == 0 && n > 0 && at < part.end) {
        r = write_piece(&part, chunk, (size_t)n, at, out);
        at += (uint64_t)n;
        if (r == 0 && at < part.end && (n = tar_reader_read(reader, chunk, CHUNK, err)) < 0)
            return (int)n;
    }
    return r < 0 ? error_errno(err, r, "cannot write") : 0;
}

static bool is_below(const char *name, const char *folder)
{
    return str_starts_with(name, folder) && name[strlen(folder)] == '/';
}

// 0: it is written; 1: it is another name of *ret_target.
static int find_member(int fd, const char *name, const char *member, const char *range, int out,
                       char **ret_target, struct error *err)
{
    _cleanup_(tar_reader_freep) struct tar_reader *reader = NULL;
    struct tar_entry e;
    int r = tar_reader_open(fd, name, &reader, err);

    if (r < 0)
        return r;
    while ((r = tar_reader_next(reader, &e, err)) > 0) {
        if (is_below(e.name, member))
            return error_set(err, -EISDIR, "%s: that is a folder", name);
        if (!str_equal(e.name, member))
            continue;
        if (e.kind == TAR_FILE)
            return write_member(reader, e.size, range, out, err);
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

int archive_member(int fd, const char *name, const char *member, const char *range, int out,
                   struct error *err)
{
    _cleanup_free_ char *target = NULL, *next = NULL;
    int r = find_member(fd, name, member, range, out, &target, err);

    if (r > 0) // what it names stands before it
        r = lseek(fd, 0, SEEK_SET) < 0 ? error_errno(err, -errno, "%s", name)
                                       : find_member(fd, name, target, range, out, &next, err);
    return r > 0 ? error_set(err, -ENOENT, "%s: that is a link to a link", name) : r;
}
