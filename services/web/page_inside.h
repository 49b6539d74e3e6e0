// SPDX-License-Identifier: GPL-3.0-only
// What is asked for inside a stored archive: page_archive.c has the folders, page_coming.c one of
// an archive that is on its way, page_member.c the files.
#pragma once

#include "web/exchange.h"
#include "web/stored.h"

struct inside {
    struct stored_object archive;
    const char *path; // in it: a folder, "" or with a slash at its end, or a file
    const char *find; // of a folder; NULL: all
};

// Sends a file of it, or the part that is wanted, unless the client has it (RFC 9110 §13 and §14).
// Its entity tag changes with the archive's.
int page_member(struct exchange *x, const struct inside *in, struct error *err);

// Answers with exchange.data and what the exchange's reading (`inside follow`) finds, as it comes.
// `key`: the index of the archive is kept by it; NULL: it is not.
int page_coming(struct exchange *x, const struct inside *in, const char *key, struct error *err);

// An entry's "modified_s" becomes "modified", for people. -ENOMEM.
int inside_put_date(json_t *entry);
