// SPDX-License-Identifier: GPL-3.0-only
#include "web/retry.h"

#include "base/buf.h"
#include "base/strv.h"
#include "net/http.h"

#define URL_MAX ((size_t)256 * 1024)

static int add_param(struct buf *url, const char *name, const char *value)
{
    _cleanup_free_ char *escaped = http_escape(value, false);

    return escaped ? buf_addf(url, "&%s=%s", name, escaped) : -ENOMEM;
}

// What a completion message has as `env` (adt/message.h): parameters of the request, and its
// variables.
static int add_special(struct buf *url, const char *part)
{
    static const char *const params[] = {"all-proposed=", "testname="};

    for (size_t i = 0; i < ARRAY_SIZE(params); i++)
        if (str_starts_with(part, params[i]))
            return buf_addf(url, "&%s", part);
    return add_param(url, "env", part);
}

bool retry_makes_sense(const json_t *result)
{
    return !str_equal(json_text(result, "verdict"), "denylisted");
}

char *retry_url(const json_t *result)
{
    const json_t *triggers = json_object_get(result, "triggers");
    _cleanup_strv_ struct strv special = STRV_INIT;
    _cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
    _cleanup_free_ char *package = http_escape(json_text(result, "package"), false);
    int r = package ? buf_addf(&url, "/request?package=%s", package) : -ENOMEM;
    json_t *trigger;
    size_t i;

    if (r == 0)
        r = add_param(&url, "release", json_text(result, "release"));
    if (r == 0)
        r = add_param(&url, "arch", json_text(result, "arch"));
    json_array_foreach ((json_t *)triggers, i, trigger) {
        if (r == 0)
            r = add_param(&url, "trigger", json_string_value(trigger));
    }
    if (r == 0)
        r = strv_split(&special, json_text(result, "env"), ",");
    for (i = 0; r == 0 && i < special.len; i++)
        r = add_special(&url, special.items[i]);
    return r < 0 ? NULL : buf_take(&url);
}
