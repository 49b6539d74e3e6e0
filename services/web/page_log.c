// SPDX-License-Identifier: GPL-3.0-only
// A run's log: all of it, the lines with a text in it, or a part.
#include "base/hash.h"
#include "base/parse.h"
#include "net/http.h"
#include "web/body.h"
#include "web/encoding.h"
#include "web/log_search.h"
#include "web/log_view.h"
#include "web/page_cache.h"
#include "web/page_run.h"
#include "web/reading.h"
#include "web/stored_follower.h"
#include "web/web.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define HITS 100                           // on a page
#define HITS_MAX ((size_t)8 * 1024 * 1024) // bytes of JSON
#define PART_LINES 2000
#define PART_BEFORE 100 // lines that are shown before one that was found
// A log of more lines is a page that browsers do not like: what was found in it leads to parts.
#define WHOLE_LINES 20000

#define LOG_MAX ((uint64_t)4 * 1024 * 1024 * 1024) // compressed
// A page up to here is made in one piece and sent with its length, and kept for the next who asks
// (page_cache.h); what a longer log becomes is made at the pace at which it is read. So is every
// page while slow clients keep this much of what was made.
#define WHOLE_PAGE_MAX ((size_t)512 * 1024)
#define HELD_MAX ((size_t)24 * 1024 * 1024)

// ---- the log's page

struct log_page {
    struct log_view *view;
    struct stored_follower log;
    struct buf head, tail;
    size_t head_at, tail_at;
};

static void log_page_free(void *userdata)
{
    struct log_page *p = userdata;

    log_view_free(p->view);
    stored_follower_end(&p->log);
    buf_release(&p->head);
    buf_release(&p->tail);
    free(p);
}

DEFINE_CLEANUP(struct log_page *, log_page_free)

static void log_page_await(void *userdata)
{
    struct log_page *p = userdata;

    stored_follower_sleep(&p->log);
}

static ssize_t log_page_read(void *userdata, char *bytes, size_t max)
{
    struct log_page *p = userdata;
    size_t n = buf_read(&p->head, &p->head_at, bytes, max);
    ssize_t body;

    if (n > 0)
        return (ssize_t)n;
    body = log_view_read(p->view, bytes, max);
    return body != 0 ? body : (ssize_t)buf_read(&p->tail, &p->tail_at, bytes, max);
}

static int failed_tests(const struct exchange *x, struct strv *ret)
{
    const json_t *tests = json_object_get(x->data, "tests");
    size_t i;
    json_t *test;

    json_array_foreach ((json_t *)tests, i, test) {
        if (json_is_true(json_object_get(test, "failed")) &&
            strv_add(ret, json_string_value(json_object_get(test, "name"))) < 0)
            return -ENOMEM;
    }
    return 0;
}

// 0: there is none.
static uint64_t query_number(const struct exchange *x, const char *name, uint64_t max)
{
    const char *text = params_get_filled(&x->query, name);
    uint64_t n = 0;

    return text && parse_uint(text, 1, max, &n, NULL) == 0 ? n : 0;
}

// A log that is there does not change: the page is the same while what is around it and the file
// are.
static int add_tag(struct exchange *x, int fd, const struct log_page *p)
{
    _cleanup_free_ char *tag = NULL;
    uint64_t hash = hash_add(HASH_START, VERSION, strlen(VERSION));
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    hash = hash_add(hash, &st.st_dev, sizeof(st.st_dev));
    hash = hash_add(hash, &st.st_ino, sizeof(st.st_ino));
    hash = hash_add(hash, &st.st_size, sizeof(st.st_size));
    hash = hash_add(hash, &st.st_ctim, sizeof(st.st_ctim));
    hash = hash_add(hash, x->query_text, strlen(x->query_text));
    hash = hash_add(hash_add(hash, p->head.data, p->head.len), p->tail.data, p->tail.len);
    tag = str_format("%016llx", (unsigned long long)hash);
    exchange_encode(x, TYPE_HTML, ENCODING_SIZE_UNKNOWN);
    return !tag || exchange_set_tag(x, tag) < 0 ||
                   exchange_add_header(x, "Cache-Control", "no-cache") < 0
               ? -ENOMEM
               : 0;
}

// The client has the page, or others were just sent the same one.
static int answer_made(struct exchange *x, bool *ret_answered)
{
    bool known = exchange_is_known(x);

    *ret_answered = known || page_cache_answer_same(x->web->page_cache, x);
    return known ? exchange_answer_empty(x, MHD_HTTP_NOT_MODIFIED) : 0;
}

static int begin_view(const struct exchange *x, int fd, struct log_page *p)
{
    _cleanup_strv_ struct strv open_tests = STRV_INIT;
    struct log_part part = {.open_section = (unsigned)query_number(x, "section", UINT_MAX)};
    _cleanup_close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int r;

    if (own < 0 || lseek(own, 0, SEEK_SET) < 0)
        return -errno;
    log_view_free(TAKE_PTR(p->view));
    r = failed_tests(x, &open_tests);
    if (r == 0)
        r = log_view_new(own, &open_tests, &part, &p->view);
    if (r == 0)
        (void)take_fd(&own);
    return r;
}

// How many bytes a gzip file says it becomes (RFC 1952: the last four, of the last member).
static bool says_it_is_long(int fd)
{
    unsigned char size[4];
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(size) &&
           pread(fd, size, sizeof(size), st.st_size - (off_t)sizeof(size)) == sizeof(size) &&
           (size[3] || size[2] >= WHOLE_PAGE_MAX >> 16);
}

// To the first `len` bytes, and the memory with it.
static int shorten(struct buf *b, size_t len)
{
    struct buf begin = BUF_INIT(b->max);
    int r = buf_add(&begin, b->data, len);

    if (r == 0) {
        buf_release(b);
        *b = begin;
    }
    return r;
}

// Makes the page in one piece and returns 0; 1: it is to be read piece by piece, because it is too
// long for that, or enough of others is in memory already, or the log is still on its way.
static int make_log_page(struct exchange *x, int fd, struct log_page *p, struct error *err)
{
    size_t before = p->head.len;
    int r = begin_view(x, fd, p);

    if (r == 0 && p->log.file && stored_file_growth(p->log.file) != 0) {
        log_view_follow(p->view, stored_file_growth, p->log.file);
        return 1;
    }
    if (r == 0 && (body_bytes_held() > HELD_MAX || says_it_is_long(fd)))
        return 1;
    do
        r = r < 0 ? r : log_view_add(p->view, &p->head);
    while (r > 0 && p->head.len < WHOLE_PAGE_MAX);
    if (r > 0) { // from the beginning: a slow client would keep all of it
        r = shorten(&p->head, before);
        if (r == 0)
            r = begin_view(x, fd, p);
        return r < 0 ? error_oom(err) : 1;
    }
    if (r == 0)
        r = buf_add(&p->head, p->tail.data, p->tail.len);
    return r < 0 ? error_oom(err) : 0;
}

static int send_log_page(struct exchange *x, struct log_page *p)
{
    static const struct body_source source = {log_page_read, log_page_await, log_page_free};

    if (exchange_add_header(x, "Content-Type", TYPE_HTML) < 0) {
        log_page_free(p);
        return -ENOMEM;
    }
    return exchange_answer_stream(x, MHD_HTTP_OK, &source, p, MHD_SIZE_UNKNOWN);
}

// `file` is taken over.
static int answer_log(struct exchange *x, int fd, struct stored_file *file, struct error *err)
{
    _cleanup_(log_page_freep) struct log_page *p = calloc(1, sizeof(*p));
    bool answered = false;
    int r;

    if (!p) {
        stored_file_unref(file);
        return error_oom(err);
    }
    stored_follower_begin(&p->log, x, file);
    p->head.max = p->tail.max = BUF_OWN_MAX;
    r = page_render_around(x, "log", "log", &p->head, &p->tail, err);
    if (r == 0 && !file && (add_tag(x, fd, p) < 0 || answer_made(x, &answered) < 0))
        r = error_oom(err);
    if (r == 0 && !answered)
        r = make_log_page(x, fd, p, err);
    if (r < 0 || answered)
        return r;
    if (r == 0)
        r = page_answer_buf(x, MHD_HTTP_OK, TYPE_HTML, &p->head);
    else
        r = send_log_page(x, TAKE_PTR(p));
    return r < 0 ? error_oom(err) : 0;
}

// *ret_file as of stored_follow().
static int open_log(struct exchange *x, const struct run_names *n, int *ret_fd,
                    struct stored_file **ret_file, struct error *err)
{
    _cleanup_free_ char *log_gz = run_object_name(n, "log.gz");
    const struct stored_object object = {.container = n->container, .name = log_gz, .max = LOG_MAX};
    int r = log_gz ? stored_follow(x, &object, ret_fd, NULL, ret_file, err) : error_oom(err);

    return r == -ENOENT ? exchange_fail(x, 404, err, "there is no log of the run %s", n->run_id)
                        : r;
}

// ---- what has a text in it

// Where the line is, and the section's title over its first hit.
static int finish_hit(const struct exchange *x, json_t *hit, const char *title_before, bool whole)
{
    const char *url = json_text(x->data, "url"), *title = json_text(hit, "title");
    long long line = (long long)json_integer_value(json_object_get(hit, "line"));
    long long section = (long long)json_integer_value(json_object_get(hit, "section"));
    _cleanup_free_ char *address =
        whole ? str_format("%s/log?section=%lld#L%lld", url, section, line)
              : str_format("%s/log?from=%lld#L%lld", url,
                           line > PART_BEFORE ? line - PART_BEFORE : 1, line);

    if (!str_equal(title, title_before) && json_put_string(hit, "heading", title) < 0)
        return -ENOMEM;
    return json_put_string(hit, "url", address);
}

static int put_hits(struct exchange *x, json_t *found)
{
    json_t *hits = json_object_get(found, "hits"), *hit;
    bool whole = json_integer_value(json_object_get(found, "lines")) <= WHOLE_LINES;
    const char *title = NULL;
    size_t i;

    json_array_foreach (hits, i, hit) {
        if (finish_hit(x, hit, title, whole) < 0)
            return -ENOMEM;
        title = json_text(hit, "title");
    }
    return json_object_update(x->data, found) < 0 ||
                   json_put_bool(x->data, "has_hits", json_array_size(hits) > 0) < 0
               ? -ENOMEM
               : 0;
}

static int put_search(struct exchange *x, const char *text, bool exact)
{
    uint64_t total = (uint64_t)json_integer_value(json_object_get(x->data, "total"));
    uint64_t page = query_number(x, "page", INT32_MAX);
    _cleanup_free_ char *escaped = http_escape(text, false);
    _cleanup_free_ char *query =
        str_format("q=%s%s&", escaped ? escaped : "", exact ? "&exact=1" : "");

    return !escaped || !query || json_put_string(x->data, "find", text) < 0 ||
                   json_put_bool(x->data, "exact", exact) < 0 ||
                   json_put_bool(x->data, "one", total == 1) < 0 ||
                   page_put_pages(x, page ? page : 1, total, HITS, query) < 0
               ? -ENOMEM
               : 0;
}

static int begin_reading(struct exchange *x, const struct run_names *n,
                         const char *const *arguments, size_t max, struct error *err)
{
    _cleanup_(stored_file_unrefp) struct stored_file *file = NULL;
    _cleanup_close_ int fd = -1;
    int r = reading_claim(x, err);

    if (r == 0)
        r = open_log(x, n, &fd, &file, err);
    return r == 0 ? reading_follow(x, &fd, &file, arguments, max, err) : r;
}

static int search_log(struct exchange *x, const struct run_names *n, const char *text,
                      struct error *err)
{
    _cleanup_json_ json_t *found = NULL;
    const char *answer = NULL;
    bool exact = params_get_filled(&x->query, "exact");
    uint64_t page = query_number(x, "page", INT32_MAX);
    _cleanup_free_ char *skip =
        str_format("%llu", (unsigned long long)(page ? (page - 1) * HITS : 0));
    _cleanup_free_ char *limit = str_format("%d", HITS);
    const char *const arguments[] = {"search", text, exact ? "1" : "", skip, limit, NULL};
    int r;

    if (!skip || !limit)
        return error_oom(err);
    if (!reading_done(x))
        return begin_reading(x, n, arguments, HITS_MAX, err);
    r = reading_text(x, &answer, err);
    if (r == 0)
        r = json_parse(answer, strlen(answer), "hits", &found, err);
    if (r == 0)
        r = run_start(x, n, err);
    if (r == 0)
        r = run_put_result(x, n, false, err);
    if (r < 0)
        return r;
    reading_drop(x); // others may read while this is sent
    if (put_hits(x, found) < 0 || put_search(x, text, exact) < 0)
        return error_oom(err);
    return page_answer(x, MHD_HTTP_OK, "log_search", err);
}

// ---- a part

// `told`: what `inside lines` says of the part. Behind the log's end there is none, and the way
// back leads to its last lines.
static int put_part(struct exchange *x, int64_t from, const json_t *told)
{
    int64_t to = json_integer_value(json_object_get(told, "to"));
    int64_t first = from < to + 1 ? from : to + 1;

    return json_put_bool(x->data, "part", true) < 0 || json_put_int(x->data, "from", from) < 0 ||
                   (to >= from && json_put_int(x->data, "to", to) < 0) ||
                   (json_is_true(json_object_get(told, "more")) &&
                    json_put_int(x->data, "later", to + 1) < 0) ||
                   (first > 1 && json_put_int(x->data, "earlier",
                                              first > PART_LINES ? first - PART_LINES : 1) < 0)
               ? -ENOMEM
               : 0;
}

static int part_of_log(struct exchange *x, const struct run_names *n, uint64_t from,
                       struct error *err)
{
    _cleanup_free_ char *first = str_format("%llu", (unsigned long long)from);
    _cleanup_free_ char *count = str_format("%d", PART_LINES);
    const char *const arguments[] = {"lines", first, count, NULL};
    _cleanup_buf_ struct buf head = BUF_INIT(BUF_OWN_MAX), tail = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *told = NULL;
    const char *answer = NULL;
    int r;

    if (!first || !count)
        return error_oom(err);
    if (!reading_done(x))
        return begin_reading(x, n, arguments, 0, err);
    r = run_start(x, n, err);
    if (r == 0)
        r = run_put_result(x, n, false, err);
    if (r == 0)
        r = run_put_files(x, n, err);
    if (r != 0)
        return r;
    r = reading_text(x, &answer, err);
    if (r == 0)
        r = json_parse(answer, strlen(answer), "part", &told, err);
    if (r == 0 && put_part(x, (int64_t)from, told) < 0)
        r = error_oom(err);
    if (r == 0)
        r = page_render_around(x, "log", "log", &head, &tail, err);
    if (r == 0 && exchange_add_header(x, "Content-Type", TYPE_HTML) < 0)
        r = error_oom(err);
    return r < 0 ? r : reading_answer(x, MHD_HTTP_OK, MHD_SIZE_UNKNOWN, &head, &tail, err);
}

// ---- all of it

static int whole_log(struct exchange *x, const struct run_names *n, struct error *err)
{
    _cleanup_(stored_file_unrefp) struct stored_file *file = NULL;
    _cleanup_close_ int fd = -1;
    int r = run_start(x, n, err);

    if (r == 0)
        r = run_put_result(x, n, false, err);
    if (r == 0)
        r = open_log(x, n, &fd, &file, err);
    if (r >= 0)
        r = run_both(r, run_put_tests(x, n, err));
    if (r >= 0)
        r = run_both(r, run_put_files(x, n, err));
    if (r != 0 || x->wants_json)
        return r;
    return answer_log(x, fd, TAKE_PTR(file), err);
}

int page_log(struct exchange *x, struct error *err)
{
    _cleanup_(run_names_release) struct run_names n = {0};
    uint64_t from = query_number(x, "from", INT32_MAX);
    const char *text = NULL;
    int r = run_names_read(x, &n, err);

    if (r == 0)
        r = page_query_text(x, "q", LOG_SEARCH_MAX, &text, err);
    if (r < 0)
        return r;
    return text   ? search_log(x, &n, text, err)
           : from ? part_of_log(x, &n, from, err)
                  : whole_log(x, &n, err);
}
