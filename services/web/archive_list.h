// SPDX-License-Identifier: GPL-3.0-only
// What is in a stored tar archive, for the pages. It is read from its beginning to its end for each
// answer, in bounded memory, by a process of its own (inside.h).
#pragma once

#include "data/json.h"
#include "data/tar_reader.h"

#include <stdio.h>

#define ARCHIVE_NAMES_MAX 100000 // in one folder, or found: more are counted and not listed
#define ARCHIVE_NAMES_BYTES ((size_t)16 * 1024 * 1024) // the same
#define ARCHIVE_NAME_MAX ((size_t)4096) // a longer name is shown in part, and has no address

struct archive_query {
    const char *folder; // "" or "a/b/"
    const char *find;   // NULL: what is in the folder; else all below it with this in its name,
                        // whatever the case of its ASCII letters
    size_t skip, limit; // entries
};

// {"entries": [{"name", "url", "folder", "bytes", "modified_s", "note"}], "total": entries that
// fit, "members" and "all_bytes": of the whole archive, "cut": not all that fit are in `total`,
// "damaged": why the rest of the archive cannot be read}. Folders come first, then names in the
// order of bytes. "url" is the address relative to the folder's; without one the member cannot be
// shown: its name leads out of the archive ("..", "/etc"; these are listed in the folder ""), or it
// is a link or a device, as "note" says. -ENOENT: there is no such folder; -EBADMSG: not even the
// first member can be read.
int archive_list(int fd, const char *name, const struct archive_query *query, json_t **ret,
                 struct error *err);

// The same in two steps, for an archive that takes long to read: writes an index of all members (a
// format of this program's own, for the same program to read), and lists from that.
int archive_index(int fd, const char *name, FILE *out, struct error *err);
int archive_list_index(FILE *in, const char *name, const struct archive_query *query, json_t **ret,
                       struct error *err);

// The same while the archive comes, through a pipe maybe: writes lines of JSON to `out`: {} once
// the archive has such a folder; the first `limit` entries that fit, each when it is found, in the
// archive's order (`skip` is not for here); and last what else there is to say of them ("total" and
// what follows it above), with "index": so many bytes of an index follow, 0: none, for it would
// have more than `index_max`. On errors as above nothing was written.
int archive_follow(int fd, const char *name, const struct archive_query *query, size_t index_max,
                   int out, struct error *err);

// Whether a member of this name has an address.
bool archive_name_is_good(const char *name);

// Writes the member's content, or the part of it that `range` names (a header of conditional.h; "":
// all), to `out`, after a line of JSON {"size": bytes of all, "text": whether its beginning is
// text, "first", "length": the part; length 0: the member has no such part}. A hard link is
// followed, once. -ENOENT, -EISDIR, -EBADMSG; nothing was written then unless the content itself is
// damaged. `fd` is at its beginning and may be a pipe; -ESPIPE: of a hard link it has to be a file.
int archive_member(int fd, const char *name, const char *member, const char *range, int out,
                   struct error *err);
