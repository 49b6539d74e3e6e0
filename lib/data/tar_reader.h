// SPDX-License-Identifier: GPL-3.0-only
// The members of a tar or tar.gz one after the other, in bounded memory; nothing is unpacked.
// Formats: what libarchive takes for tar (ustar, pax, GNU, old), plain or by gzip.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum tar_kind {
    TAR_FILE,
    TAR_FOLDER,
    TAR_LINK,      // symbolic
    TAR_HARD_LINK, // its content is that of another member
    TAR_OTHER,     // devices, sockets, pipes
};

// Borrowed from the reader, until its next call.
struct tar_entry {
    const char *name;   // bytes as the archive has them but a leading "./"; never empty
    const char *target; // of both kinds of links; else NULL
    enum tar_kind kind;
    uint64_t size; // what the archive says; only reading shows whether it is true
    int64_t mtime_s;
};

struct tar_reader;

// Reads from where `fd` is (borrowed, also a pipe); `name` is for messages. -EBADMSG: no archive.
int tar_reader_open(int fd, const char *name, struct tar_reader **ret, struct error *err);
// 1 and the next member, 0 at the end, -EBADMSG when the rest is damaged or cut off. Members
// without a name are passed over.
int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error *err);
// The next bytes of the member's content: how many (at most `len`), 0 at its end, -EBADMSG.
ssize_t tar_reader_read(struct tar_reader *reader, void *bytes, size_t len, struct error *err);
void tar_reader_free(struct tar_reader *reader);

static inline void tar_reader_freep(struct tar_reader **reader)
{
    if (*reader)
        tar_reader_free(*reader);
}
