// SPDX-License-Identifier: GPL-3.0-only
// One finished run on its way from the spool into the store: packed beside where it lies, streamed,
// so that memory stays small however large the log is.
//
// Everything here can be done again: packing replaces what an interrupted call left, and objects
// are overwritten with the same content.
#pragma once

#include "adt/request.h"
#include "adt/spool.h"
#include "net/swift.h"

struct parcel {
    const char *dir; // spool folder, borrowed
    struct spool_run run;
    struct request request; // of an unreadable one what could be read
    char *prefix;           // of its objects: RELEASE/ARCH/PREFIX/PACKAGE/RUNID
    char *packed;           // folder for the packed files
};

// Reads the folder. -EBADMSG: it is not complete or makes no sense; other errors may be gone at the
// next try.
int parcel_read(const char *dir, struct parcel *ret, struct error *err);
void parcel_release(struct parcel *parcel);

// Makes log.gz, artifacts.tar.gz and result.tar in parcel->packed.
int parcel_pack(const struct parcel *parcel, struct error *err);

// autopkgtest's testinfo.json (`text`, may be NULL or broken) with `custom_environment` holding
// ADT_TEST_TRIGGERS in any case: programs that decide by results look for it there.
int parcel_testinfo(const char *text, size_t len, const struct request *request, struct buf *b,
                    struct error *err);

// Uploads the packed files, result.tar last. Errors as in net/swift.h.
int parcel_store(const struct parcel *parcel, struct swift *swift, struct error *err);

// Looks for the result of the run in the store. Found: appends the completion message to `body`.
// -ENOENT: there is none.
int parcel_find(const struct parcel *parcel, struct swift *swift, struct buf *body,
                struct error *err);
