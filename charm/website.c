// SPDX-License-Identifier: GPL-3.0-only
#include "charm/website.h"

#include "base/buf.h"

// haproxy takes a unit out after 3 checks in 6 s, and a request that meets it before goes to
// another unit at once.
#define SERVICE                                                                                    \
    "- service_name: %s\n"                                                                         \
    "  service_host: \"0.0.0.0\"\n"                                                                \
    "  service_port: %u\n"                                                                         \
    "  service_options:\n"                                                                         \
    "  - mode http\n"                                                                              \
    "  - balance leastconn\n"                                                                      \
    "  - option httpchk GET /healthz\n"                                                            \
    "  - option redispatch 1\n"                                                                    \
    "  - option forwardfor\n"                                                                      \
    "  - http-request set-header X-Forwarded-Proto https if { ssl_fc }\n"                          \
    "  servers:\n"                                                                                 \
    "  - - %.*s-%s-%u\n"                                                                           \
    "    - \"%s\"\n"                                                                               \
    "    - %u\n"                                                                                   \
    "    - check inter 2s fall 3 rise 2\n"

int website_data(const char *app, const char *unit, const char *address, unsigned port,
                 json_t **ret, struct error *err)
{
    size_t name = strcspn(unit, "/");
    _cleanup_free_ char *number = NULL, *services = NULL;

    if (!address) {
        *ret = json_pack("{s:s, s:s, s:s}", "hostname", "", "port", "", "services", "");
        return *ret ? 0 : error_oom(err);
    }
    number = str_format("%u", port);
    services = str_format(SERVICE, app, port, (int)name, unit, unit[name] ? unit + name + 1 : "",
                          port, address, port);
    if (!number || !services)
        return error_oom(err);
    *ret = json_pack("{s:s, s:s, s:s, s:s}", "hostname", address, "private-address", address,
                     "port", number, "services", services);
    return *ret ? 0 : error_oom(err);
}
