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
#include "web/stored_file.h"
#include "web/stored_object.h"

// Whether it can be read by this reader at all, as this unit is configured.
bool stored_is_readable(const struct web *web, enum stored_reader reader);

// Opens an object as a file of its own, which the caller closes. *ret_etag (unless ret_etag is
// NULL): its entity tag without quotes, which the caller frees; NULL when it has none.
int stored_open(struct exchange *x, const struct stored_object *object, int *ret_fd,
                char **ret_etag, struct error *err);
// The entity tag alone.
int stored_etag(struct exchange *x, const struct stored_object *object, char **ret_etag,
                struct error *err);

// The same for who reads from the beginning on: what has come until now is enough. *ret_file is
// NULL when all of it is there; else the caller's, and tells of the rest. All who ask for an object
// while it comes get the one that comes; when the last of them gives it back before the end
// (stored_file_unref()) that ends what is on its way, but for an object that is wanted `to_end`.
int stored_follow(struct exchange *x, const struct stored_object *object, int *ret_fd,
                  char **ret_etag, struct stored_file **ret_file, struct error *err);
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
