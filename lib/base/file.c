// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define CHUNK ((size_t)4096)

char *path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);

    if (n == 0)
        return strdup(name);
    while (n > 0 && dir[n - 1] == '/')
        n--;
    name += strspn(name, "/");
    return str_format("%.*s/%s", (int)n, dir, name);
}

bool path_is_inside(const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/");

        if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        if (path[n] == '\0')
            return true;
        path += n + 1;
    }
}

char *path_parent(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static ssize_t read_some(int fd, void *bytes, size_t len)
{
    ssize_t n;

    do
        n = read(fd, bytes, len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

// Reads once into the free room. Gives the number of bytes, 0 at the end, or a negative errno.
static ssize_t read_into(int fd, struct buf *b)
{
    size_t room = b->max - b->len;
    ssize_t n;
    int r;

    if (room == 0) {
        char beyond;

        n = read_some(fd, &beyond, 1);
        return n > 0 ? -E2BIG : n;
    }
    if (room > CHUNK)
        room = CHUNK;
    r = buf_reserve(b, room);
    if (r < 0)
        return r;
    room = b->alloc - b->len - 1; // doubling gives more than was asked for
    if (room > b->max - b->len)
        room = b->max - b->len;
    n = read_some(fd, b->data + b->len, room);
    if (n > 0)
        b->len += (size_t)n;
    b->data[b->len] = '\0';
    return n;
}

int file_read_fd(int fd, const char *name, struct buf *b, struct error *err)
{
    size_t before = b->len;
    ssize_t n;

    do
        n = read_into(fd, b);
    while (n > 0);
    if (n == 0)
        return 0;
    if (before < b->len)
        buf_truncate(b, before);
    if (n == -E2BIG)
        return error_set(err, -E2BIG, "%s: larger than %zu bytes", name, b->max - before);
    return error_errno(err, (int)n, "cannot read %s", name);
}

int file_read(const char *path, struct buf *b, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    return file_read_fd(fd, path, b, err);
}

int file_read_line(const char *path, char **ret, struct error *err)
{
    _cleanup_buf_ struct buf b = BUF_INIT(LINE_MAX_BYTES);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const char *end;
    char *line;
    ssize_t n;

    if (fd < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    do {
        n = read_into(fd, &b);
        end = b.len > 0 ? memchr(b.data, '\n', b.len) : NULL;
    } while (n > 0 && !end);
    if (!end && n == -E2BIG)
        return error_set(err, -E2BIG, "%s: line longer than %zu bytes", path, LINE_MAX_BYTES);
    if (!end && n < 0)
        return error_errno(err, (int)n, "cannot read %s", path);
    if (end)
        buf_truncate(&b, (size_t)(end - b.data));
    line = buf_take(&b);
    if (!line)
        return error_oom(err);
    *ret = line;
    return 0;
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n >= 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};

            if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return -errno;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

// Whether the open file has exactly this content: 1, 0 or a negative errno.
static int has_content(int fd, const char *content, size_t len)
{
    char chunk[CHUNK];

    for (;;) {
        ssize_t n = read_some(fd, chunk, sizeof(chunk));

        if (n < 0)
            return (int)n;
        if (n == 0)
            return len == 0;
        if ((size_t)n > len || memcmp(chunk, content, (size_t)n) != 0)
            return 0;
        content += n;
        len -= (size_t)n;
    }
}

static bool has_attributes(const struct stat *st, const struct file_attributes *want)
{
    return (st->st_mode & 07777) == want->mode &&
           (want->uid == (uid_t)-1 || st->st_uid == want->uid) &&
           (want->gid == (gid_t)-1 || st->st_gid == want->gid);
}

// 1: the file is as wanted; 0: it is absent or must be replaced.
static int is_as_wanted(const char *path, const void *content, size_t len,
                        const struct file_attributes *attributes)
{
    // O_NONBLOCK: a FIFO in the way must not stop us.
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return 0; // whatever the reason, replacing it meets and reports it
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size != len || !has_attributes(&st, attributes))
        return 0;
    return has_content(fd, content, len);
}

// Owner first: a change of owner clears set-user-ID bits.
static int set_attributes(int fd, const struct file_attributes *attributes)
{
    if ((attributes->uid != (uid_t)-1 || attributes->gid != (gid_t)-1) &&
        fchown(fd, attributes->uid, attributes->gid) < 0)
        return -errno;
    return fchmod(fd, attributes->mode) < 0 ? -errno : 0;
}

static int sync_dir(const char *dir)
{
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    // EINVAL: a file system without such a thing.
    return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

// Writes the temporary file, which was just made with mode 0600, and renames it over `path`.
static int write_and_rename(int fd, const char *temporary, const char *path, const void *content,
                            size_t len, const struct file_attributes *attributes)
{
    int r;

    r = fd_write_all(fd, content, len);
    if (r == 0)
        r = set_attributes(fd, attributes);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(temporary);
    return r;
}

// Makes the temporary file of a file: under a name of its own, or in place of what is left of
// another.
static int make_temporary(char *name, bool alone)
{
    int fd;

    if (!alone) {
        fd = mkostemp(name, O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    if (unlink(name) < 0 && errno != ENOENT)
        return -errno;
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static int write_new(const char *path, const void *content, size_t len,
                     const struct file_attributes *attributes, bool alone)
{
    _cleanup_free_ char *dir = path_parent(path), *temporary = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (!dir)
        return -ENOMEM;
    temporary = str_format("%s/.%s.%s", dir, name_of(path), alone ? "new" : "XXXXXX");
    if (!temporary)
        return -ENOMEM;
    fd = make_temporary(temporary, alone);
    if (fd < 0)
        return fd;
    r = write_and_rename(fd, temporary, path, content, len, attributes);
    return r < 0 ? r : sync_dir(dir);
}

static int replace(const char *path, const void *content, size_t len,
                   const struct file_attributes *attributes, bool alone, bool *ret_changed,
                   struct error *err)
{
    bool as_wanted;
    int r;

    r = is_as_wanted(path, content, len, attributes);
    as_wanted = r > 0;
    if (r == 0)
        r = write_new(path, content, len, attributes, alone);
    if (r < 0)
        return error_errno(err, r, "cannot write %s", path);
    if (ret_changed)
        *ret_changed = !as_wanted;
    return 0;
}

int file_replace(const char *path, const void *content, size_t len,
                 const struct file_attributes *attributes, bool *ret_changed, struct error *err)
{
    return replace(path, content, len, attributes, false, ret_changed, err);
}

int file_replace_alone(const char *path, const void *content, size_t len,
                       const struct file_attributes *attributes, bool *ret_changed,
                       struct error *err)
{
    return replace(path, content, len, attributes, true, ret_changed, err);
}

// 1: `path` is a link with this target.
static int links_to(const char *path, const char *target)
{
    size_t n = strlen(target);
    _cleanup_free_ char *there = malloc(n + 1); // one more, to tell a longer one
    ssize_t got;

    if (!there)
        return -ENOMEM;
    got = readlink(path, there, n + 1);
    return got >= 0 && (size_t)got == n && memcmp(there, target, n) == 0;
}

static int link_and_rename(const char *dir, const char *path, const char *target)
{
    _cleanup_free_ char *temporary = str_format("%s/.%s.new", dir, name_of(path));
    int r;

    if (!temporary)
        return -ENOMEM;
    if ((unlink(temporary) < 0 && errno != ENOENT) || symlink(target, temporary) < 0)
        return -errno;
    if (rename(temporary, path) == 0)
        return sync_dir(dir);
    r = -errno;
    (void)unlink(temporary);
    return r;
}

int file_replace_link(const char *path, const char *target, bool *ret_changed, struct error *err)
{
    _cleanup_free_ char *dir = path_parent(path);
    bool changed;
    int r;

    if (!dir)
        return error_oom(err);
    r = links_to(path, target);
    changed = r == 0;
    if (changed)
        r = link_and_rename(dir, path, target);
    if (r < 0)
        return error_errno(err, r, "cannot link %s to %s", path, target);
    if (ret_changed)
        *ret_changed = changed;
    return 0;
}

// Makes one folder; 1: made, 0: it was there.
static int make_one(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0)
        return chmod(path, mode) < 0 ? -errno : 1; // the umask is not ours to know
    if (errno != EEXIST)
        return -errno;
    if (stat(path, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

// Makes what is missing; the last folder with another mode than its parents. 1: the last was made.
static int make_all(const char *path, mode_t parents, mode_t last, struct error *err)
{
    _cleanup_free_ char *part = NULL;
    char *at;
    int r = make_one(path, last); // mostly it is there, or its parents are

    if (r != -ENOENT && r != -ENOTDIR)
        return r < 0 ? error_errno(err, r, "cannot make the folder %s", path) : r;
    part = strdup(path);
    if (!part)
        return error_oom(err);
    for (at = part + strspn(part, "/"); (at = strchr(at, '/')); at++) {
        *at = '\0';
        r = make_one(part, parents);
        if (r < 0)
            return error_errno(err, r, "cannot make the folder %s", part);
        *at = '/';
    }
    r = make_one(path, last);
    return r < 0 ? error_errno(err, r, "cannot make the folder %s", path) : r;
}

int dir_make(const char *path, mode_t mode, struct error *err)
{
    int r = make_all(path, mode, mode, err);

    return r < 0 ? r : 0;
}

int dir_make_parent(const char *path, mode_t mode, struct error *err)
{
    _cleanup_free_ char *parent = path_parent(path);

    return parent ? dir_make(parent, mode, err) : error_oom(err);
}

int dir_ensure(const char *path, const struct file_attributes *attributes, bool *ret_changed,
               struct error *err)
{
    _cleanup_close_ int fd = -1;
    struct stat st;
    bool changed;
    int r = make_all(path, 0755, attributes->mode, err);

    if (r < 0)
        return r;
    changed = r > 0;
    // O_NOFOLLOW: where others may write, a link must not lead our chown elsewhere.
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, -errno, "cannot open the folder %s", path);
    if (!has_attributes(&st, attributes)) {
        r = set_attributes(fd, attributes);
        if (r < 0)
            return error_errno(err, r, "cannot set owner and mode of %s", path);
        changed = true;
    }
    if (ret_changed)
        *ret_changed = changed;
    return 0;
}

DEFINE_CLEANUP(DIR *, closedir)

// What readdir() says, or where the file system does not tell it that way, lstat(). One that is
// gone is no link.
static bool is_link(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_LNK;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

// `links` NULL: they are with all others.
static int read_folder(const char *path, struct strv *links, struct strv *others, struct error *err)
{
    _cleanup_(closedirp) DIR *dir = opendir(path);

    if (!dir)
        return error_errno(err, -errno, "cannot read the folder %s", path);
    for (;;) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(dir);
        if (!entry && errno != 0)
            return error_errno(err, -errno, "cannot read the folder %s", path);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strv_add(links && is_link(dir, entry) ? links : others, entry->d_name) < 0)
            return error_oom(err);
    }
    if (links)
        strv_sort(links);
    strv_sort(others);
    return 0;
}

int dir_list(const char *path, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = read_folder(path, NULL, &names, err);

    if (r < 0)
        return r;
    return strv_add_list(ret, &names) < 0 ? error_oom(err) : 0;
}

int dir_list_links(const char *path, struct strv *ret_links, struct strv *ret_others,
                   struct error *err)
{
    _cleanup_strv_ struct strv links = STRV_INIT, others = STRV_INIT;
    int r = read_folder(path, &links, &others, err);

    if (r < 0)
        return r;
    return strv_add_list(ret_links, &links) < 0 || strv_add_list(ret_others, &others) < 0
               ? error_oom(err)
               : 0;
}

int file_remove(const char *path, bool *ret_changed, struct error *err)
{
    bool removed = unlink(path) == 0;

    if (!removed && errno != ENOENT)
        return error_errno(err, -errno, "cannot remove %s", path);
    if (ret_changed)
        *ret_changed = removed;
    return 0;
}

int dir_sync(const char *path, struct error *err)
{
    int r = sync_dir(path);

    return r < 0 ? error_errno(err, r, "cannot sync the folder %s", path) : 0;
}
