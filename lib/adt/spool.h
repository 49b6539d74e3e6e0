// SPDX-License-Identifier: GPL-3.0-only
// The spool: one folder per finished test whose result is not stored and announced yet. It outlives
// crashes and reboots.
//
//     SPOOL/RUNID/            renamed into the spool by the worker once it is complete
//         request             the message body as it was taken
//         run.json            struct spool_run
//         output/             autopkgtest's --output-dir, as it left it
//         log                 the whole log
//         stored              empty; made by autopkgtest-upload once result.tar is in the store
//
// The worker makes it and, after the announcement, removes it; autopkgtest-upload reads it and
// marks it stored.
#pragma once

#include "adt/message.h"

struct spool_run {
    char *run_id, *release, *arch;
    char *container, *read_acl;
    int exitcode;
    uint64_t duration_s;
    char *uuid;
    char *worker;       // instance that ran it
    char *origin_queue; // where the request came from
};

int spool_run_write(const char *dir, const struct spool_run *run, struct error *err);
int spool_run_read(const char *dir, struct spool_run *ret, struct error *err);
void spool_run_release(struct spool_run *run);

bool spool_is_stored(const char *dir);
int spool_mark_stored(const char *dir, struct error *err);
// Names of the complete folders, oldest first.
int spool_list(const char *spool_dir, struct strv *ret, struct error *err);

// The request of a spooled run. An unreadable one has a result as well, which says why it could not
// be read: of such a one *ret has what request_parse() could read.
int spool_read_request(const char *dir, struct request *ret, struct error *err);
// The version in the text of a testpkg-version file, `PACKAGE VERSION`, cut out of it in place;
// NULL when autopkgtest did not get so far as to write one, and when it is none.
char *spool_version(char *text);
// The completion message for a spooled run: request, run.json and output/testpkg-version together.
int spool_complete_message(const char *dir, struct test_complete *ret, struct error *err);
