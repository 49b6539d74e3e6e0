// SPDX-License-Identifier: GPL-3.0-only
#include "data/template_parser.h"

#include <string.h>

void parser_set_error(struct parser *p, uint32_t line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)error_setv(p->err, -EINVAL, format, args);
    va_end(args);
    (void)error_prefix(p->err, -EINVAL, "%s: line %u", p->t->name, line);
}

size_t parser_skip_blanks(const struct parser *p, size_t at)
{
    while (at < p->len && is_blank(p->text[at]))
        at++;
    return at;
}

size_t parser_find(const struct parser *p, size_t from, const char *what, size_t len)
{
    const char *found = memmem(p->text + from, p->len - from, what, len);

    return found ? (size_t)(found - p->text) : p->len;
}

// The closing delimiter that has `before` in front of it ('\0': whatever).
static size_t find_close(const struct parser *p, size_t from, char before)
{
    size_t at = parser_find(p, from, p->close, p->close_len);

    while (before && at < p->len && (at == from || p->text[at - 1] != before))
        at = parser_find(p, at + 1, p->close, p->close_len);
    return at;
}

static void look_around(const struct parser *p, struct tag *tag)
{
    size_t at = tag->start;

    while (at > p->at && is_blank(p->text[at - 1]))
        at--;
    tag->blanks = at;
    tag->left_blank = at == 0 || p->text[at - 1] == '\n';
    at = parser_skip_blanks(p, tag->end);
    if (at + 1 < p->len && p->text[at] == '\r' && p->text[at + 1] == '\n')
        at++;
    tag->right_blank = at == p->len || p->text[at] == '\n';
    tag->next = at < p->len ? at + 1 : at;
}

static int check_name(struct parser *p, const struct tag *tag)
{
    size_t i;

    if (tag->kind == '!' || tag->kind == '=' || tag->kind == '%')
        return 0;
    if (tag->name_len == 0)
        return parser_fail(p, tag->line, "the tag has no name");
    if (memchr(tag->name, '\0', tag->name_len))
        return parser_fail(p, tag->line, "a name cannot contain a NUL byte");
    for (i = 0; i < tag->name_len; i++)
        // "{{> * name }}" is fine: the asterisk is an operator.
        if (is_space(tag->name[i]) && tag->name[0] != '*')
            return parser_fail(p, tag->line, "the name \"%.*s\" contains white space",
                               (int)tag->name_len, tag->name);
    return 0;
}

// The name between `from` and `to` without the white space around it.
static void set_name(const struct parser *p, struct tag *tag, size_t from, size_t to)
{
    while (from < to && is_space(p->text[from]))
        from++;
    while (to > from && is_space(p->text[to - 1]))
        to--;
    tag->name = p->text + from;
    tag->name_len = to - from;
}

int parser_read_tag(struct parser *p, size_t start, struct tag *ret)
{
    struct tag tag = {.start = start};
    size_t from = start + p->open_len, to;
    char wrap = '\0';

    for (; p->counted < start; p->counted++)
        p->line += p->text[p->counted] == '\n';
    tag.line = p->line;
    while (from < p->len && is_space(p->text[from]))
        from++;
    if (from < p->len && p->text[from] && strchr("#^/>&<$!%={", p->text[from]))
        tag.kind = p->text[from++];
    if (tag.kind == '{' || tag.kind == '=')
        wrap = tag.kind == '{' ? '}' : '=';
    to = find_close(p, from, wrap);
    if (to == p->len)
        return parser_fail(p, tag.line, "the tag is not closed: expected \"%s%.*s\"",
                           wrap ? (char[]){wrap, '\0'} : "", (int)p->close_len, p->close);
    tag.end = to + p->close_len;
    if (tag.kind == '{')
        tag.kind = '&';
    set_name(p, &tag, from, wrap ? to - 1 : to);
    look_around(p, &tag);
    *ret = tag;
    return check_name(p, &tag);
}
