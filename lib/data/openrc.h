// SPDX-License-Identifier: GPL-3.0-only
// An OpenStack cloud's .rc file (`openrc`): the account a program uses there, as the variables that
// OpenStack's own clients read (python-openstackclient: "Environment Variables").
//
// It looks like a piece of shell, and no shell ever reads it here: lines `export OS_NAME=VALUE`
// (export may be missing), comments and empty lines. A value is one word without characters that
// mean something to a shell, or in quotes, double ones without `$`, `` ` `` and `\`. Messages name
// line and variable, never a value.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define OPENRC_MAX ((size_t)64 * 1024) // bytes of a file

struct openrc {
    char *auth_url; // of Keystone v3, ends in /v3
    char *username, *user_id, *password;
    char *user_domain_name, *user_domain_id;
    char *project_name, *project_id, *project_domain_name, *project_domain_id;
    char *application_id, *application_secret; // an application credential in place of all those
    char *region;                              // NULL: the catalogue's first
    char *interface;                           // of the catalogue: public, internal or admin
    char *ca_file;                             // NULL: the system's authorities
};

// Reads the text of a file called `name` and checks that an account can be used with it. -EINVAL:
// `NAME: line 3: expected …` or `NAME: OS_PASSWORD is missing`.
int openrc_parse(const char *text, size_t len, const char *name, struct openrc *ret,
                 struct error *err);
// The same of a file; also -ENOENT ….
int openrc_load(const char *path, struct openrc *ret, struct error *err);
// Wipes what is secret.
void openrc_release(struct openrc *rc);

#define _cleanup_openrc_ _cleanup_(openrc_release)

// The file's name for a region and architecture: "lcy02.rc" for amd64 and i386, "bos01-arm64.rc"
// for every other. The caller frees.
char *openrc_file_name(const char *region, const char *arch);
