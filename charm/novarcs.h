// SPDX-License-Identifier: GPL-3.0-only
// The .rc files of OpenStack clouds, as options novarcs and novarcs-secret bring them: a tar
// archive with REGION.rc (for amd64 and i386) and REGION-ARCH.rc (for every other architecture).
#pragma once

#include "charm/settings.h"

#define NOVARCS_DIR "/etc/autopkgtest-cloud/novarcs"
#define NOVARCS_MAX ((size_t)4 * 1024 * 1024) // bytes of the archive
#define NOVARCS_FILES_MAX 200

struct novarc {
    char *name; // "lcy02.rc"
    char *text; // as it is in the archive
    size_t len; // bytes of it
};

struct novarcs {
    struct novarc *items; // in the archive's order
    size_t len;
};

// Reads the archive, checks names and contents of all its files (data/openrc.h). -EINVAL: what is
// wrong with which file, without any value. -ENOMEM.
int novarcs_parse(const void *tar, size_t len, struct novarcs *ret, struct error *err);
// The same from base64; what comes out may be base64 once more (a secret whose value is that text).
int novarcs_decode(const char *base64, struct novarcs *ret, struct error *err);

// NULL: there is none of that name.
const struct novarc *novarcs_find(const struct novarcs *novarcs, const char *name);

// Whether every OpenStack region and architecture with workers has its file. -EINVAL: which has
// not, as a line for the operator; `app` stands in its command.
int novarcs_check(const struct novarcs *novarcs, const struct settings *settings, const char *app,
                  struct error *err);

// Wipes what it holds.
void novarcs_release(struct novarcs *novarcs);
