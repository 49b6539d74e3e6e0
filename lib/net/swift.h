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
// The same without credentials, as anybody reads public containers below this storage URL: what is
// not public is -EACCES.
int swift_new_anonymous(const char *storage_url, struct swift **ret, struct error *err);
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
// Into the file behind `fd`, which is emptied first, whatever its size.
int swift_get_fd(struct swift *swift, const char *container, const char *object, int fd,
                 struct error *err);
// Names of objects (or, with a delimiter, also prefixes) in order, behind `marker`, at most
// `limit`.
int swift_list(struct swift *swift, const char *container, const char *prefix,
               const char *delimiter, const char *marker, unsigned limit, struct strv *ret,
               struct error *err);
int swift_delete(struct swift *swift, const char *container, const char *object, struct error *err);
// Deletes many, with as few requests as the store allows. Absent ones are fine. An error ends it
// where it is.
int swift_delete_objects(struct swift *swift, const char *container, const struct strv *objects,
                         struct error *err);
// The container itself. -ENOTEMPTY while it holds objects, also ones whose deletion the listing
// does not know yet.
int swift_delete_container(struct swift *swift, const char *container, struct error *err);
// Names of the account's containers in order, all of them; not for anybody without credentials.
int swift_list_containers(struct swift *swift, const char *prefix, struct strv *ret,
                          struct error *err);

// Downloads many objects, up to `parallel` at once, into memory of at most `max` bytes each. `got`
// is called for each in the order in which they come: with its place in the list and its content,
// or why there is none (`r` as swift_get() gives it); a negative return ends the downloads with it.
// Connections are kept for the next call, which must name the same `parallel`.
struct swift_got {
    size_t place;
    int r;
    const struct buf *content;
    const struct error *why;
};
int swift_get_many(struct swift *swift, const char *container, const struct strv *objects,
                   unsigned parallel, size_t max,
                   int (*got)(const struct swift_got *got, void *userdata), void *userdata,
                   struct error *err);

DEFINE_CLEANUP(struct swift *, swift_free)
