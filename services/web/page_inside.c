// SPDX-License-Identifier: GPL-3.0-only
#include "web/page_inside.h"

#include "base/clock.h"

int inside_put_date(json_t *entry)
{
    int64_t at = json_integer_value(json_object_get(entry, "modified_s"));
    _cleanup_free_ char *text = at > 0 ? clock_format_utc(at, "%Y-%m-%d %H:%M") : NULL;

    (void)json_object_del(entry, "modified_s");
    return text ? json_put_string(entry, "modified", text) : 0;
}
