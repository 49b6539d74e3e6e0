// SPDX-License-Identifier: GPL-3.0-only
#include "web/log_search.h"

#include "base/utf8.h"
#include "web/log_view.h"

#define BEFORE_MAX ((size_t)80)
#define AFTER_MAX ((size_t)240)

struct searching {
    const struct log_search *search;
    struct log_section section;
    struct buf plain;
    uint64_t line, total;
    unsigned sections;
    json_t *hits;
};

static bool has_controls(const char *line, size_t len)
{
    return memchr(line, '\x1b', len) || memchr(line, '\0', len) || memchr(line, '\r', len);
}

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

// At most `max` bytes at the end or at the beginning, of whole characters, with an ellipsis where
// something is missing.
static char *part_of(const char *text, size_t len, size_t max, bool end)
{
    _cleanup_buf_ struct buf b = BUF_INIT(4 * AFTER_MAX);
    size_t n = len < max ? len : max;
    int r = 0;

    while (n > 0 && n < len && continues_character(end ? text[len - n] : text[n]))
        n--;
    if (n < len && end)
        r = buf_add_str(&b, "…");
    if (r == 0)
        r = utf8_add_clean(&b, end ? text + len - n : text, n);
    if (r == 0 && n < len && !end)
        r = buf_add_str(&b, "…");
    return r == 0 ? buf_take(&b) : NULL;
}

static json_t *hit_json(const struct searching *s, const char *line, size_t len, const char *at)
{
    size_t n = strlen(s->search->text);
    _cleanup_free_ char *before = part_of(line, (size_t)(at - line), BEFORE_MAX, true);
    _cleanup_free_ char *match = part_of(at, n, LOG_SEARCH_MAX, false);
    _cleanup_free_ char *after = part_of(at + n, len - (size_t)(at - line) - n, AFTER_MAX, false);
    _cleanup_buf_ struct buf title = BUF_INIT(4 * LOG_LINE_MAX);
    json_t *value = json_object();

    if (!before || !match || !after ||
        utf8_add_clean(&title, s->section.title, strlen(s->section.title)) < 0 ||
        json_put_int(value, "line", (int64_t)s->line) < 0 ||
        json_put_int(value, "section", s->sections) < 0 ||
        json_put_string(value, "title", buf_str(&title)) < 0 ||
        json_put_string(value, "before", before) < 0 ||
        json_put_string(value, "match", match) < 0 || json_put_string(value, "after", after) < 0) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static int look_at(const char *line, size_t len, void *userdata)
{
    struct searching *s = userdata;
    const struct log_search *search = s->search;
    const char *at;
    int r = log_section_follow(line, len, &s->section);

    if (r < 0)
        return r;
    s->sections += (unsigned)r;
    s->line++;
    if (has_controls(line, len)) {
        buf_truncate(&s->plain, 0);
        if (log_line_plain(line, len, &s->plain) < 0)
            return -ENOMEM;
        line = buf_str(&s->plain);
        len = s->plain.len;
    }
    at = search->exact_case ? strstr(line, search->text) : strcasestr(line, search->text);
    if (!at)
        return 0;
    s->total++;
    if (s->total <= search->skip || s->total - search->skip > search->limit)
        return 0;
    return json_array_append_new(s->hits, hit_json(s, line, len, at)) < 0 ? -ENOMEM : 0;
}

int log_search(int fd, const struct log_search *search, json_t **ret, struct error *err)
{
    _cleanup_(log_lines_freep) struct log_lines *lines = NULL;
    _cleanup_json_ json_t *value = json_object();
    struct searching s = {.search = search, .plain = BUF_INIT(LOG_LINE_MAX), .hits = json_array()};
    int r = log_lines_new(fd, look_at, &s, &lines);

    if (r < 0)
        (void)close(fd);
    else
        while ((r = log_lines_step(lines)) > 0)
            ;
    log_section_release(&s.section);
    buf_release(&s.plain);
    if (json_put(value, "hits", s.hits) < 0 || r < 0 ||
        json_put_int(value, "total", (int64_t)s.total) < 0 ||
        json_put_int(value, "lines", (int64_t)s.line) < 0)
        return error_oom(err);
    *ret = TAKE_PTR(value);
    return 0;
}
