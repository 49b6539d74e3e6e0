// SPDX-License-Identifier: GPL-3.0-only
#include "web/log_view.h"

#include <stdint.h>
#include <unistd.h>
#include <zlib.h>

#define IN_SIZE ((size_t)64 * 1024)
#define INFLATED_SIZE ((size_t)64 * 1024)
// What one piece of inflated text can become: escaped characters and anchors of many short lines.
#define OUT_MAX ((size_t)16 * 1024 * 1024)
#define AT_SIGNS "@@@@@@@@@@"

enum log_state { LOG_READING, LOG_FINISHED };

struct log_view {
    int fd;
    enum log_state state;
    z_stream z;
    bool in_member; // a gzip member has begun and not ended
    bool pending;   // zlib has more to give for what it was given
    struct strv open_tests;
    struct buf line, out;
    size_t out_at; // first byte of `out` not handed over
    uint64_t number;
    unsigned sections;
    unsigned char in[IN_SIZE], inflated[INFLATED_SIZE];
};

// ---- lines

void log_section_release(struct log_section *section)
{
    free(section->title);
    free(section->test);
    *section = (struct log_section){0};
}

// Behind `autopkgtest [12:00:00]: `, or NULL.
static const char *skip_prefix(const char *line)
{
    const char *p = line + strspn(line, " ");
    size_t digits = strspn(p, "0123456789");

    if (digits && p[digits] == 's' && p[digits + 1] == ' ')
        p += digits + 2;
    if (!str_starts_with(p, "autopkgtest ["))
        return NULL;
    p = strstr(p, "]: ");
    return p ? p + 3 : NULL;
}

// `test NAME: WHAT`: what WHAT begins, or NULL. *ret_name_len is set then.
static const char *test_phase(const char *text, size_t *ret_name_len)
{
    const char *colon = str_starts_with(text, "test ") ? strstr(text, ": ") : NULL;

    if (!colon || colon == text + 5)
        return NULL;
    *ret_name_len = (size_t)(colon - text) - 5;
    colon += 2;
    if (strcmp(colon, "preparing testbed") == 0)
        return "preparing the testbed";
    if (str_starts_with(colon, "[-----"))
        return "output";
    if (!str_starts_with(colon, " - - - - -"))
        return NULL;
    return strstr(colon, " results ")  ? "results"
           : strstr(colon, " stderr ") ? "standard error"
                                       : "more";
}

int log_section_parse(const char *line, size_t len, struct log_section *ret)
{
    _cleanup_free_ char *copy = strndup(line, len);
    struct log_section section = {0};
    const char *text, *phase;
    size_t name_len = 0;

    if (!copy)
        return -ENOMEM;
    text = skip_prefix(copy);
    if (!text)
        return 0;
    if (str_starts_with(text, AT_SIGNS)) {
        text += strspn(text, "@");
        section.title = strdup(text + strspn(text, " "));
    } else {
        phase = test_phase(text, &name_len);
        if (!phase)
            return 0;
        section.test = strndup(text + 5, name_len);
        if (section.test)
            section.title = str_format("test %s: %s", section.test, phase);
    }
    if (!section.title) {
        log_section_release(&section);
        return -ENOMEM;
    }
    *ret = section;
    return 1;
}

// The length of a terminal's escape sequence at `s`; 0: none.
static size_t escape_length(const char *s, size_t len)
{
    size_t n = 2;

    if (len < 2 || s[0] != '\x1b' || s[1] != '[')
        return 0;
    while (n < len && ((unsigned char)s[n] < 0x40 || (unsigned char)s[n] > 0x7e))
        n++;
    return n < len ? n + 1 : n;
}

int log_line_escape(const char *line, size_t len, struct buf *b)
{
    int r = 0;

    for (size_t i = 0; i < len && r == 0; i++) {
        unsigned char c = (unsigned char)line[i];
        size_t skip = escape_length(line + i, len - i);

        if (skip)
            i += skip - 1;
        else if (c == '<')
            r = buf_add_str(b, "&lt;");
        else if (c == '&')
            r = buf_add_str(b, "&amp;");
        else if (c == '>')
            r = buf_add_str(b, "&gt;");
        else if (c == '"')
            r = buf_add_str(b, "&quot;");
        else if (c >= 0x20 ? c != 0x7f : c == '\t')
            r = buf_add_char(b, (char)c);
    }
    return r;
}

// ---- HTML

static int begin_section(struct log_view *v, const struct log_section *section)
{
    bool open = strcmp(section->title, "summary") == 0 ||
                (section->test && strv_contains(&v->open_tests, section->test));
    int r = v->sections ? buf_add_str(&v->out, "</pre></details>\n") : 0;

    v->sections++;
    if (r == 0)
        r = buf_addf(&v->out, "<details class=\"section\" id=\"s%u\"%s><summary>", v->sections,
                     open ? " open" : "");
    if (r == 0)
        r = log_line_escape(section->title, strlen(section->title), &v->out);
    return r < 0 ? r : buf_add_str(&v->out, "</summary><pre>");
}

static int add_line(struct log_view *v)
{
    const struct log_section first = {.title = (char *)"start"};
    struct log_section section = {0};
    int r = log_section_parse(buf_str(&v->line), v->line.len, &section);

    if (r > 0) {
        r = begin_section(v, &section);
        log_section_release(&section);
    } else if (r == 0 && v->sections == 0)
        r = begin_section(v, &first);
    v->number++;
    if (r == 0)
        r = buf_addf(&v->out, "<span id=\"L%llu\"><a href=\"#L%llu\" data-n=\"%llu\"></a>",
                     (unsigned long long)v->number, (unsigned long long)v->number,
                     (unsigned long long)v->number);
    if (r == 0)
        r = log_line_escape(buf_str(&v->line), v->line.len, &v->out);
    if (r == 0)
        r = buf_add_str(&v->out, "\n</span>");
    buf_truncate(&v->line, 0);
    return r;
}

static int add_text(struct log_view *v, const char *text, size_t len)
{
    const char *end = text + len;
    int r = 0;

    while (text < end && r == 0) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((newline ? newline : end) - text);
        size_t room = LOG_LINE_MAX - v->line.len;

        if (n > room) {
            r = buf_add(&v->line, text, room);
            if (r == 0)
                r = add_line(v);
            text += room;
            continue;
        }
        r = buf_add(&v->line, text, n);
        text += n;
        if (newline) {
            if (r == 0)
                r = add_line(v);
            text++;
        }
    }
    return r;
}

static int finish(struct log_view *v, const char *note)
{
    int r = v->line.len ? add_line(v) : 0;

    v->state = LOG_FINISHED;
    if (r == 0 && note)
        r = buf_add_str(&v->line, note);
    if (r == 0 && (note || v->number == 0))
        r = add_line(v);
    return r < 0 ? r : buf_add_str(&v->out, "</pre></details>\n");
}

// ---- reading

// Inflates what there is into text. 0, or negative when the data are bad.
static int inflate_some(struct log_view *v)
{
    while (v->out.len == 0 && (v->z.avail_in > 0 || v->pending)) {
        int rc;

        v->z.next_out = v->inflated;
        v->z.avail_out = INFLATED_SIZE;
        v->in_member = true;
        rc = inflate(&v->z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return -EBADMSG;
        v->pending = v->z.avail_out == 0;
        if (add_text(v, (const char *)v->inflated, INFLATED_SIZE - v->z.avail_out) < 0)
            return -ENOMEM;
        if (rc != Z_STREAM_END)
            continue;
        v->in_member = v->pending = false; // another member may follow
        if (inflateReset(&v->z) != Z_OK)
            return -EBADMSG;
    }
    return 0;
}

static int fill(struct log_view *v)
{
    ssize_t n;

    v->out_at = 0;
    buf_truncate(&v->out, 0);
    if (v->z.avail_in == 0 && !v->pending) {
        n = read(v->fd, v->in, IN_SIZE);
        if (n < 0)
            return finish(v, "(the rest of the log cannot be read)");
        if (n == 0)
            return finish(v, v->in_member ? "(the log is cut off here)" : NULL);
        v->z.next_in = v->in;
        v->z.avail_in = (uInt)n;
    }
    if (inflate_some(v) < 0)
        return finish(v, "(the rest of the log is damaged)");
    return 0;
}

int log_view_new(int fd, struct strv *open_tests, struct log_view **ret)
{
    struct log_view *v = calloc(1, sizeof(*v));

    if (!v || inflateInit2(&v->z, 15 + 32) != Z_OK) {
        free(v);
        return -ENOMEM;
    }
    v->line.max = LOG_LINE_MAX + 64;
    v->out.max = OUT_MAX;
    v->fd = fd;
    v->open_tests = *open_tests;
    *open_tests = (struct strv)STRV_INIT;
    *ret = v;
    return 0;
}

ssize_t log_view_read(struct log_view *v, char *bytes, size_t max)
{
    size_t n;

    while (v->out_at == v->out.len) {
        if (v->state == LOG_FINISHED)
            return 0;
        if (fill(v) < 0)
            return -ENOMEM;
    }
    n = v->out.len - v->out_at;
    n = n < max ? n : max;
    memcpy(bytes, v->out.data + v->out_at, n);
    v->out_at += n;
    return (ssize_t)n;
}

void log_view_free(struct log_view *v)
{
    if (!v)
        return;
    (void)inflateEnd(&v->z);
    (void)close(v->fd);
    strv_release(&v->open_tests);
    buf_release(&v->line);
    buf_release(&v->out);
    free(v);
}
