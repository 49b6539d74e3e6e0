// SPDX-License-Identifier: GPL-3.0-only
#include "net/http.h"

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int http_add_escaped(struct buf *out, const char *s, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    int r = 0;

    while (*s && r == 0) {
        size_t n = 0;

        while (is_unreserved(s[n]) || (keep_slash && s[n] == '/'))
            n++;
        r = buf_add(out, s, n);
        s += n;
        if (r == 0 && *s) {
            unsigned char c = (unsigned char)*s++;

            r = buf_add(out, (char[]){'%', digits[c >> 4], digits[c & 0xf]}, 3);
        }
    }
    return r;
}

char *http_escape(const char *s, bool keep_slash)
{
    struct buf escaped = BUF_INIT(strlen(s) * 3);

    if (http_add_escaped(&escaped, s, keep_slash) < 0) {
        buf_release(&escaped);
        return NULL;
    }
    return buf_take(&escaped);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int http_unescape(char *s, bool form)
{
    // Looked at first, so that a bad string is left as it was.
    for (const char *in = s; *in; in++) {
        if (*in != '%')
            continue;
        if (hex_value(in[1]) < 0 || hex_value(in[2]) < 0 || (in[1] == '0' && in[2] == '0'))
            return -EINVAL;
        in += 2;
    }
    for (const char *in = s;; in++) {
        if (*in == '%') {
            *s++ = (char)(hex_value(in[1]) * 16 + hex_value(in[2]));
            in += 2;
        } else {
            *s++ = *in;
            if (form && *in == '+')
                s[-1] = ' ';
            if (!*in)
                return 0;
        }
    }
}
