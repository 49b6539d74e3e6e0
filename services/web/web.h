// SPDX-License-Identifier: GPL-3.0-only
// The web server's own state: one process, one event loop, everything that handlers share.
//
// server.c runs the loop and speaks libmicrohttpd; routes.c is the table of what is served;
// page_*.c fill the data of pages; store*.c is the built-in object store; broker.c talks to
// RabbitMQ.
#pragma once

#include "adt/database.h"
#include "adt/settings.h"
#include "data/template.h"
#include "web/exchange.h"
#include "web/outage.h"
#include "web/remembered.h"
#include "web/session.h"
#include "web/store.h"

#include <systemd/sd-event.h>

#define WEB_KEYED_MAX 1000

struct archive_index_entry;
struct broker;
struct command;
struct http_async;
struct launchpad;
struct limits;
struct page_cache;
struct reading;
struct static_files;
struct stored_swift;
struct streams;
struct turn;

struct web {
    char *config_dir;
    struct web_settings settings;
    struct template_set *templates;
    struct store *store;                // NULL: results are kept elsewhere
    char *store_user, *store_password;  // whom the built-in store lets write; NULL: nobody
    struct outage peer_outage;          // of the unit that keeps them (forward.h)
    struct swift_settings store_reader; // whom a Swift lets read private results; empty: nobody
    struct stored_swift *swift;         // where results are kept else; NULL: no Swift is named
    char *static_version;               // changes when a static file does: part of their addresses
    struct static_files *static_files;  // compressed
    struct broker *broker;
    struct streams *streams;
    struct launchpad *launchpad;
    struct limits *limits;
    struct command *commands;                    // on their way (command.h)
    struct reading *readings;                    // on their way (reading.h)
    struct turn *turns;                          // waited for (turn.h)
    struct archive_index_entry *archive_indexes; // kept (archive_indexes.h)
    struct http_async *http;                     // what the service itself asks of others
    sd_event *event;
    // Errors as pages, for who asks for HTML; false when even that failed. NULL: as text.
    bool (*answer_error_page)(struct exchange *x, unsigned status, const char *message);
    sd_event_source *http_timer; // of server.c: makes libmicrohttpd run

    // The database: opened when first asked for, again when the file was replaced.
    struct database *db;
    dev_t db_dev;
    ino_t db_ino;
    char *db_trouble; // why that file is not read for a while; NULL: it is
    uint64_t db_left_until_us;

    struct remembered noted; // of duplicates.c: what was queued in the last seconds
    struct session_key session_key;
    struct remembered nonces;      // of login.c: logins that were used
    struct remembered ended;       // and sessions that were logged out
    struct remembered proven_keys; // of requester.c: API keys that were right, and where
    struct strv keyed;             // first uuids of submissions with a key (submission.h), lately
    struct page_cache *page_cache;
    size_t *page_lengths; // of the last page of each route: the next one has about that
    json_t *statistics;   // of statistics.c; NULL: not looked at
    uint64_t statistics_us, statistics_failed_us;
};

// Reads web.conf and what it names; on failure *web stays as it was.
int web_load(struct web *web, struct error *err);
void web_release(struct web *web);
// What paths of ours begin with where a proxy has a path for us, `/model-app`; "": nothing. Links
// carry it, requests are understood with it and without. Borrowed.
const char *web_base(const struct web *web);

// The results, read-only. -ENOENT: the indexer has not made them yet.
int web_database(struct web *web, struct database **ret, struct error *err);

// After a handler has failed with this error: true when it is the database's (damaged, locked, or
// its disk is full or gone), which is left alone for some seconds, or until there is another file,
// so that pages can be made without it.
bool web_leave_database(struct web *web, const struct error *why);

// Serves until SIGTERM or SIGINT.
int server_run(struct web *web, struct error *err);

// The table of routes.
extern const struct route web_routes[];
extern const size_t web_routes_len;

// A page: exchange.data becomes HTML by the route's template, or JSON when the client wants that.
int page_answer(struct exchange *x, unsigned status, const char *template, struct error *err);
// What a handler has written itself; `body` passes to the exchange. A good answer is kept when the
// route says so. -ENOMEM.
int page_answer_buf(struct exchange *x, unsigned status, const char *type, struct buf *body);
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_JSON "application/json"
// The rendered page in *ret; `data` gets what the layout needs for this client.
int page_render(struct exchange *x, const char *template, json_t *data, struct buf *ret,
                struct error *err);
// The page of exchange.data around what is sent between `head` and `tail`, where the template has
// the member `name`; with the headers of a page.
int page_render_around(struct exchange *x, const char *template, const char *name, struct buf *head,
                       struct buf *tail, struct error *err);
// The headers of every HTML page of ours (CSP and others).
int page_add_headers(struct exchange *x);
// An error as HTML page; false when even that failed.
bool page_answer_error(struct exchange *x, unsigned status, const char *message);

// A file without a name beside the database, for what is too large for memory. -1 and less: an
// errno; else the caller closes it.
int web_unnamed_file(const struct web *web, struct error *err);
// Makes libmicrohttpd run soon, after a connection was resumed (some versions do not
// make their epoll descriptor readable by that).
void web_run_http(const struct web *web);

// Sends a file that is open with ranges and conditions; takes over *fd. etag "": none.
int file_answer(struct exchange *x, int *fd, uint64_t size, int64_t mtime_s, const char *etag);
// Adds Content-Range for a part of something of `size` bytes; len 0: for a range that has none.
int file_add_range(struct exchange *x, uint64_t first, uint64_t len, uint64_t size);
