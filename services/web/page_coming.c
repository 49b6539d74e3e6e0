// SPDX-License-Identifier: GPL-3.0-only
// A folder's listing while its archive comes: rows of HTML out of the lines of `inside follow`.
#include "base/file.h"
#include "net/http.h"
#include "web/archive_indexes.h"
#include "web/page_inside.h"
#include "web/reading.h"
#include "web/web.h"

struct coming {
    struct web *web;
    char *key;  // of the index that is kept
    char *find; // NULL: it is a folder's
    size_t rows;
    bool told; // the last line has come
    int index_fd;
    uint64_t index_left; // bytes of it that are to come
};

static void coming_free(void *userdata)
{
    struct coming *c = userdata;

    close_fd(&c->index_fd);
    free(c->key);
    free(c->find);
    free(c);
}

DEFINE_CLEANUP(struct coming *, coming_free)

static int render(const struct coming *c, const char *template, const json_t *data, struct buf *out)
{
    const struct template_options options = {.partials = c->web->templates};
    const struct template *t = template_set_find(c->web->templates, template);

    return t ? template_render(t, data, &options, out, NULL) : -ENOSYS;
}

// ---- the end

static int put_link(const struct coming *c, json_t *data)
{
    _cleanup_free_ char *escaped = c->find ? http_escape(c->find, false) : NULL;
    _cleanup_free_ char *query = c->find ? str_format("q=%s&", escaped ? escaped : "") : strdup("");

    return !query || (c->find && !escaped) ? -ENOMEM : json_put_string(data, "page_query", query);
}

// `data`: what the last line says; without one it says that the rest is missing.
static int add_end(const struct coming *c, json_t *data, bool broken, struct buf *out)
{
    int64_t total = json_integer_value(json_object_get(data, "total"));

    if (json_put_bool(data, "broken", broken) < 0 ||
        json_put_bool(data, "is_empty", !broken && c->rows == 0) < 0 ||
        json_put_bool(data, "more", total > (int64_t)c->rows) < 0 ||
        json_put_int(data, "rows", (int64_t)c->rows) < 0 ||
        (c->find && json_put_string(data, "find", c->find) < 0) || put_link(c, data) < 0)
        return -ENOMEM;
    return render(c, "archive_end", data, out);
}

static int take_last_line(struct coming *c, json_t *data, struct buf *out)
{
    json_int_t bytes = json_integer_value(json_object_get(data, "index"));

    c->told = true;
    c->index_left = c->key && bytes > 0 ? (uint64_t)bytes : 0;
    if (c->index_left > 0)
        c->index_fd = web_unnamed_file(c->web, NULL);
    return add_end(c, data, false, out);
}

// Without a place for it there is no index; the listing is as good without.
static void take_index(struct coming *c, const struct buf *in)
{
    size_t n = in->len < c->index_left ? in->len : (size_t)c->index_left;

    if (c->index_fd < 0 || n == 0)
        return;
    c->index_left -= n;
    if (fd_write_all(c->index_fd, in->data, n) < 0)
        close_fd(&c->index_fd);
    else if (c->index_left == 0)
        (void)archive_index_keep(c->web, c->key, &c->index_fd);
}

// ---- rows

static int take_line(struct coming *c, const char *line, size_t len, struct buf *out)
{
    _cleanup_json_ json_t *data = NULL;
    int r = json_parse(line, len, "listing", &data, NULL);

    if (r < 0)
        return r;
    if (json_object_get(data, "index"))
        return take_last_line(c, data, out);
    c->rows++;
    r = inside_put_date(data);
    return r < 0 ? r : render(c, "archive_row", data, out);
}

static int run(void *userdata, struct buf *in, const int *status, struct buf *out)
{
    struct coming *c = userdata;
    _cleanup_json_ json_t *missing = NULL;
    const char *line = buf_str(in), *end = line + in->len, *newline;
    int r = 0;

    while (r == 0 && !c->told && (newline = memchr(line, '\n', (size_t)(end - line)))) {
        r = take_line(c, line, (size_t)(newline - line), out);
        line = newline + 1;
    }
    buf_consume(in, in->len - (size_t)(end - line));
    if (c->told) {
        take_index(c, in);
        buf_consume(in, in->len);
    } else if (r == 0 && status) {
        missing = json_object();
        r = add_end(c, missing, true, out);
    }
    return r;
}

// ---- starting

static int coming_new(struct exchange *x, const struct inside *in, const char *key,
                      struct reading_filter *ret)
{
    _cleanup_(coming_freep) struct coming *c = calloc(1, sizeof(*c));

    if (!c)
        return -ENOMEM;
    c->web = x->web;
    c->index_fd = -1;
    c->key = key ? strdup(key) : NULL;
    c->find = in->find ? strdup(in->find) : NULL;
    if ((key && !c->key) || (in->find && !c->find))
        return -ENOMEM;
    *ret = (struct reading_filter){.run = run, .free = coming_free, .userdata = TAKE_PTR(c)};
    return 0;
}

int page_coming(struct exchange *x, const struct inside *in, const char *key, struct error *err)
{
    _cleanup_buf_ struct buf head = BUF_INIT(BUF_OWN_MAX), tail = BUF_INIT(BUF_OWN_MAX);
    struct reading_filter filter = {0};
    int r = page_render_around(x, "archive", "coming", &head, &tail, err);

    if (r < 0)
        return r;
    if (exchange_add_header(x, "Content-Type", TYPE_HTML) < 0 ||
        exchange_add_header(x, "X-Accel-Buffering", "no") < 0 || // nginx and others pass it on
        coming_new(x, in, key, &filter) < 0)
        return error_oom(err);
    return reading_answer_by(x, &filter, &head, &tail, err);
}
