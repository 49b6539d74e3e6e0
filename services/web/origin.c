// SPDX-License-Identifier: GPL-3.0-only
#include "web/origin.h"

#include "web/web.h"

#include <strings.h>

// A proxy may name us otherwise.
static bool is_origin_of(const char *origin, const char *url, const char *path)
{
    size_t len = strlen(url) - strlen(path);

    return strlen(origin) == len && strncasecmp(origin, url, len) == 0;
}

bool origin_is_ours(const struct exchange *x)
{
    const char *site = exchange_header(x, "Sec-Fetch-Site");
    const char *origin = exchange_header(x, "Origin"), *host, *own = exchange_header(x, "Host");
    const char *public_url = x->web->settings.public_url;

    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    if (public_url && is_origin_of(origin, public_url, web_base(x->web)))
        return true;
    host = strstr(origin, "://");
    return host && own && strcasecmp(host + 3, own) == 0;
}
