// SPDX-License-Identifier: GPL-3.0-only
#include "cli/cowboys.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/utf8.h"
#include "data/archive.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)128 * 1024 * 1024)
#define LIST_MAX ((size_t)4 * 1024 * 1024)
#define DIFF_MAX ((size_t)1024 * 1024)
#define DIFF_TIMEOUT_US (60 * USEC_PER_SEC)
#define DEPTH_MAX 50
#define DIGEST_HEX 64 // characters of a SHA-256

struct check {
    const char *dir;
    bool diff;
    struct strv known; // paths of the list, sorted
    struct cowboys *found;
};

struct entry {
    unsigned mode;
    const char *digest; // DIGEST_HEX characters
    const char *path;
};

// ---------------------------------------------------------------- differences

static bool is_text(const struct buf *b)
{
    for (size_t i = 0; i < b->len;) {
        size_t n = b->data[i] ? utf8_sequence(b->data + i, b->len - i) : 0;

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

// A note in place of a difference. Where it does not fit it is left out.
static void note(struct check *c, const char *text, const char *path)
{
    (void)buf_addf(&c->found->diff, "%s: %s\n", path, text);
}

// `old` NULL: the file was added; `is_there` false: it is gone.
static int add_diff(struct check *c, const char *path, const struct buf *old, bool is_there,
                    struct error *err)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(DIFF_MAX);
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_free_ char *here = path_join(c->dir, path);
    _cleanup_free_ char *before = str_format("packed/%s", path);
    _cleanup_free_ char *after = str_format("unit/%s", path);
    const char *const argv[] = {"diff",
                                "-u",
                                "--label",
                                before,
                                "--label",
                                after,
                                "--",
                                old ? "-" : "/dev/null",
                                is_there ? here : "/dev/null",
                                NULL};
    int r;

    if (!here || !before || !after)
        return error_oom(err);
    spec.argv = argv;
    r = process_run(&spec, old ? buf_str(old) : NULL, old ? old->len : 0, DIFF_TIMEOUT_US, &result,
                    err);
    if (r == -E2BIG)
        note(c, "the difference is too long", path);
    if (r < 0 && r != -E2BIG)
        return error_prefix(err, r, "diff");
    if (r == -E2BIG)
        error_clear(err);
    else if (result.status < 0 || result.status > 1)
        return error_set(err, -EIO, "diff: %s", buf_str(&result.errors));
    else if (utf8_add_clean(&c->found->diff, buf_str(&result.out), result.out.len) == -E2BIG)
        note(c, "left out, the differences before it are long", path);
    return 0;
}

// Of a file of the list, against its packed copy where there is one.
static int diff_known(struct check *c, const char *path, bool is_there, struct error *err)
{
    _cleanup_free_ char *archive = path_join(c->dir, COWBOYS_PACKED);
    _cleanup_buf_ struct buf old = BUF_INIT(FILE_MAX);
    int r;

    if (!c->diff)
        return 0;
    r = archive ? tar_read_member(archive, path, &old, NULL) : error_oom(err);
    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0) {
        note(c, "a program, or without a packed copy: no difference to show", path);
        return 0;
    }
    return add_diff(c, path, &old, is_there, err);
}

// ---------------------------------------------------------------- files of the list

static int digest(const struct buf *content, char *ret)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!EVP_Digest(buf_str(content), content->len, sum, &len, EVP_sha256(), NULL))
        return -EIO;
    hex_encode(sum, len, ret);
    return 0;
}

static int check_file(struct check *c, const struct entry *entry, struct error *err)
{
    _cleanup_free_ char *path = path_join(c->dir, entry->path);
    _cleanup_buf_ struct buf content = BUF_INIT(FILE_MAX);
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    struct stat st;
    int r;

    if (!path)
        return error_oom(err);
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (strv_add(&c->found->missing, entry->path) < 0)
            return error_oom(err);
        return diff_known(c, entry->path, false, err);
    }
    if ((st.st_mode & 0777) != entry->mode &&
        strv_addf(&c->found->modes, "%s %04o, packed as %04o", entry->path,
                  (unsigned)st.st_mode & 0777, entry->mode) < 0)
        return error_oom(err);
    r = file_read(path, &content, err);
    if (r == 0 && digest(&content, hex) < 0)
        r = error_set(err, -EIO, "cannot make a checksum");
    if (r < 0 || strncmp(hex, entry->digest, DIGEST_HEX) == 0)
        return r;
    if (strv_add(&c->found->changed, entry->path) < 0)
        return error_oom(err);
    return diff_known(c, entry->path, true, err);
}

// "MODE SHA256 PATH", cut in place.
static int parse_line(char *line, struct entry *ret)
{
    char *end, *path;
    unsigned long mode = strtoul(line, &end, 8);

    if (end == line || *end != ' ' || mode > 0777)
        return -EBADMSG;
    path = strchr(end + 1, ' ');
    if (!path || path - end - 1 != DIGEST_HEX || !path_is_inside(path + 1))
        return -EBADMSG;
    *ret = (struct entry){.mode = (unsigned)mode, .digest = end + 1, .path = path + 1};
    return 0;
}

static int check_list(struct check *c, struct error *err)
{
    _cleanup_free_ char *path = path_join(c->dir, COWBOYS_MANIFEST);
    _cleanup_buf_ struct buf list = BUF_INIT(LIST_MAX);
    _cleanup_strv_ struct strv lines = STRV_INIT;
    int r = path ? file_read(path, &list, err) : error_oom(err);

    if (r == -ENOENT)
        return error_set(err, r, "%s was not packed with a list of its files", c->dir);
    if (r < 0)
        return r;
    if (strv_split(&lines, buf_str(&list), "\n") < 0)
        return error_oom(err);
    for (size_t i = 0; i < lines.len; i++) {
        struct entry entry;

        if (parse_line(lines.items[i], &entry) < 0)
            return error_set(err, -EBADMSG, "%s: line %zu is damaged", path, i + 1);
        if (strv_add(&c->known, entry.path) < 0)
            return error_oom(err);
        if ((r = check_file(c, &entry, err)) < 0)
            return r;
    }
    c->found->files = lines.len;
    return 0;
}

// ---------------------------------------------------------------- files that were added

// Juju's own, and the list itself.
static bool is_expected(const struct check *c, const char *path)
{
    static const char *const others[] = {".juju-charm", "revision", COWBOYS_MANIFEST};

    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (str_equal(path, others[i]))
            return true;
    return strv_contains(&c->known, path);
}

static int note_added(struct check *c, const char *path, const struct stat *st, struct error *err)
{
    _cleanup_free_ char *full = path_join(c->dir, path);
    _cleanup_buf_ struct buf content = BUF_INIT(DIFF_MAX);

    if (!full || strv_add(&c->found->added, path) < 0)
        return error_oom(err);
    if (!c->diff)
        return 0;
    if (!S_ISREG(st->st_mode) || file_read(full, &content, NULL) < 0 || !is_text(&content)) {
        note(c, "added; no text to show", path);
        return 0;
    }
    return add_diff(c, path, NULL, true, err);
}

// NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX bounds it
static int walk(struct check *c, const char *folder, unsigned depth, struct error *err)
{
    _cleanup_free_ char *full = path_join(c->dir, folder);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = full ? dir_list(full, &names, err) : error_oom(err);

    for (size_t i = 0; r == 0 && i < names.len; i++) {
        _cleanup_free_ char *path =
            *folder ? path_join(folder, names.items[i]) : strdup(names.items[i]);
        _cleanup_free_ char *place = path ? path_join(c->dir, path) : NULL;
        struct stat st;

        if (!place)
            return error_oom(err);
        if (lstat(place, &st) < 0)
            continue; // went away
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            r = walk(c, path, depth + 1, err);
        else if (!is_expected(c, path))
            r = note_added(c, path, &st, err);
    }
    return r;
}

int cowboys_check(const char *charm_dir, bool diff, struct cowboys *ret, struct error *err)
{
    struct check c = {.dir = charm_dir, .diff = diff, .found = ret};
    int r;

    *ret = (struct cowboys){.diff = BUF_INIT(DIFF_MAX)};
    r = check_list(&c, err);
    if (r == 0)
        r = walk(&c, "", 0, err);
    strv_release(&c.known);
    return r;
}

void cowboys_release(struct cowboys *cowboys)
{
    strv_release(&cowboys->changed);
    strv_release(&cowboys->modes);
    strv_release(&cowboys->missing);
    strv_release(&cowboys->added);
    buf_release(&cowboys->diff);
}
