// SPDX-License-Identifier: GPL-3.0-only
#include "data/template_internal.h"

#include <string.h>

static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static int escape_html(const char *text, size_t len, struct buf *out)
{
    size_t from = 0, at = 0;
    int r = 0;

    // Up to a special character, or a NUL, which is none.
    while (r == 0 && (at += strcspn(text + at, "&<>\"'")) < len) {
        const char *entity = html_entity(text[at]);

        if (entity) {
            r = buf_add(out, text + from, at - from);
            if (r == 0)
                r = buf_add_str(out, entity);
            from = at + 1;
        }
        at++;
    }
    return r < 0 ? r : buf_add(out, text + from, len - from);
}

// Whether the line being written is a command (ExecStart= …), where systemd replaces $NAME also
// inside quotes. A line goes on after a newline behind a backslash.
static bool in_exec_line(const struct buf *out)
{
    size_t at = out->len;

    while (at > 0 && !(out->data[at - 1] == '\n' && (at == 1 || out->data[at - 2] != '\\')))
        at--;
    while (at < out->len && (out->data[at] == ' ' || out->data[at] == '\t'))
        at++;
    return out->len - at >= 4 && memcmp(out->data + at, "Exec", 4) == 0;
}

static int escape_systemd(const char *text, size_t len, struct buf *out)
{
    static const char digit[] = "0123456789abcdef";
    size_t i;
    int r = 0;

    for (i = 0; i < len && r == 0; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\0')
            return -EINVAL;
        if (c == '%')
            r = buf_add(out, "%%", 2);
        else if (c == '$')
            r = buf_add(out, "$$", in_exec_line(out) ? 2 : 1);
        else if (c == '\\')
            r = buf_add(out, "\\\\", 2);
        else if (c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == ';' || c == '#')
            r = buf_add(out, (char[]){'\\', 'x', digit[c >> 4], digit[c & 15]}, 4);
        else
            r = buf_add_char(out, (char)c);
    }
    return r;
}

static int escape_shell(const char *text, size_t len, struct buf *out)
{
    const char *end = text + len, *quote;
    int r;

    if (memchr(text, '\0', len))
        return -EINVAL;
    r = buf_add_char(out, '\'');
    while (r == 0 && (quote = memchr(text, '\'', (size_t)(end - text)))) {
        r = buf_add(out, text, (size_t)(quote - text));
        if (r == 0)
            r = buf_add_str(out, "'\\''");
        text = quote + 1;
    }
    if (r == 0)
        r = buf_add(out, text, (size_t)(end - text));
    return r < 0 ? r : buf_add_char(out, '\'');
}

int template_escape(enum escape escape, const char *text, size_t len, struct buf *out)
{
    switch (escape) {
    case ESCAPE_HTML:
        return escape_html(text, len, out);
    case ESCAPE_SYSTEMD:
        return escape_systemd(text, len, out);
    case ESCAPE_SHELL:
        return escape_shell(text, len, out);
    case ESCAPE_NONE:
        break;
    }
    return buf_add(out, text, len);
}
