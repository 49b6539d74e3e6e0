// SPDX-License-Identifier: GPL-3.0-only
#include "adt/sources.h"
#include "data/expand.h"
#include "sources/sources.h"

#include <inttypes.h>

#define DOWNLOAD_MAX ((size_t)512 * 1024 * 1024)
#define EXPANDED_MAX ((uint64_t)4 * 1024 * 1024 * 1024)
#define PACKAGES_MAX 1000000
#define RETRIES 2
#define REDIRECTS 5

static const char *const suffixes[] = {".xz", ".gz"};

void index_release(struct index *index)
{
    free(index->suite);
    free(index->url);
    free(index->last_modified);
    *index = (struct index){0};
}

// ---------------------------------------------------------------- downloading

static int ask(const struct reading *reading, const char *url, const char *since,
               struct http_response *answer, struct error *err)
{
    _cleanup_strv_ struct strv headers = STRV_INIT;
    struct http_request request = {.url = url,
                                   .headers = &headers,
                                   .answer_fd = &reading->file,
                                   .retries = RETRIES,
                                   .redirects = REDIRECTS};
    int r;

    if (since && strv_addf(&headers, "If-Modified-Since: %s", since) < 0)
        return error_oom(err);
    r = http_perform(reading->http, &request, answer, err);
    return r < 0 && r != -ENOMEM ? -EAGAIN : r;
}

static int note_found(struct index *index, char **url, const struct http_response *answer,
                      struct error *err)
{
    const char *date = http_response_header(answer, "last-modified");

    index->url = TAKE_PTR(*url);
    index->state = answer->status == 304 ? INDEX_SAME : INDEX_NEW;
    if (!str_empty(date) && !(index->last_modified = strdup(date)))
        return error_oom(err);
    return 0;
}

// Asks for it in one form. INDEX_ABSENT stays when there is none.
static int fetch_form(const struct reading *reading, struct index *index, const char *suffix,
                      bool known, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(DOWNLOAD_MAX);
    _cleanup_free_ char *since = NULL, *shown = NULL;
    _cleanup_free_ char *url = str_format("%s/dists/%s/%s/source/Sources%s", reading->settings->url,
                                          index->suite, index->component, suffix);
    int r;

    if (!url)
        return error_oom(err);
    r = known ? table_last_modified(reading->db, url, &since, err) : 0;
    if (r < 0 || (r = ask(reading, url, since, &answer, err)) < 0)
        return r;
    if (answer.status == 200 || (answer.status == 304 && since))
        return note_found(index, &url, &answer, err);
    if (answer.status == 404 || answer.status == 410)
        return 0;
    shown = http_printable_url(url);
    return error_set(err, -EAGAIN, "GET %s: HTTP status %ld", shown ? shown : "", answer.status);
}

static int fetch(const struct reading *reading, struct index *index, struct error *err)
{
    bool known = false;
    int r = table_has(reading->db, index, &known, err);

    index->state = INDEX_ABSENT;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes) && r == 0 && index->state == INDEX_ABSENT; i++)
        r = fetch_form(reading, index, suffixes[i], known, err);
    if (r == 0 && known && index->state == INDEX_ABSENT)
        return error_set(err, -EAGAIN, "the archive has no %s/%s any more; what it had is kept",
                         index->suite, index->component);
    return r;
}

// ---------------------------------------------------------------- reading

struct taking {
    const struct reading *reading;
    const struct index *index;
    struct sources sources;
    size_t n;
    struct error *err;
};

static int take_package(const char *package, const char *version, void *userdata)
{
    struct taking *t = userdata;

    if (++t->n > PACKAGES_MAX)
        return error_set(t->err, -EBADMSG, "more than %d packages", PACKAGES_MAX);
    return table_add(t->reading->db, t->index, package, version, t->err);
}

static int take_bytes(const void *bytes, size_t len, void *userdata)
{
    struct taking *t = userdata;

    return sources_feed(&t->sources, bytes, len);
}

static int read_file(struct taking *t, struct error *err)
{
    int r = expand_fd(t->reading->file, "Sources", EXPANDED_MAX, take_bytes, t, err);

    if (r == 0)
        r = sources_end(&t->sources);
    if (r == 0 && t->n == 0 && t->sources.refused > 0)
        r = error_set(err, -EBADMSG, "this is no index of source packages");
    return r == -E2BIG ? -EBADMSG : r;
}

int index_read(const struct reading *reading, struct index *index, struct error *err)
{
    struct taking t = {.reading = reading, .index = index, .err = err};
    _cleanup_free_ char *shown = NULL;
    int r = fetch(reading, index, err);

    if (r < 0 || index->state != INDEX_NEW)
        return r;
    t.sources = (struct sources)SOURCES_INIT(take_package, &t);
    // All rows of the temporary table at once; nobody else waits for that.
    if (sqlite3_exec(database_handle(reading->db), "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return error_oom(err);
    r = read_file(&t, err);
    if (r == 0)
        r = database_commit(reading->db, err);
    if (r < 0)
        (void)database_rollback(reading->db);
    sources_release(&t.sources);
    if (r == 0)
        return 0;
    shown = http_printable_url(index->url);
    return error_prefix(err, r, "%s", shown ? shown : "");
}
