// SPDX-License-Identifier: GPL-3.0-only
// Objects of the store for the pages, wherever the store is: the built-in one of this unit
// (store.h), or a Swift that is read over HTTP (web.conf: store-url, store-reader).
//
// What is in a Swift is not there at once. Then a call starts to get it and returns EXCHANGE_WAIT,
// which the handler passes on; when all that was started is there the handler is called again from
// its beginning (exchange_again()), and the same call finds it. A handler that needs
// several things asks for all before it waits: they come at the same time.
//
// Errors: -ENOENT: there is none, or it is not for this reader; -EAGAIN: the store does not answer,
// with words for people; -EFBIG. Nobody waits longer than a quarter of a minute for a store that is
// silent, and for a few seconds after that everybody is told at once.
#pragma once

#include "web/exchange.h"
#include "web/store.h"

// Anybody reads what the container's ACL opens to all; the account reads everything, and whoever
// reads for it has to know whom he shows it.
enum stored_reader { READER_ANYBODY, READER_ACCOUNT };

// Whether it can be read by this reader at all, as this unit is configured.
bool stored_is_readable(const struct web *web, enum stored_reader reader);

struct stored_object {
    enum stored_reader reader;
    const char *container, *name;
    uint64_t max; // bytes that it may have
    bool anew;    // what was read before does not count (stored_cache.h)
};

// Opens an object as a file of its own, which the caller closes. *ret_etag (unless ret_etag is
// NULL): its entity tag without quotes, which the caller frees; NULL when it has none.
int stored_open(struct exchange *x, const struct stored_object *object, int *ret_fd,
                char **ret_etag, struct error *err);
// The entity tag alone.
int stored_etag(struct exchange *x, const struct stored_object *object, char **ret_etag,
                struct error *err);

// The same for who reads from the beginning on: what has come until now is enough. *ret_file is
// NULL when all of it is there; else the caller's, and tells of the rest. Who gives it back before
// the end (stored_file_unref()) ends what is on its way, unless others want it.
struct stored_file;
int stored_follow(struct exchange *x, const struct stored_object *object, int *ret_fd,
                  struct stored_file **ret_file, struct error *err);
// What it means that there is nothing more to read (a log_growth of log_lines.h): 0: that was all;
// -EAGAIN: more comes; -EIO: it broke off.
int stored_file_growth(void *file);
// Calls `grown` once, from the loop, when there is something more to read, or no more comes. One
// reader waits at a time; NULL: it does not any more.
void stored_file_await(struct stored_file *file, void (*grown)(void *userdata), void *userdata);
struct stored_file *stored_file_ref(struct stored_file *file);
void stored_file_unref(struct stored_file *file); // NULL: nothing to do
DEFINE_CLEANUP(struct stored_file *, stored_file_unref)

struct stored_entry {
    const char *name; // object, or prefix up to and with the delimiter
    bool is_prefix;
    uint64_t size;      // of an object
    int64_t modified_s; // the same
};
typedef int stored_visit(const struct stored_entry *entry, void *userdata);

// Calls `visit` for each name in order; a negative return ends the listing with it.
int stored_list(struct exchange *x, enum stored_reader reader, const char *container,
                const struct store_query *query, stored_visit *visit, void *userdata,
                struct error *err);

// Answers with an object, streamed, with its headers, ranges and conditions. -ENOENT leaves the
// exchange unanswered.
int stored_send(struct exchange *x, enum stored_reader reader, const char *container,
                const char *object, struct error *err);

// What is known of a Swift, without asking it: NULL while it answers, or there is none.
const char *stored_trouble(const struct web *web);
// Whether the store serves this reader: 1, 0, or -ENODATA: nothing is known of that, or he reads
// nothing here. A Swift of which nothing was heard for some seconds is asked; the next call tells.
int stored_is_up(struct web *web, enum stored_reader reader);

// Of the server: the Swift that the settings name, if they do. To be called again when they change.
int stored_configure(struct web *web, struct error *err);
// After all that it asked for has ended.
void stored_free(struct web *web);
