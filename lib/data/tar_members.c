// SPDX-License-Identifier: GPL-3.0-only
#include "data/tar_members.h"

#include <archive.h>
#include <archive_entry.h>

static void reader_free(struct archive *a)
{
    (void)archive_read_free(a);
}

DEFINE_CLEANUP(struct archive *, reader_free)

static int damaged(struct archive *a, struct error *err)
{
    const char *text = archive_error_string(a);

    return error_set(err, -EBADMSG, "%s", text ? text : "this is no tar file");
}

static struct tar_member *find(struct archive_entry *e, struct tar_member *members, size_t n)
{
    const char *there = archive_entry_pathname(e); // NULL when the locale has no words for it

    if (!there || archive_entry_filetype(e) != AE_IFREG)
        return NULL;
    if (str_starts_with(there, "./"))
        there += 2;
    for (size_t i = 0; i < n; i++)
        if (!members[i].found && str_equal(members[i].name, there))
            return &members[i];
    return NULL;
}

static int read_content(struct archive *a, struct tar_member *m, struct error *err)
{
    char chunk[8192];
    la_ssize_t n;

    m->found = true;
    while ((n = archive_read_data(a, chunk, sizeof(chunk))) > 0) {
        int r = buf_add(&m->content, chunk, (size_t)n);

        if (r == -E2BIG) {
            m->too_long = true;
            buf_truncate(&m->content, 0);
            return 0;
        }
        if (r < 0)
            return error_oom(err);
    }
    return n < 0 ? damaged(a, err) : 0;
}

int tar_members_read(const void *tar, size_t len, struct tar_member *members, size_t n,
                     struct error *err)
{
    _cleanup_(reader_freep) struct archive *a = archive_read_new();
    size_t missing = n;
    int r;

    if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK)
        return error_oom(err);
    if (archive_read_open_memory(a, tar, len) != ARCHIVE_OK)
        return damaged(a, err);
    while (missing > 0) {
        struct archive_entry *e;
        struct tar_member *m;

        r = archive_read_next_header(a, &e);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
            return damaged(a, err);
        m = find(e, members, n);
        if (!m)
            continue;
        missing--;
        r = read_content(a, m, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void tar_members_release(struct tar_member *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_release(&members[i].content);
        members[i].found = members[i].too_long = false;
    }
}
