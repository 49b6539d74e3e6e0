// SPDX-License-Identifier: GPL-3.0-only
#include "web/static_files.h"

#include "base/file.h"
#include "data/compress.h"
#include "web/encoding.h"

#include <dirent.h>
#include <fcntl.h>

#define FILE_MAX ((size_t)4 * 1024 * 1024)

struct static_file {
    char *name;
    struct stat st;
    struct body *gzip;
};

struct static_files {
    struct static_file *items;
    size_t len;
};

const char *static_files_type(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".txt", "text/plain; charset=utf-8"},
        {".sha256", "text/plain"},
        {".db", "application/vnd.sqlite3"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (str_ends_with(name, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

// 0: there is nothing to keep.
static int compress_file(int dir_fd, const char *name, struct stat *ret_st, struct body **ret)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_(body_unrefp) struct body *plain = NULL, *gzip = NULL;

    if (fd < 0 || fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode) ||
        !encoding_is_for(static_files_type(name), (uint64_t)ret_st->st_size) ||
        file_read_fd(fd, name, &text, NULL) < 0)
        return 0;
    plain = body_new(&text);
    gzip = plain ? body_gzip(plain, COMPRESS_BEST) : NULL;
    if (!gzip)
        return -ENOMEM;
    if (gzip->len >= plain->len)
        return 0;
    *ret = TAKE_PTR(gzip);
    return 1;
}

static int add_file(struct static_files *files, int dir_fd, const char *name)
{
    struct static_file file = {0}, *items;
    int r = compress_file(dir_fd, name, &file.st, &file.gzip);

    if (r <= 0)
        return r;
    file.name = strdup(name);
    items = file.name ? reallocarray(files->items, files->len + 1, sizeof(*items)) : NULL;
    if (!items) {
        free(file.name);
        body_unref(file.gzip);
        return -ENOMEM;
    }
    files->items = items;
    items[files->len++] = file;
    return 0;
}

int static_files_load(const char *dir_path, struct static_files **ret)
{
    struct static_files *files = calloc(1, sizeof(*files));
    DIR *dir = files ? opendir(dir_path) : NULL;
    const struct dirent *entry;
    int r = files ? 0 : -ENOMEM;

    while (r == 0 && dir && (entry = readdir(dir)))
        r = add_file(files, dirfd(dir), entry->d_name);
    if (dir)
        (void)closedir(dir);
    if (r < 0)
        static_files_free(files);
    else
        *ret = files;
    return r;
}

void static_files_free(struct static_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->len; i++) {
        free(files->items[i].name);
        body_unref(files->items[i].gzip);
    }
    free(files->items);
    free(files);
}

struct body *static_files_find(const struct static_files *files, const char *name,
                               const struct stat *st)
{
    for (size_t i = 0; i < files->len; i++) {
        const struct static_file *f = &files->items[i];

        if (strcmp(f->name, name) == 0)
            return f->st.st_dev == st->st_dev && f->st.st_ino == st->st_ino &&
                           f->st.st_size == st->st_size &&
                           f->st.st_mtim.tv_sec == st->st_mtim.tv_sec &&
                           f->st.st_mtim.tv_nsec == st->st_mtim.tv_nsec
                       ? f->gzip
                       : NULL;
    }
    return NULL;
}
