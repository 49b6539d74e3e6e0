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
// Bytes of one that is shown as it comes; for a smaller one nobody waits long.
#define COMING_FROM ((uint64_t)256 * 1024)
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
        if (inside_put_date(entry) < 0)
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

// Where the folder is.
static int put_place(struct exchange *x, const struct inside *in)
{
    _cleanup_buf_ struct buf title = BUF_INIT(BUF_OWN_MAX);
    const char *archive = in->archive.name, *folder = in->path, *slash = strrchr(archive, '/');
    const char *name = slash ? slash + 1 : archive;

    return utf8_add_clean(&title, name, strlen(name)) < 0 || buf_add_char(&title, '/') < 0 ||
                   utf8_add_clean(&title, folder, strlen(folder)) < 0 ||
                   json_put(x->data, "crumbs", crumbs(archive, folder)) < 0 ||
                   json_put_string(x->data, "title", buf_str(&title)) < 0 ||
                   json_put_bool(x->data, "has_parent", *folder != '\0') < 0 ||
                   (in->find && json_put_string(x->data, "find", in->find) < 0)
               ? -ENOMEM
               : 0;
}

static int put_listing(struct exchange *x, const struct inside *in, struct error *err)
{
    const json_t *entries;
    const char *text = NULL;
    int r = reading_text(x, &text, err);

    if (r == 0)
        r = json_parse(text, strlen(text), "listing", &x->data, err);
    if (r < 0)
        return r;
    reading_drop(x); // others may read while this is sent
    entries = json_object_get(x->data, "entries");
    if (put_place(x, in) < 0 ||
        json_put_bool(x->data, "is_empty", json_array_size(entries) == 0) < 0 ||
        put_dates((json_t *)entries) < 0 || put_pages(x, in->find) < 0)
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

// Of an archive that is on its way the first page is shown as it comes; who wants another one, or
// data, gets them in order when all is there. 0: it is not shown like that.
static int start_coming(struct exchange *x, const struct inside *in, struct error *err)
{
    _cleanup_free_ char *limit = str_format("%d", PAGE_ENTRIES), *etag = NULL;
    const char *const arguments[] = {"follow", in->path, in->find ? in->find : "", limit, NULL};
    _cleanup_(stored_file_unrefp) struct stored_file *file = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (x->method != METHOD_GET || x->wants_json || x->index_fd != -1 ||
        params_get_filled(&x->query, "page"))
        return 0;
    r = limit ? stored_follow(x, &in->archive, &fd, &etag, &file, err) : error_oom(err);
    if (r != 0 || !file || stored_file_growth(file) == 0 || stored_file_size(file) < COMING_FROM)
        return r;
    free(x->archive_etag);
    x->archive_etag = TAKE_PTR(etag);
    x->archive_way = ARCHIVE_AS_IT_COMES;
    return reading_follow(x, &fd, &file, arguments, 0, err);
}

static int answer_coming(struct exchange *x, const struct inside *in, struct error *err)
{
    _cleanup_free_ char *key = index_key(in, x->archive_etag);
    const char *text = NULL;
    int r = reading_text(x, &text, err);

    x->data = json_object();
    if (r == 0 && put_place(x, in) < 0)
        r = error_oom(err);
    return r < 0 ? r : page_coming(x, in, key, err);
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
        r = start_coming(x, in, err);
    if (r == 0)
        r = stored_open(x, &in->archive, &fd, &etag, err);
    return r == 0 ? start_folder(x, &fd, in, etag, err) : r;
}

// What was asked for is there: an index, with which the work begins, or the answer.
static int go_on(struct exchange *x, const struct inside *in, struct error *err)
{
    const char *text = NULL;
    int r;

    if (x->archive_way == ARCHIVE_AS_IT_COMES)
        return answer_coming(x, in, err);
    if (x->index_fd < 0)
        return put_listing(x, in, err);
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
    in.archive = (struct stored_object){.reader = reader,
                                        .container = container,
                                        .name = archive,
                                        .max = ARCHIVE_MAX,
                                        .to_end = true}; // folders and files of it will be opened
    r = page_query_text(x, "q", FIND_MAX, &in.find, err);
    if (r == 0)
        r = is_folder(in.path) ? page_folder(x, &in, err) : page_member(x, &in, err);
    if (r == -ENOENT)
        reading_drop(x);
    return r;
}
