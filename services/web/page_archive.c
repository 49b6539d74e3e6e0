// SPDX-License-Identifier: GPL-3.0-only
// Browsing inside stored archives: below `…/artifacts.tar.gz/` are its folders and files.
#include "base/clock.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "net/http.h"
#include "web/archive_indexes.h"
#include "web/archive_list.h"
#include "web/page_inside.h"
#include "web/pages.h"
#include "web/reading.h"
#include "web/store_http.h"
#include "web/web.h"

#include <sys/stat.h>

#define ARCHIVE_MAX ((uint64_t)8 * 1024 * 1024 * 1024) // compressed
#define LISTING_MAX ((size_t)16 * 1024 * 1024)
#define PAGE_ENTRIES 500
#define PAGES_MAX (ARCHIVE_NAMES_MAX / PAGE_ENTRIES)
#define NO_INDEX (-2) // exchange.index_fd: it would be too large
#define FIND_MAX ((size_t)200)

static const char *const endings[] = {".tar.gz", ".tgz", ".tar"};

bool page_is_archive(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
        if (str_ends_with(name, endings[i]))
            return true;
    return false;
}

// Cuts `object` at the first component that looks like an archive. *ret_inside (borrowed) is what
// is behind its slash. False: there is none.
static bool split(const char *object, char **ret_archive, const char **ret_inside)
{
    for (const char *slash = strchr(object, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *archive = strndup(object, (size_t)(slash - object));

        if (archive && page_is_archive(archive)) {
            *ret_archive = archive;
            *ret_inside = slash + 1;
            return true;
        }
        free(archive);
    }
    return false;
}

// ---- folders

// The folders above, each with the way back to it.
// The folder that the archive is in is the first.
static json_t *crumbs(const char *archive, const char *folder)
{
    const char *slash = strrchr(archive, '/');
    const char *name = "all files", *end = name + strlen(name);
    json_t *list = json_array();
    size_t depth = 1;
    bool above = true;

    for (const char *c = folder; *c; c++)
        depth += *c == '/';
    for (;;) {
        _cleanup_buf_ struct buf url = BUF_INIT(BUF_OWN_MAX), text = BUF_INIT(BUF_OWN_MAX);
        int r = buf_add_str(&url, "./");

        for (size_t i = 0; i < depth && r == 0; i++)
            r = buf_add_str(&url, "../");
        if (r < 0 || utf8_add_clean(&text, name, (size_t)(end - name)) < 0 ||
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "name", buf_str(&text), "url", buf_str(&url))) < 0) {
            json_decref(list);
            return NULL;
        }
        if (depth == 0)
            return list;
        depth--;
        name = above ? (slash ? slash + 1 : archive) : folder;
        end = above ? name + strlen(name) : strchr(name, '/');
        if (!above)
            folder = end + 1;
        above = false;
    }
}

static int put_dates(json_t *entries)
{
    json_t *entry;
    size_t i;

    json_array_foreach (entries, i, entry) {
        int64_t at = json_integer_value(json_object_get(entry, "modified_s"));
        _cleanup_free_ char *text = at > 0 ? clock_format_utc(at, "%Y-%m-%d %H:%M") : NULL;

        (void)json_object_del(entry, "modified_s");
        if (text && json_put_string(entry, "modified", text) < 0)
            return -ENOMEM;
    }
    return 0;
}

static uint64_t page_number(const struct exchange *x)
{
    const char *text = params_get_filled(&x->query, "page");
    uint64_t n = 1;

    return text && parse_uint(text, 1, PAGES_MAX, &n, NULL) < 0 ? 1 : n;
}

static int put_pages(struct exchange *x, const char *find)
{
    uint64_t total = (uint64_t)json_integer_value(json_object_get(x->data, "total"));
    _cleanup_free_ char *escaped = find ? http_escape(find, false) : NULL;
    _cleanup_free_ char *query = escaped ? str_format("q=%s&", escaped) : strdup("");

    return query ? page_put_pages(x, page_number(x), total, PAGE_ENTRIES, query) : -ENOMEM;
}

static int put_listing(struct exchange *x, const char *archive, const char *folder,
                       const char *find, struct error *err)
{
    _cleanup_buf_ struct buf title = BUF_INIT(BUF_OWN_MAX);
    const char *text = NULL, *name = strrchr(archive, '/');
    json_t *parts;
    int r = reading_text(x, &text, err);

    if (r == 0)
        r = json_parse(text, strlen(text), "listing", &x->data, err);
    if (r < 0)
        return r;
    reading_drop(x); // others may read while this is sent
    name = name ? name + 1 : archive;
    parts = crumbs(archive, folder);
    if (utf8_add_clean(&title, name, strlen(name)) < 0 || buf_add_char(&title, '/') < 0 ||
        utf8_add_clean(&title, folder, strlen(folder)) < 0 ||
        json_put(x->data, "crumbs", parts) < 0 ||
        json_put_string(x->data, "title", buf_str(&title)) < 0 ||
        json_put_bool(x->data, "has_parent", *folder != '\0') < 0 ||
        (find && json_put_string(x->data, "find", find) < 0) ||
        json_put_bool(x->data, "is_empty",
                      json_array_size(json_object_get(x->data, "entries")) == 0) < 0 ||
        put_dates(json_object_get(x->data, "entries")) < 0 || put_pages(x, find) < 0)
        return error_oom(err);
    return page_answer(x, MHD_HTTP_OK, "archive", err);
}

// ---- reading

static bool is_folder(const char *inside)
{
    return !*inside || str_ends_with(inside, "/");
}

static int start_list(struct exchange *x, int *fd, bool index, const struct inside *in,
                      struct error *err)
{
    uint64_t skipped = (page_number(x) - 1) * PAGE_ENTRIES;
    _cleanup_free_ char *skip = str_format("%llu", (unsigned long long)skipped);
    _cleanup_free_ char *limit = str_format("%d", PAGE_ENTRIES);
    const char *const arguments[] = {
        index ? "list-index" : "list", in->path, in->find ? in->find : "", skip, limit, NULL};

    return skip && limit ? reading_start(x, fd, arguments, LISTING_MAX, err) : error_oom(err);
}

// An index is written when the archive is large; afterwards the handler is here again.
static int start_index(struct exchange *x, int *fd, struct error *err)
{
    static const char *const arguments[] = {"index", NULL};
    int out = web_unnamed_file(x->web, err);

    if (out < 0)
        return out;
    x->index_fd = out;
    return reading_start_to(x, fd, arguments, out, err);
}

// What comes from elsewhere takes long whatever its size.
static bool takes_long(const struct exchange *x, int fd)
{
    struct stat st;

    return !x->web->store || (fstat(fd, &st) == 0 && (uint64_t)st.st_size >= ARCHIVE_INDEXED_FROM);
}

// NULL, also when the archive has no tag by which a change of it would be seen.
static char *index_key(const struct inside *in, const char *etag)
{
    return etag ? str_format("%d %s/%s %s", in->archive.reader, in->archive.container,
                             in->archive.name, etag)
                : NULL;
}

static int start_folder(struct exchange *x, int *fd, const struct inside *in, const char *etag,
                        struct error *err)
{
    _cleanup_free_ char *key = index_key(in, etag);
    _cleanup_close_ int index = -1;

    if (!key || !takes_long(x, *fd) || x->index_fd == NO_INDEX)
        return start_list(x, fd, false, in, err);
    if (x->index_fd < 0)
        return start_index(x, fd, err);
    index = x->index_fd; // it has just been written
    x->index_fd = -1;
    if (archive_index_keep(x->web, key, &index) < 0 ||
        (index = archive_index_open(x->web, key)) < 0)
        return error_oom(err);
    return start_list(x, &index, true, in, err);
}

// From an index that is kept; the archive itself is not needed then. 0: there is none.
static int start_known_folder(struct exchange *x, const struct inside *in, struct error *err)
{
    _cleanup_free_ char *etag = NULL, *key = NULL;
    _cleanup_close_ int index = -1;
    int r = x->index_fd == -1 ? stored_etag(x, &in->archive, &etag, err) : 0;

    if (r != 0)
        return r;
    key = index_key(in, etag);
    index = key ? archive_index_open(x->web, key) : -1;
    return index < 0 ? 0 : start_list(x, &index, true, in, err);
}

static int start(struct exchange *x, const struct inside *in, struct error *err)
{
    _cleanup_free_ char *etag = NULL;
    _cleanup_close_ int fd = -1;
    int r = start_known_folder(x, in, err);

    if (r == 0)
        r = stored_open(x, &in->archive, &fd, &etag, err);
    return r == 0 ? start_folder(x, &fd, in, etag, err) : r;
}

// What was asked for is there: an index, with which the work begins, or the answer.
static int go_on(struct exchange *x, const struct inside *in, struct error *err)
{
    const char *text = NULL;
    int r;

    if (x->index_fd < 0)
        return put_listing(x, in->archive.name, in->path, in->find, err);
    if (reading_was_too_large(x)) {
        close_fd(&x->index_fd);
        x->index_fd = NO_INDEX;
        r = 0;
    } else
        r = reading_text(x, &text, err);
    reading_drop(x);
    return r < 0 ? r : 1;
}

static int page_folder(struct exchange *x, const struct inside *in, struct error *err)
{
    int r = reading_done(x) ? go_on(x, in, err) : 1;

    if (r <= 0)
        return r;
    r = reading_claim(x, err);
    return r < 0 ? r : start(x, in, err);
}

int page_archive(struct exchange *x, enum stored_reader reader, const char *container,
                 const char *object, struct error *err)
{
    _cleanup_free_ char *archive = NULL;
    struct inside in = {0};
    int r;

    if (!split(object, &archive, &in.path))
        return -ENOENT;
    if (*in.path && !archive_name_is_good(in.path))
        return exchange_fail(x, 404, err, "there is no file of that name in an archive");
    in.archive = (struct stored_object){
        .reader = reader, .container = container, .name = archive, .max = ARCHIVE_MAX};
    r = page_query_text(x, "q", FIND_MAX, &in.find, err);
    if (r == 0)
        r = is_folder(in.path) ? page_folder(x, &in, err) : page_member(x, &in, err);
    if (r == -ENOENT)
        reading_drop(x);
    return r;
}
