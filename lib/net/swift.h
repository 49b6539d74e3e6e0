// SPDX-License-Identifier: GPL-3.0-only
// A client of the OpenStack Swift v1 API, and of the built-in store, which speaks the same. Format:
// the OpenStack Object Storage API reference and, for `/auth/v1.0`, Swift's TempAuth.
#pragma once

#include "net/http.h"

struct swift_settings {
    char *auth_url; // …/auth/v1.0 (TempAuth) or …/v3 (Keystone)
    char *username;
    char *password;
    char *project_name, *project_domain_name, *user_domain_name, *region; // Keystone only
};

void swift_settings_release(struct swift_settings *settings);

struct swift;

// Nothing is sent before the first call that needs a token.
int swift_new(const struct swift_settings *settings, struct swift **ret, struct error *err);
void swift_free(struct swift *swift);

// Errors of all calls: -EACCES (credentials refused, also after a renewed token), -ENOENT, -EAGAIN
// (the store is down, overloaded or out of reach: try later), -ENXIO (Keystone's catalog has no
// object store in the region of the settings), -EFBIG (larger than the store, or a quota on it,
// takes), -EIO (an answer that makes no sense). Messages hold no password and no token.

// Creates the container when missing and sets who may read it (`X-Container-Read`, NULL: only the
// account).
int swift_ensure_container(struct swift *swift, const char *container, const char *read_acl,
                           struct error *err);
// Uploads a file under the object's name, with the headers given ("Content-Type: …"). The store
// holds what comes against the file's MD5, and its answer is held against it too. A file larger
// than what the store takes at once becomes a Static Large Object: segments in the container
// CONTAINER_segments, which the same may read, then the object, all of it at once. Segments of what
// the name stood for before are removed.
int swift_put_file(struct swift *swift, const char *container, const char *object, const char *path,
                   const struct strv *headers, struct error *err);
int swift_put(struct swift *swift, const char *container, const char *object, const void *content,
              size_t len, const struct strv *headers, struct error *err);
// Whether there is such an object.
int swift_head(struct swift *swift, const char *container, const char *object, bool *ret_exists,
               struct error *err);
int swift_get(struct swift *swift, const char *container, const char *object, struct buf *b,
              struct error *err);
// Names of objects (or, with a delimiter, also prefixes) in order, behind `marker`, at most
// `limit`.
int swift_list(struct swift *swift, const char *container, const char *prefix,
               const char *delimiter, const char *marker, unsigned limit, struct strv *ret,
               struct error *err);
int swift_delete(struct swift *swift, const char *container, const char *object, struct error *err);

DEFINE_CLEANUP(struct swift *, swift_free)
