// SPDX-License-Identifier: GPL-3.0-only
// Stored files for browsers, static files of ours, robots.txt.
#include "base/clock.h"
#include "base/file.h"
#include "net/http.h"
#include "web/conditional.h"
#include "web/pages.h"
#include "web/static_files.h"
#include "web/web.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LISTED_MAX 1000

// ---- /results

struct folder {
    json_t *entries;
    size_t prefix_len;
    const char *last; // borrowed from `entries`
};

static int add_entry(const struct stored_entry *entry, void *userdata)
{
    struct folder *f = userdata;
    const char *name = entry->name + f->prefix_len;
    _cleanup_free_ char *url = http_escape(name, true), *modified = NULL;
    json_t *item =
        json_pack("{s:s, s:s*, s:b}", "name", name, "url", url, "folder", entry->is_prefix);

    if (item && !entry->is_prefix) {
        modified = clock_format_utc(entry->modified_s, "%Y-%m-%d %H:%M");
        (void)json_put_int(item, "bytes", (int64_t)entry->size);
        (void)json_put_string(item, "modified", modified);
        (void)json_put_bool(item, "archive", page_is_archive(name));
    }
    return json_array_append_new(f->entries, item) < 0 ? -ENOMEM : 0;
}

static int put_more(struct exchange *x, const char *prefix)
{
    const json_t *entries = json_object_get(x->data, "entries");
    size_t n = json_array_size(entries);
    const char *last =
        n ? json_string_value(json_object_get(json_array_get(entries, n - 1), "name")) : NULL;
    _cleanup_free_ char *marker = NULL, *escaped = NULL;

    if (n < LISTED_MAX || !last)
        return 0;
    marker = str_format("%s%s", prefix, last);
    escaped = marker ? http_escape(marker, false) : NULL;
    return escaped ? json_put_string(x->data, "marker", escaped) : -ENOMEM;
}

static int list_folder(struct exchange *x, enum stored_reader reader, const char *container,
                       const char *prefix, struct error *err)
{
    struct folder folder = {.entries = json_array(), .prefix_len = strlen(prefix)};
    const struct store_query query = {.prefix = prefix,
                                      .marker = params_get(&x->query, "marker"),
                                      .delimiter = "/",
                                      .limit = LISTED_MAX};
    _cleanup_free_ char *title = str_format("%s/%s", container, prefix);
    int r;

    x->data = json_object();
    if (!title || json_put(x->data, "entries", folder.entries) < 0 ||
        json_put_string(x->data, "title", title) < 0 ||
        json_put_bool(x->data, "has_parent", *prefix != '\0') < 0)
        return error_oom(err);
    r = stored_list(x, reader, container, &query, add_entry, &folder, err);
    if (r != 0)
        return r;
    if (json_array_size(folder.entries) == 0 && *prefix && !query.marker)
        return exchange_fail(x, 404, err, "there is nothing stored under %s", title);
    return put_more(x, prefix);
}

// 0: something is stored below this name; -ENOENT: nothing; EXCHANGE_WAIT.
static int is_folder(struct exchange *x, enum stored_reader reader, const char *container,
                     const char *object)
{
    _cleanup_free_ char *prefix = str_format("%s/", object);
    const struct store_query query = {.prefix = prefix, .limit = 1, .delimiter = "/"};
    struct folder found = {.entries = json_array()};
    int r = prefix ? stored_list(x, reader, container, &query, add_entry, &found, NULL) : -ENOMEM;

    if (r == 0 && json_array_size(found.entries) == 0)
        r = -ENOENT;
    json_decref(found.entries);
    return r;
}

static int send_or_redirect(struct exchange *x, enum stored_reader reader, const char *container,
                            const char *object, struct error *err)
{
    _cleanup_free_ char *url = NULL;
    int r = stored_send(x, reader, container, object, err), folder;

    if (r != -ENOENT)
        return r;
    folder = is_folder(x, reader, container, object);
    if (folder < 0)
        return r;
    error_clear(err);
    if (folder == EXCHANGE_WAIT)
        return folder;
    url = str_format("%s/", x->path);
    return url ? exchange_redirect(x, MHD_HTTP_MOVED_PERMANENTLY, url) : error_oom(err);
}

int page_stored(struct exchange *x, enum stored_reader reader, const char *container,
                const char *object, struct error *err)
{
    int r = page_archive(x, reader, container, object, err);

    // Also objects of a Swift may be called a.tar.gz/b: parts of large ones are.
    if (r != -ENOENT || x->status)
        return r;
    error_clear(err);
    return !*object || str_ends_with(object, "/")
               ? list_folder(x, reader, container, object, err)
               : send_or_redirect(x, reader, container, object, err);
}

int page_results(struct exchange *x, struct error *err)
{
    return page_stored(x, READER_ANYBODY, exchange_value(x, "container"),
                       exchange_value(x, "object"), err);
}

// ---- /static

// With its .sha256.
static bool is_database(const char *name)
{
    return str_starts_with(name, "autopkgtest.db");
}

// The published copy of the database lies elsewhere than the style sheet.
static char *static_path(const struct web *web, const char *name)
{
    const char *public = web->settings.public_database;

    if (public && strcmp(name, "autopkgtest.db") == 0)
        return strdup(public);
    if (public && strcmp(name, "autopkgtest.db.sha256") == 0)
        return str_format("%s.sha256", public);
    return path_is_inside(name) && name[0] != '.' ? path_join(web->settings.static_dir, name)
                                                  : NULL;
}

// Its compressed form when the client wants that, and all of it.
static int answer_compressed(struct exchange *x, struct body *gzip, const struct stat *st)
{
    const struct conditions conditions = {.if_modified_since =
                                              exchange_header(x, "If-Modified-Since")};
    _cleanup_free_ char *date = http_date_format((int64_t)st->st_mtim.tv_sec);
    bool by_date = !exchange_header(x, "If-None-Match");

    if (!date || exchange_add_header(x, "Last-Modified", date) < 0)
        return -ENOMEM;
    if (exchange_is_known(x) || (by_date && conditions_check(&conditions, "", st->st_mtim.tv_sec) ==
                                                PRECONDITION_NOT_MODIFIED))
        return exchange_answer_empty(x, MHD_HTTP_NOT_MODIFIED);
    return exchange_answer(x, MHD_HTTP_OK, body_response(gzip));
}

static struct body *compressed_form(struct exchange *x, const char *name, const struct stat *st)
{
    struct body *gzip = static_files_find(x->web->static_files, name, st);

    if (!gzip || exchange_header(x, "Range") || exchange_header(x, "If-Match") ||
        exchange_header(x, "If-Unmodified-Since"))
        return NULL;
    exchange_encode(x, static_files_type(name), (uint64_t)st->st_size);
    return x->gzip ? gzip : NULL;
}

static int add_static_headers(struct exchange *x, const char *name, const char *etag)
{
    const char *type = static_files_type(name);

    return exchange_set_tag(x, etag) < 0 || exchange_add_header(x, "Content-Type", type) < 0 ||
                   exchange_add_vary(x, type) < 0 ||
                   exchange_add_header(x, "Cache-Control",
                                       is_database(name)            ? "no-cache, no-transform"
                                       : params_get(&x->query, "v") ? "max-age=31536000, immutable"
                                                                    : "max-age=300") < 0
               ? -ENOMEM
               : 0;
}

int page_static_file(struct exchange *x, const char *name, struct error *err)
{
    _cleanup_free_ char *path = static_path(x->web, name), *etag = NULL;
    _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct body *gzip;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return exchange_fail(x, 404, err, "there is no file %s", name);
    etag = str_format("%llx-%llx", (unsigned long long)st.st_size,
                      (unsigned long long)st.st_mtim.tv_sec * 1000000000ULL +
                          (unsigned long long)st.st_mtim.tv_nsec);
    if (!etag || add_static_headers(x, name, etag) < 0)
        return error_oom(err);
    gzip = is_database(name) ? NULL : compressed_form(x, name, &st);
    if (gzip)
        return answer_compressed(x, gzip, &st) < 0 ? error_oom(err) : 0;
    return file_answer(x, &fd, (uint64_t)st.st_size, (int64_t)st.st_mtim.tv_sec, etag);
}

int page_static(struct exchange *x, struct error *err)
{
    return page_static_file(x, exchange_value(x, "path"), err);
}

int page_robots(struct exchange *x, struct error *err)
{
    static const char text[] = "User-agent: *\n"
                               "Disallow: /request\n"
                               "Disallow: /results/\n"
                               "Disallow: /private-results\n"
                               "Disallow: /login\n"
                               "Disallow: /swift/\n"
                               "Crawl-delay: 5";

    return exchange_add_header(x, "Cache-Control", "max-age=3600") < 0 ||
                   exchange_answer_text(x, MHD_HTTP_OK, text) < 0
               ? error_oom(err)
               : 0;
}
