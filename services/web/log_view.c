// SPDX-License-Identifier: GPL-3.0-only
#include "web/log_view.h"

#include "web/log_lines.h"

// What one piece of inflated text can become: escaped characters and anchors of many short lines.
#define OUT_MAX ((size_t)16 * 1024 * 1024)
#define PIECE ((size_t)64 * 1024) // of held lines
#define AT_SIGNS "@@@@@@@@@@"

struct log_view {
    struct log_lines *lines;
    struct log_part part;
    struct strv open_tests;
    struct log_section section; // where the last line is
    bool begun;                 // that section is on the page
    bool any;                   // and so is one at all
    bool finished;
    bool more;        // lines follow the part
    bool has_end;     // by the end of the log
    struct buf *html; // where lines go to
    struct buf out;   // for log_view_read(), and what of it was not handed over
    size_t out_at;
    uint64_t number;
    unsigned sections;

    // Of log_view_read_part(): lines that are not HTML yet, each with a newline.
    struct buf held;
    size_t held_at;
    uint64_t held_lines;
    bool holds, has_part; // while they are read, and afterwards
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

// Hardly a line of a log does: no copy is made to find that out.
static bool may_begin_section(const char *line, size_t len)
{
    size_t at = 0;

    while (at < len && (line[at] == ' ' || line[at] == 's' || (line[at] >= '0' && line[at] <= '9')))
        at++;
    return at < len && line[at] == 'a';
}

int log_section_parse(const char *line, size_t len, struct log_section *ret)
{
    _cleanup_free_ char *copy = NULL;
    struct log_section section = {0};
    const char *text, *phase;
    size_t name_len = 0;

    if (!may_begin_section(line, len))
        return 0;
    copy = strndup(line, len);
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

// The length of a terminal's escape sequence at `s`, which begins with ESC; 1: of that alone.
static size_t escape_length(const char *s, size_t len)
{
    size_t n = 2;

    if (len < 2 || s[1] != '[')
        return 1;
    while (n < len && ((unsigned char)s[n] < 0x40 || (unsigned char)s[n] > 0x7e))
        n++;
    return n < len ? n + 1 : n;
}

// What a byte is to a page, in the order of how few texts may have it.
enum byte_kind { BYTE_PLAIN, BYTE_MARKUP, BYTE_CONTROL };

#define P BYTE_PLAIN
#define M BYTE_MARKUP
#define C BYTE_CONTROL
// clang-format off
static const unsigned char byte_kinds[256] = { // from 0x80 on all are plain
    C, C, C, C, C, C, C, C, C, P, C, C, C, C, C, C,
    C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C,
    P, P, M, P, P, P, M, P, P, P, P, P, P, P, P, P,
    P, P, P, P, P, P, P, P, P, P, P, P, M, P, M, P,
    P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
    P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
    P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
    P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, C,
};
// clang-format on
#undef P
#undef M
#undef C

static const char *entity_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '&':
        return "&amp;";
    case '>':
        return "&gt;";
    default:
        return "&quot;";
    }
}

// What needs no change is copied in one piece: nearly all of a log. `worst` is what a byte may be
// at most to need none.
static int add_clean(const char *line, size_t len, enum byte_kind worst, struct buf *b)
{
    size_t done = 0, i = 0;
    int r = 0;

    while (r == 0) {
        size_t skip = 1;

        while (i < len && byte_kinds[(unsigned char)line[i]] <= worst)
            i++;
        r = buf_add(b, line + done, i - done);
        if (r < 0 || i == len)
            break;
        if (byte_kinds[(unsigned char)line[i]] == BYTE_MARKUP)
            r = buf_add_str(b, entity_of(line[i]));
        else if (line[i] == '\x1b')
            skip = escape_length(line + i, len - i);
        i += skip;
        done = i;
    }
    return r;
}

int log_line_escape(const char *line, size_t len, struct buf *b)
{
    return add_clean(line, len, BYTE_PLAIN, b);
}

int log_line_plain(const char *line, size_t len, struct buf *b)
{
    return add_clean(line, len, BYTE_MARKUP, b);
}

// ---- sections

int log_section_follow(const char *line, size_t len, struct log_section *section)
{
    struct log_section next = {0};
    int r = log_section_parse(line, len, &next);

    if (r == 0 && !section->title) {
        next.title = strdup("start");
        r = next.title ? 1 : -ENOMEM;
    }
    if (r <= 0)
        return r;
    log_section_release(section);
    *section = next;
    return 1;
}

// ---- HTML

static bool is_open(const struct log_view *v)
{
    return v->part.first || v->sections == v->part.open_section ||
           strcmp(v->section.title, "summary") == 0 ||
           (v->section.test && strv_contains(&v->open_tests, v->section.test));
}

static int begin_section(struct log_view *v)
{
    int r = v->any ? buf_add_str(v->html, "</pre></details>\n") : 0;

    v->any = v->begun = true;
    if (r == 0)
        r = buf_addf(v->html, "<details class=\"section\" id=\"s%u\"%s><summary>", v->sections,
                     is_open(v) ? " open" : "");
    if (r == 0)
        r = log_line_escape(v->section.title, strlen(v->section.title), v->html);
    return r < 0 ? r : buf_add_str(v->html, "</summary><pre>");
}

#define DIGITS_MAX 20 // of UINT64_MAX

// The decimal digits of `n` at the end of `room`; *ret_len: how many.
static const char *digits_of(uint64_t n, char room[static DIGITS_MAX], size_t *ret_len)
{
    size_t at = DIGITS_MAX;

    do
        room[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    *ret_len = DIGITS_MAX - at;
    return &room[at];
}

// <span id="L12"><a href="#L12">12</a>, without printf(): there is one on each line.
static int add_anchor(struct log_view *v)
{
    char room[DIGITS_MAX];
    size_t len;
    const char *number = digits_of(v->number, room, &len);
    int r = buf_add_str(v->html, "<span id=\"L");

    if (r == 0)
        r = buf_add(v->html, number, len);
    if (r == 0)
        r = buf_add_str(v->html, "\"><a href=\"#L");
    if (r == 0)
        r = buf_add(v->html, number, len);
    if (r == 0)
        r = buf_add_str(v->html, "\">");
    if (r == 0)
        r = buf_add(v->html, number, len);
    return r < 0 ? r : buf_add_str(v->html, "</a>");
}

static int add_line(struct log_view *v, const char *line, size_t len)
{
    int r = log_section_follow(line, len, &v->section);

    if (r < 0)
        return r;
    if (r > 0) {
        v->sections++;
        v->begun = false;
    }
    v->number++;
    if (v->number < v->part.first)
        return 0;
    if (v->part.first && v->number - v->part.first >= v->part.count) {
        v->finished = v->more = true;
        return 0;
    }
    r = v->begun ? 0 : begin_section(v);
    if (r == 0)
        r = add_anchor(v);
    if (r == 0)
        r = log_line_escape(line, len, v->html);
    return r < 0 ? r : buf_add_str(v->html, "\n</span>");
}

// ---- parts

static int hold_line(struct log_view *v, const char *line, size_t len)
{
    int r;

    if (v->held_lines == v->part.count) {
        v->finished = v->more = true;
        return 0;
    }
    v->held_lines++;
    r = buf_add(&v->held, line, len);
    return r < 0 ? r : buf_add_char(&v->held, '\n');
}

int log_view_read_part(struct log_view *v)
{
    int r;

    v->holds = true;
    do
        r = log_lines_step(v->lines);
    while (r > 0 && !v->finished);
    v->holds = v->finished = false;
    v->has_part = true;
    return r < 0 ? r : 0;
}

// 1: there are more.
static int add_held(struct log_view *v)
{
    size_t end = v->held_at + PIECE;
    int r = 0;

    while (r == 0 && v->held_at < v->held.len && v->held_at < end) {
        const char *line = v->held.data + v->held_at;
        const char *newline = memchr(line, '\n', v->held.len - v->held_at);
        size_t len = (size_t)(newline - line);

        v->held_at += len + 1;
        v->held_lines--;
        r = add_line(v, line, len);
    }
    return r < 0 ? r : v->held_at < v->held.len;
}

// ---- reading

static int take_line(const char *line, size_t len, void *userdata)
{
    struct log_view *v = userdata;

    return v->holds && v->number + 1 >= v->part.first ? hold_line(v, line, len)
                                                      : add_line(v, line, len);
}

int log_view_add(struct log_view *v, struct buf *html)
{
    int r;

    if (v->finished)
        return 0;
    v->html = html;
    r = v->has_part ? add_held(v) : log_lines_step(v->lines);
    if (r < 0)
        return r;
    v->finished |= r == 0;
    if (!v->finished)
        return 1;
    return v->any ? buf_add_str(html, "</pre></details>\n") : 0;
}

int log_view_new(int fd, struct strv *open_tests, const struct log_part *part,
                 struct log_view **ret)
{
    struct log_view *v = calloc(1, sizeof(*v));

    if (!v || log_lines_new(fd, take_line, v, &v->lines) < 0) {
        free(v);
        return -ENOMEM;
    }
    v->out.max = OUT_MAX;
    v->held.max = LOG_PART_MAX;
    if (part)
        v->part = *part;
    v->open_tests = *open_tests;
    *open_tests = (struct strv)STRV_INIT;
    *ret = v;
    return 0;
}

ssize_t log_view_read(struct log_view *v, char *bytes, size_t max)
{
    int r;

    while (v->out_at == v->out.len && !v->finished) {
        v->out_at = 0;
        buf_truncate(&v->out, 0);
        r = log_view_add(v, &v->out);
        if (r < 0)
            return r;
    }
    return (ssize_t)buf_read(&v->out, &v->out_at, bytes, max);
}

void log_view_follow(struct log_view *v, log_growth *growth, void *userdata)
{
    log_lines_follow(v->lines, growth, userdata);
}

uint64_t log_view_last_line(const struct log_view *v, bool *ret_more)
{
    *ret_more = v->more;
    return v->more ? v->part.first - 1 + v->part.count : v->number + v->held_lines;
}

void log_view_free(struct log_view *v)
{
    if (!v)
        return;
    log_lines_free(v->lines);
    log_section_release(&v->section);
    strv_release(&v->open_tests);
    buf_release(&v->out);
    buf_release(&v->held);
    free(v);
}
