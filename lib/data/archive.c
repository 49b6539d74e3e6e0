// SPDX-License-Identifier: GPL-3.0-only
#include "data/archive.h"

#include "base/file.h"
#include "base/strv.h"
#include "data/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK ((size_t)64 * 1024)

struct tar_writer {
    char *path;
    int fd;
    struct archive *archive;
    int64_t mtime;
};

DEFINE_CLEANUP(struct archive_entry *, archive_entry_free)
DEFINE_CLEANUP(DIR *, closedir)

// libarchive's error into ours; its numbers are errnos or its own (positive, "misc").
static int archive_failed(struct archive *a, const char *path, struct error *err)
{
    int number = archive_errno(a);
    const char *text = archive_error_string(a);
    int r = number == ENOMEM || number == ENOSPC || number == EDQUOT ? -number : -EIO;

    return error_set(err, r, "%s: %s", path, text ? text : "cannot be written");
}

static int open_archive(struct tar_writer *w, bool gzip, struct error *err)
{
    struct archive *a = w->archive = archive_write_new();

    if (!a)
        return error_oom(err);
    if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
        (gzip && (archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
                  archive_write_set_filter_option(a, "gzip", "timestamp", NULL) != ARCHIVE_OK)) ||
        archive_write_open_fd(a, w->fd) != ARCHIVE_OK)
        return archive_failed(a, w->path, err);
    return 0;
}

int tar_writer_open(const char *path, bool gzip, int64_t mtime, struct tar_writer **ret,
                    struct error *err)
{
    _cleanup_(tar_writer_freep) struct tar_writer *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return error_oom(err);
    w->fd = -1;
    w->mtime = mtime;
    w->path = strdup(path);
    if (!w->path)
        return error_oom(err);
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (w->fd < 0)
        return error_errno(err, -errno, "cannot write %s", path);
    r = open_archive(w, gzip, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(w);
    return 0;
}

static struct archive_entry *entry_new(const struct tar_writer *w, const char *name,
                                       unsigned file_type, mode_t mode, int64_t size)
{
    struct archive_entry *e = archive_entry_new();

    if (!e)
        return NULL;
    archive_entry_copy_pathname(e, name);
    archive_entry_set_filetype(e, file_type);
    archive_entry_set_perm(e, mode);
    archive_entry_set_size(e, size);
    archive_entry_set_mtime(e, (time_t)w->mtime, 0);
    archive_entry_set_uid(e, 0);
    archive_entry_set_gid(e, 0);
    return e;
}

static int write_header(struct tar_writer *w, struct archive_entry *e, struct error *err)
{
    // A warning: the locale cannot read the name, it is stored byte by byte (hdrcharset=BINARY).
    if (archive_write_header(w->archive, e) < ARCHIVE_WARN)
        return archive_failed(w->archive, w->path, err);
    return 0;
}

static int write_data(struct tar_writer *w, const void *bytes, size_t len, struct error *err)
{
    const char *at = bytes;

    while (len > 0) {
        la_ssize_t n = archive_write_data(w->archive, at, len);

        if (n <= 0)
            return archive_failed(w->archive, w->path, err);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int tar_writer_add(struct tar_writer *w, const char *name, const void *content, size_t len,
                   struct error *err)
{
    _cleanup_(archive_entry_freep) struct archive_entry *e =
        entry_new(w, name, AE_IFREG, 0644, (int64_t)len);
    int r;

    if (!e)
        return error_oom(err);
    r = write_header(w, e, err);
    return r < 0 ? r : write_data(w, content, len, err);
}

// Exactly `size` bytes of the file: the header has promised them.
static int copy_content(struct tar_writer *w, int fd, int64_t size, const char *path,
                        struct error *err)
{
    _cleanup_free_ char *chunk = malloc(CHUNK);

    if (!chunk)
        return error_oom(err);
    while (size > 0) {
        size_t want = size < (int64_t)CHUNK ? (size_t)size : CHUNK;
        ssize_t n = read(fd, chunk, want);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, -errno, "cannot read %s", path);
        if (n == 0)
            return error_set(err, -EIO, "%s: became shorter while it was read", path);
        r = write_data(w, chunk, (size_t)n, err);
        if (r < 0)
            return r;
        size -= n;
    }
    return 0;
}

static int add_regular(struct tar_writer *w, int fd, const struct stat *st, const char *name,
                       const char *path, struct error *err)
{
    _cleanup_(archive_entry_freep) struct archive_entry *e =
        entry_new(w, name, AE_IFREG, st->st_mode & 0111 ? 0755 : 0644, st->st_size);
    int r;

    if (!e)
        return error_oom(err);
    r = write_header(w, e, err);
    return r < 0 ? r : copy_content(w, fd, st->st_size, path, err);
}

int tar_writer_add_file(struct tar_writer *w, const char *name, const char *path, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, -EINVAL, "%s: not a regular file", path);
    return add_regular(w, fd, &st, name, path, err);
}

// What the walk over a tree carries along.
struct walk {
    struct tar_writer *w;
    bool (*skip)(const char *name);
    const char *dir; // for messages
    unsigned depth;
};

static int add_folder(struct walk *walk, int fd, const char *name, struct error *err);

static int add_link(struct walk *walk, int dir, const char *base, const char *name,
                    const struct stat *st, struct error *err)
{
    _cleanup_(archive_entry_freep) struct archive_entry *e =
        entry_new(walk->w, name, AE_IFLNK, 0777, 0);
    size_t room = st->st_size > 0 ? (size_t)st->st_size + 1 : CHUNK; // procfs tells no length
    _cleanup_free_ char *target = malloc(room);
    ssize_t n;

    if (!e || !target)
        return error_oom(err);
    n = readlinkat(dir, base, target, room);
    if (n < 0 || (size_t)n >= room)
        return 0; // replaced since it was listed
    target[n] = '\0';
    archive_entry_copy_symlink(e, target);
    return write_header(walk->w, e, err);
}

// Opens what is there now; a special file that took a name's place must not stop or mislead us.
static int add_opened(struct walk *walk, int dir, const char *base, const char *name,
                      struct error *err)
{
    _cleanup_close_ int fd =
        openat(dir, base, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return errno == EMFILE || errno == ENFILE || errno == EIO
                   ? error_errno(err, -errno, "cannot read %s/%s", walk->dir, name)
                   : 0;
    if (S_ISREG(st.st_mode))
        return add_regular(walk->w, fd, &st, name, name, err);
    return S_ISDIR(st.st_mode) ? add_folder(walk, fd, name, err) : 0;
}

static int add_entry(struct walk *walk, int dir, const char *base, const char *name,
                     struct error *err)
{
    struct stat st;

    if ((walk->skip && walk->skip(name)) || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISLNK(st.st_mode))
        return add_link(walk, dir, base, name, &st, err);
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? add_opened(walk, dir, base, name, err) : 0;
}

static int list_folder(int fd, struct strv *ret)
{
    _cleanup_(closedirp) DIR *dir = NULL;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own < 0)
        return -errno;
    dir = fdopendir(own);
    if (!dir) {
        int r = -errno;

        close_fd(&own);
        return r;
    }
    for (;;) {
        const struct dirent *entry;
        int r;

        errno = 0;
        entry = readdir(dir);
        if (!entry)
            return -errno;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = strv_add(ret, entry->d_name);
        if (r < 0)
            return r;
    }
}

// Adds what is in an open folder; `name` is its own, "" for the top.
static int add_content(struct walk *walk, int fd, const char *name, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = list_folder(fd, &names);

    if (r < 0)
        return error_errno(err, r, "cannot read %s/%s", walk->dir, name);
    strv_sort(&names);
    STRV_FOREACH (base, &names) {
        _cleanup_free_ char *full = path_join(name, base);

        if (!full)
            return error_oom(err);
        r = add_entry(walk, fd, base, full, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_folder(struct walk *walk, int fd, const char *name, struct error *err)
{
    _cleanup_(archive_entry_freep) struct archive_entry *e =
        entry_new(walk->w, name, AE_IFDIR, 0755, 0);
    int r;

    if (!e)
        return error_oom(err);
    r = write_header(walk->w, e, err);
    if (r < 0 || walk->depth == TAR_DEPTH_MAX)
        return r;
    walk->depth++;
    r = add_content(walk, fd, name, err);
    walk->depth--;
    return r;
}

int tar_writer_add_tree(struct tar_writer *w, const char *dir, bool (*skip)(const char *name),
                        struct error *err)
{
    struct walk walk = {.w = w, .skip = skip, .dir = dir};
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(err, -errno, "cannot read the folder %s", dir);
    return add_content(&walk, fd, "", err);
}

int tar_writer_close(struct tar_writer *w, struct error *err)
{
    _cleanup_(tar_writer_freep) _unused_ struct tar_writer *owned = w;

    if (archive_write_close(w->archive) != ARCHIVE_OK)
        return archive_failed(w->archive, w->path, err);
    if (fsync(w->fd) < 0)
        return error_errno(err, -errno, "cannot write %s", w->path);
    close_fd(&w->fd);
    w->fd = -1; // complete: stays when the writer is freed
    return 0;
}

void tar_writer_free(struct tar_writer *w)
{
    struct stat st;

    if (w->archive)
        (void)archive_write_free(w->archive);
    if (w->fd >= 0) {
        // Never a device or the like that was named as the target.
        if (fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode))
            (void)unlink(w->path);
        close_fd(&w->fd);
    }
    free(w->path);
    free(w);
}

static int read_member_data(struct tar_reader *reader, const char *path, struct buf *b,
                            struct error *err)
{
    size_t before = b->len;
    char chunk[8192];

    for (;;) {
        ssize_t n = tar_reader_read(reader, chunk, sizeof(chunk), err);
        int r = n < 0 ? (int)n : 0;

        if (n == 0)
            return 0;
        if (r == 0 && (r = buf_add(b, chunk, (size_t)n)) < 0)
            r = r == -E2BIG
                    ? error_set(err, r, "%s: member larger than %zu bytes", path, b->max - before)
                    : error_oom(err);
        if (r < 0) {
            buf_truncate(b, before);
            return r;
        }
    }
}

int tar_read_member(const char *path, const char *name, struct buf *b, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_(tar_reader_freep) struct tar_reader *reader = NULL;
    struct tar_entry e;
    int r;

    if (fd < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    r = tar_reader_open(fd, path, &reader, err);
    while (r == 0) {
        r = tar_reader_next(reader, &e, err);
        if (r == 0)
            return error_set(err, -ENOENT, "%s: has no member %s", path, name);
        if (r < 0)
            return r;
        if (e.kind == TAR_FILE && str_equal(e.name, name))
            return read_member_data(reader, path, b, err);
        r = 0;
    }
    return r;
}
