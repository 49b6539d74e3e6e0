// SPDX-License-Identifier: GPL-3.0-only
#include "web/encoding.h"

#include "base/buf.h"
#include "web/accept.h"

#include <strings.h>

void accept_encoding_read(struct accept_encoding *a, const char *list)
{
    const char *text;
    size_t len;

    while (accept_next(&list, &text, &len)) {
        struct accept_part part = accept_part_read(text, len);

        if (accept_is_name(text, part.name_len, "gzip") ||
            accept_is_name(text, part.name_len, "x-gzip"))
            a->gzip = part.weight;
        else if (accept_is_name(text, part.name_len, "identity"))
            a->identity = part.weight;
        else if (accept_is_name(text, part.name_len, "*"))
            a->any = part.weight;
    }
}

bool accept_encoding_is_gzip(const struct accept_encoding *a)
{
    int gzip = a->gzip >= 0 ? a->gzip : a->any;

    return gzip > 0 && gzip >= a->identity;
}

bool encoding_is_for(const char *type, uint64_t size)
{
    static const char *const types[] = {"application/json", "application/atom+xml",
                                        "image/svg+xml"};
    size_t len = type ? strcspn(type, "; ") : 0;

    if (size < ENCODING_SIZE_MIN || len == 0 || accept_is_name(type, len, "text/event-stream"))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (accept_is_name(type, len, types[i]))
            return true;
    return strncasecmp(type, "text/", strlen("text/")) == 0;
}
