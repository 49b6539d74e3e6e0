// SPDX-License-Identifier: GPL-3.0-only
// A process that looks inside a stored file (inside.h) for an exchange, followed in the event loop:
// its output is collected, or passed on to the client as it comes, at the client's pace. A few at a
// time: each may use a processor for a minute.
#pragma once

#include "web/exchange.h"
#include "web/stored.h"

#define READINGS_MAX 8           // at once; more are told to come again
#define READINGS_OF_CLIENT_MAX 4 // of one address

struct reading; // those on their way are in exchange.web->readings

// Takes a place for the exchange, before the file is fetched; once it has one that is nothing.
// Fails with 503 or 429 when there is none.
int reading_claim(struct exchange *x, struct error *err);
// Gives it back.
void reading_drop(struct exchange *x);
// With a place: starts `inside ARGUMENTS…` (NULL at the end) with `fd` (taken over) as its input
// and returns EXCHANGE_WAIT; the handler is called again from its beginning when there is something
// to answer, and finds it by reading_done() before anything else. Collected are at most `max`
// bytes; 0: what comes after the first line is passed on by reading_answer().
int reading_start(struct exchange *x, int *fd, const char *const *arguments, size_t max,
                  struct error *err);

// The same with an object that may still be on its way: `file` as of stored_follow() is taken over,
// and the answer begins when there is something to answer of what has come.
int reading_follow(struct exchange *x, int *fd, struct stored_file **file,
                   const char *const *arguments, size_t max, struct error *err);
// The same as reading_start(), where the output goes to the file `out` (borrowed).
int reading_start_to(struct exchange *x, int *fd, const char *const *arguments, int out,
                     struct error *err);

// Whether this exchange has one that was waited for. *ret_text (borrowed): all the output, or the
// first line. Fails as exchange_fail() does, with 404 when there is no
// such thing in the file, 422 when the file is damaged.
bool reading_done(const struct exchange *x);
// The output was larger than a file may be.
bool reading_was_too_large(const struct exchange *x);
// What was to be read has to be read of the whole file, not as it comes.
bool reading_needs_all(const struct exchange *x);
// What was to be read of an archive is a folder of it.
bool reading_is_folder(const struct exchange *x);
int reading_text(struct exchange *x, const char **ret_text, struct error *err);

// Answers with what comes after the first line. `head` and `tail` (may be NULL) go before and
// behind it, and are emptied. `size`: bytes in all, MHD_SIZE_UNKNOWN.
int reading_answer(struct exchange *x, unsigned status, uint64_t size, struct buf *head,
                   struct buf *tail, struct error *err);

// Makes something else of the output on its way to the client.
struct reading_filter {
    // Drops what it takes from the front of `in` and appends to `out`; what is no whole line yet it
    // leaves. `status`: all output is there, and the process has ended with this (0: it is
    // complete; else as an exit code, or minus a signal), NULL before. Negative: the answer breaks
    // off.
    int (*run)(void *userdata, struct buf *in, const int *status, struct buf *out);
    void (*free)(void *userdata);
    void *userdata; // NULL: there is no filter
};
// As reading_answer() with status 200, through a filter, which is taken over: it is told when the
// output breaks off, and the answer goes on to its end then.
int reading_answer_by(struct exchange *x, const struct reading_filter *filter, struct buf *head,
                      struct buf *tail, struct error *err);

// Of the server: ends all, so that no exchange waits any more.
void readings_end(struct web *web);
