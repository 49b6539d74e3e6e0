// SPDX-License-Identifier: GPL-3.0-only
#include "data/remote.h"

#include "base/buf.h"
#include "base/parse.h"

#include <arpa/inet.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
#define HOST_MAX 253

static bool is_port(const char *text)
{
    uint64_t port;

    return parse_uint(text, 1, 65535, &port, NULL) == 0;
}

static bool is_ipv6(const char *text, size_t len)
{
    _cleanup_free_ char *copy = strndup(text, len);
    struct in6_addr address;

    return copy && inet_pton(AF_INET6, copy, &address) == 1;
}

bool remote_is_address(const char *text)
{
    size_t len = strcspn(text, ":");

    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        return end && is_ipv6(text + 1, (size_t)(end - text - 1)) &&
               (end[1] == '\0' || (end[1] == ':' && is_port(end + 2)));
    }
    if (text[len] == ':' && strchr(text + len + 1, ':'))
        return is_ipv6(text, strlen(text));
    return len > 0 && len <= HOST_MAX && strspn(text, NAME_CHARS) >= len && text[0] != '-' &&
           text[0] != '.' && (text[len] == '\0' || is_port(text + len + 1));
}

char *remote_shortest(const char *address)
{
    _cleanup_free_ char *port = str_format(":%d", REMOTE_PORT);
    size_t len = strlen(address);

    if (!port)
        return NULL;
    // Only behind a host: the same digits may end an IPv6 address that stands alone.
    if (str_ends_with(address, port) &&
        (address[0] == '[' || strchr(address, ':') == strrchr(address, ':')))
        len -= strlen(port);
    if (len > 1 && address[0] == '[' && address[len - 1] == ']')
        return strndup(address + 1, len - 2);
    return strndup(address, len);
}

char *remote_host(const char *address)
{
    const char *end = address[0] == '[' ? strchr(address, ']') : NULL;

    if (end)
        return strndup(address + 1, (size_t)(end - address - 1));
    return strchr(address, ':') == strrchr(address, ':') ? strndup(address, strcspn(address, ":"))
                                                         : strdup(address);
}

char *remote_name(const char *address)
{
    _cleanup_free_ char *shortest = remote_shortest(address);
    char *name = shortest ? str_format(REMOTE_PREFIX "%s", shortest) : NULL;
    char *to = name;

    for (const char *from = name; from && *from; from++) {
        if (*from == '[' || *from == ']')
            continue;
        *to++ = *from == ':' ? '-' : *from;
    }
    if (name)
        *to = '\0';
    return name;
}

char *remote_url(const char *address)
{
    const char *colon = strrchr(address, ':'), *bracket = strrchr(address, ']');
    bool bare6 = colon && address[0] != '[' && strchr(address, ':') != colon;
    bool port = colon && !bare6 && (!bracket || colon > bracket);

    if (port)
        return str_format("https://%s", address);
    return str_format("https://%s%s%s:%d", bare6 ? "[" : "", address, bare6 ? "]" : "",
                      REMOTE_PORT);
}
