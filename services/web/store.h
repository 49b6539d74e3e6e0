// SPDX-License-Identifier: GPL-3.0-only
// The built-in object store: containers and objects as plain files. Knows nothing of HTTP
// (store_http.c speaks Swift's API over it).
//
//     DIR/CONTAINER/.container          JSON: who may read, when it was made
//     DIR/CONTAINER/a/b/log.gz          the bytes of object a/b/log.gz; its metadata are JSON in
//     the
//                                       extended attribute user.autopkgtest.object
//     DIR/.uploads/XXXXXX               being written
//
// An object appears by rename(), complete with its metadata, after its bytes and before its folder
// are synced: readers and crashes see the old or the new one. The file system must have user
// extended attributes (ext4, xfs, btrfs, zfs, tmpfs from Linux 6.6 on).
//
// Names: a component of an object's name is a file name, where '%' is %25, control characters are
// %XX, a leading '.' is %2E and nothing (as in "a//b" and "a/") is a lone '%'; so no name leaves
// its folder or meets a file of ours. One thing Swift can and this store cannot: objects "a" and
// "a/b" at once (-EEXIST).
#pragma once

#include "data/json.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_NAME_MAX 1024 // bytes of an object's name, as Swift
#define STORE_CONTAINER_MAX 200
#define STORE_METADATA_MAX 3500 // bytes of JSON: ext4 keeps all attributes of a file in one block
#define STORE_LIST_MAX 10000
// Ends counting that went wrong; what really limits an object is the disk.
#define STORE_OBJECT_MAX ((uint64_t)1024 * 1024 * 1024 * 1024)

struct store;

// Makes what is missing of the folder, tries extended attributes, drops what uploads have left
// behind when the program ended.
int store_open(const char *dir, struct store **ret, struct error *err);
void store_free(struct store *store);
// Whether something can be written, for health checks.
int store_check(const struct store *store, struct error *err);
DEFINE_CLEANUP(struct store *, store_free)

// ---- containers (store_container.c)
struct store_container {
    char *read_acl; // "" when only the account may read
    int64_t created_us;
};

// Makes it, or changes an existing one; read_acl NULL: as it is. -EINVAL for a bad name.
int store_container_put(struct store *store, const char *container, const char *read_acl,
                        bool *ret_created, struct error *err);
int store_container_get(struct store *store, const char *container, struct store_container *ret,
                        struct error *err); // -ENOENT
// -ENOTEMPTY while it has objects.
int store_container_delete(struct store *store, const char *container, struct error *err);
int store_containers(const struct store *store, struct strv *ret, struct error *err); // sorted
void store_container_release(struct store_container *container);

// Who may read by an ACL in Swift's notation without a token: `.r:*` opens objects, `.rlistings`
// with it the listing. Other referrer rules open nothing here.
bool store_acl_opens_objects(const char *acl);
bool store_acl_opens_listing(const char *acl);

// ---- objects (store_object.c)
struct store_object {
    uint64_t size;
    int64_t modified_us;
    char *etag; // MD5 in hexadecimal
    char *content_type;
    char *content_encoding, *content_disposition; // NULL when not given
    json_t *meta;                                 // object: "X-Object-Meta-…" names to values
};

void store_object_release(struct store_object *object);

// Opens for reading. -ENOENT.
int store_object_open(const struct store *store, const char *container, const char *object,
                      int *ret_fd, struct store_object *ret, struct error *err);
// Replaces content_type (unless NULL), encoding, disposition and meta.
int store_object_update(struct store *store, const char *container, const char *object,
                        const struct store_object *with, struct error *err);
int store_object_delete(struct store *store, const char *container, const char *object,
                        struct error *err);
// The path of the file, for readers that want one. The caller frees. -ENOENT when there is none.
int store_object_path(const struct store *store, const char *container, const char *object,
                      char **ret, struct error *err);

// ---- uploads (store_upload.c)
struct store_upload;
int store_upload_begin(struct store *store, const char *container, const char *object,
                       struct store_upload **ret, struct error *err);
int store_upload_write(struct store_upload *upload, const void *bytes, size_t len,
                       struct error *err); // -EFBIG beyond STORE_OBJECT_MAX
// Makes it the object. want_etag (may be NULL) is held against what came: -EBADMSG. `with` gives
// type, encoding, disposition and meta. The upload is used up in any case but must be freed.
int store_upload_commit(struct store_upload *upload, const struct store_object *with,
                        const char *want_etag, struct store_object *ret, struct error *err);
// Drops what was not committed.
void store_upload_free(struct store_upload *upload);

// ---- listings (store_list.c)
struct store_query {
    const char *prefix, *marker, *end_marker; // NULL or "": none
    const char *delimiter;                    // the same; of any length
    size_t limit;                             // at most STORE_LIST_MAX
};

struct store_entry {
    const char *name; // object, or prefix up to and with the delimiter
    bool is_prefix;
    const char *path; // of the file
};

// Calls `visit` for each name in the order of bytes; a negative return ends the listing with it.
int store_list(const struct store *store, const char *container, const struct store_query *query,
               int (*visit)(const struct store_entry *entry, void *userdata), void *userdata,
               struct error *err);
// Metadata of a file that a listing has named.
int store_object_stat(const char *path, struct store_object *ret, struct error *err);

// ---- tokens (store_token.c): `AUTH_tk`, expiry and a MAC over it by a key made of the password;
// nothing is kept, a new password ends all tokens.
#define STORE_TOKEN_LIFE_S 86400
char *store_token_make(const char *user, const char *password, int64_t now_s);
// Seconds it is still good for; 0: not valid.
int64_t store_token_check(const char *token, const char *user, const char *password, int64_t now_s);
