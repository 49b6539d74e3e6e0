// SPDX-License-Identifier: GPL-3.0-only
// autopkgtest-sources: the archive's indices of source packages into the table current_version.
//
// Each index is asked for with the date of the one that was read last. What has changed is
// downloaded into a file without a name, expanded and read piece by piece into a temporary table,
// and takes the place of what was there in one short transaction for all indices of a release. When
// one of them cannot be read the whole release stays as it is.
#pragma once

#include "adt/archive_settings.h"
#include "adt/database.h"
#include "net/http.h"

enum index_state {
    INDEX_SAME,   // as it was read before
    INDEX_NEW,    // read into the temporary table
    INDEX_ABSENT, // there is none
};

// One `dists/SUITE/COMPONENT/source/Sources`.
struct index {
    const char *release;
    char *suite; // RELEASE, or RELEASE-updates …: what current_version calls the pocket
    const char *component;
    enum index_state state;
    char *url;           // where it was found
    char *last_modified; // NULL when the server does not say
};

// What is needed to read one.
struct reading {
    const struct archive_settings *settings;
    struct database *db;
    struct http_client *http;
    int file; // for what is downloaded, empty
};

// Fetches the index when it has changed. -EAGAIN: the archive is out of reach, or has one no more;
// -EBADMSG: it is no index.
int index_read(const struct reading *reading, struct index *index, struct error *err);
void index_release(struct index *index);

// All indices of a release into the table. *ret_changed: whether something was written.
int release_read(const struct reading *reading, const char *release, bool *ret_changed,
                 struct error *err);

// ---- table.c

// Makes the temporary tables and the order of versions known to this handle. Once.
int table_prepare(struct database *db, struct error *err);
// Forgets what was read and not applied.
int table_clear(struct database *db, struct error *err);
// What an index has, into the temporary table; the newest version of each package stays.
int table_add(struct database *db, const struct index *index, const char *package,
              const char *version, struct error *err);
// Whether anything of the index was read before.
int table_has(struct database *db, const struct index *index, bool *ret, struct error *err);
// The date of what was read last from the URL, NULL when there is none. The caller frees.
int table_last_modified(struct database *db, const char *url, char **ret, struct error *err);
// In one transaction: what is new takes the place of what was there, indices that are none of these
// are forgotten, and the newest version of each package becomes the current one.
int table_apply(struct database *db, const char *release, const struct index *indices, size_t n,
                bool *ret_changed, struct error *err);
// Forgets other releases than these.
int table_keep_releases(struct database *db, const struct strv *releases, struct error *err);
