// SPDX-License-Identifier: GPL-3.0-only
// A test request as it travels in a queue: `PACKAGE\nJSON`; a bare `PACKAGE` and `PACKAGE JSON` on
// one line are accepted too. Other programs write and read this format
// (docs/reference/requests.md).
#pragma once

#include "data/json.h"

#include <stdbool.h>

#define REQUEST_BODY_MAX ((size_t)1024 * 1024)

struct request {
    char *package;        // name_is_package()
    struct strv triggers; // source/version
    bool all_proposed;
    struct strv ppas;                      // [user:token@]lpuser/name[:fingerprint]
    struct strv env;                       // VAR=value
    char *test_git, *build_git, *test_bzr; // NULL when absent, as all that follow
    char *testname;
    char *swiftuser; // private run
    struct strv readable_by;
    char *requester, *submit_time, *uuid;
    json_t *params; // the whole JSON object as it came, unknown keys included; never NULL
};

#define REQUEST_INIT                                                                               \
    {                                                                                              \
        0                                                                                          \
    }

// Reads a message body. -EBADMSG: unreadable; when it at least names a package, ret->package is set
// even then (and must be released), so that a result can tell why, and so are all members that can
// be read (not `params`), so that those who wait for it find it. The message names the key:
// `triggers: expected an array, got a string`; it never has what may be a secret.
int request_parse(const char *body, size_t len, struct request *ret, struct error *err);

// Writes a body that request_parse() reads back as the same request: known members over `params`,
// keys sorted.
int request_format(const struct request *request, struct buf *body, struct error *err);

// Sets the members of `params` from the named members and fills uuid and submit_time (ISO 8601,
// UTC) when they are missing.
int request_complete(struct request *request, struct error *err);

// A new random one (version 4 of RFC 9562); NULL: no memory. The caller frees.
char *request_uuid_new(void);

// The keys that are known, in no order; NULL behind the last.
const char *request_key(size_t index);

// Whether nothing of it may be shown to everyone: a swiftuser, or credentials in a PPA or a URL.
bool request_is_private(const struct request *request);

// The PPA's `lpuser` and `name`, without `user:token@` and `:fingerprint`; the caller frees.
int request_ppa_name(const char *ppa, char **ret_user, char **ret_name, struct error *err);

// `URL`, `URL#branch` or `URL branch` as autopkgtest takes it, `URL#branch`; the caller frees.
// -EBADMSG: it is something else.
int request_tree_url(const char *text, char **ret, struct error *err);

// The container its results go to: `autopkgtest-RELEASE[-LPUSER-PPA]`, by the last PPA, with
// `private-` before it for private runs; the caller frees.
int request_container(const struct request *request, const char *release, char **ret,
                      struct error *err);
// Who may read that: `.r:*,.rlistings` for public runs, `*:SWIFTUSER` for private ones; the caller
// frees.
char *request_read_acl(const struct request *request);

// What makes two requests the same test: a number (32 hexadecimal digits) of package, release,
// architecture and all parameters but who asks, when and by which uuid. "" of a private request.
// The caller frees; NULL for lack of memory.
char *request_digest(const struct request *request, const char *release, const char *arch);

void request_release(struct request *request);

#define _cleanup_request_ _cleanup_(request_release)
