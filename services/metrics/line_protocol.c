// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/line_protocol.h"

#include <inttypes.h>

static const char name_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

// In a tag's value blanks, commas and equals signs are escaped.
static int add_tag(struct buf *ret, const char *key, size_t key_len, const char *value, size_t len)
{
    int r = len == 0 ? 0 : buf_addf(ret, ",%.*s=", (int)key_len, key);

    for (size_t i = 0; r == 0 && i < len; i++) {
        if (strchr(" ,=", value[i]))
            r = buf_add_char(ret, '\\');
        if (r == 0)
            r = buf_add_char(ret, value[i]);
    }
    return r;
}

static int add_label(struct buf *ret, const char *key, size_t key_len, const char *value,
                     size_t len)
{
    static const char context[] = "context";

    if (key_len == strlen(context) && strncmp(key, context, key_len) == 0)
        return add_tag(ret, "queue", strlen("queue"), value, len);
    return add_tag(ret, key, key_len, value, len);
}

// `{a="b",c="d"}`; *ret_end is behind it. Our values have no quotes or backslashes in them.
static int add_labels(const char *text, struct buf *ret, const char **ret_end)
{
    const char *p = text + 1;

    while (*p != '}') {
        size_t key = strspn(p, name_characters), value;
        int r;

        if (key == 0 || strncmp(p + key, "=\"", 2) != 0)
            return -EBADMSG;
        value = strcspn(p + key + 2, "\"\\\n");
        if (p[key + 2 + value] != '"')
            return -EBADMSG;
        r = add_label(ret, p, key, p + key + 2, value);
        if (r < 0)
            return r;
        p += key + 2 + value + 1;
        if (*p == ',')
            p++;
        else if (*p != '}')
            return -EBADMSG;
    }
    *ret_end = p + 1;
    return 0;
}

static int add_sample(const char *line, const char *unit, const char *context, int64_t seconds,
                      struct buf *ret)
{
    size_t name = strspn(line, name_characters), value;
    const char *rest = line + name;
    int r = name > 0 ? buf_add(ret, line, name) : -EBADMSG;

    if (r == 0)
        r = add_tag(ret, "unit", strlen("unit"), unit, strlen(unit));
    if (r == 0)
        r = add_tag(ret, "context", strlen("context"), context, strlen(context));
    if (r == 0 && *rest == '{')
        r = add_labels(rest, ret, &rest);
    if (r < 0)
        return r;
    value = strspn(rest + (*rest == ' '), "0123456789.-+e");
    if (*rest != ' ' || value == 0 || (rest[1 + value] != '\n' && rest[1 + value] != '\0'))
        return -EBADMSG; // neither NaN nor Inf are values there
    return buf_addf(ret, " value=%.*s %" PRId64 "\n", (int)value, rest + 1, seconds);
}

int line_protocol_add(const char *text, const char *unit, const char *context, int64_t seconds,
                      struct buf *ret, struct error *err)
{
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        int r = len == 0 || *line == '#' ? 0 : add_sample(line, unit, context, seconds, ret);

        if (r == -EBADMSG)
            return error_set(err, r, "no sample of a metric: %.*s",
                             (int)strspn(line, name_characters), line);
        if (r < 0)
            return error_oom(err);
        line += len + (line[len] == '\n');
    }
    return 0;
}
