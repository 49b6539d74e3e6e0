// SPDX-License-Identifier: GPL-3.0-only
#include "data/tar_reader.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <archive.h>
#include <archive_entry.h>

#define BLOCK ((size_t)64 * 1024)

struct tar_reader {
    struct archive *archive;
    char *name;
};

static int damaged(const struct tar_reader *reader, struct error *err)
{
    const char *text = archive_error_string(reader->archive);

    return error_set(err, archive_errno(reader->archive) == ENOMEM ? -ENOMEM : -EBADMSG, "%s: %s",
                     reader->name, text ? text : "this is no tar archive");
}

int tar_reader_open(int fd, const char *name, struct tar_reader **ret, struct error *err)
{
    _cleanup_(tar_reader_freep) struct tar_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return error_oom(err);
    reader->name = strdup(name);
    reader->archive = archive_read_new();
    if (!reader->name || !reader->archive ||
        archive_read_support_filter_gzip(reader->archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(reader->archive) != ARCHIVE_OK)
        return error_oom(err);
    if (archive_read_open_fd(reader->archive, fd, BLOCK) != ARCHIVE_OK)
        return damaged(reader, err);
    *ret = TAKE_PTR(reader);
    return 0;
}

static enum tar_kind kind_of(struct archive_entry *e)
{
    if (archive_entry_hardlink(e))
        return TAR_HARD_LINK;
    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
        return TAR_FILE;
    case AE_IFDIR:
        return TAR_FOLDER;
    case AE_IFLNK:
        return TAR_LINK;
    default:
        return TAR_OTHER;
    }
}

// NULL when there is none, or the locale has no words for it.
static const char *name_of(struct archive_entry *e)
{
    const char *name = archive_entry_pathname(e);

    while (name && name[0] == '.' && name[1] == '/')
        name += 2;
    return str_empty(name) ? NULL : name;
}

int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error *err)
{
    struct archive_entry *e;
    const char *name;

    do {
        int r = archive_read_next_header(reader->archive, &e);

        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
            return damaged(reader, err);
        name = name_of(e);
    } while (!name);
    *ret = (struct tar_entry){
        .name = name,
        .kind = kind_of(e),
        .size = archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) : 0,
        .mtime_s = archive_entry_mtime(e),
    };
    if (ret->kind == TAR_HARD_LINK)
        ret->target = archive_entry_hardlink(e);
    if (ret->kind == TAR_LINK)
        ret->target = archive_entry_symlink(e);
    return 1;
}

ssize_t tar_reader_read(struct tar_reader *reader, void *bytes, size_t len, struct error *err)
{
    la_ssize_t n = archive_read_data(reader->archive, bytes, len);

    return n < 0 ? damaged(reader, err) : n;
}

void tar_reader_free(struct tar_reader *reader)
{
    if (reader->archive)
        (void)archive_read_free(reader->archive);
    free(reader->name);
    free(reader);
}
