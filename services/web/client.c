// SPDX-License-Identifier: GPL-3.0-only
#include "web/client.h"

#include "web/web.h"

#include <arpa/inet.h>

#define NETWORK_BYTES 8 // of an IPv6 address

bool client_is_near(const struct sockaddr *peer, bool *ret_own)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)peer;
    uint32_t four = 0;
    bool own;

    if (!ret_own)
        ret_own = &own;
    if (peer->sa_family == AF_INET)
        four = ntohl(((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr);
    else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        memcpy(&four, &six->sin6_addr.s6_addr[12], sizeof(four));
        four = ntohl(four);
    } else {
        *ret_own = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
        return *ret_own || (six->sin6_addr.s6_addr[0] & 0xfe) == 0xfc ||
               IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
    }
    *ret_own = four >> 24 == 127;
    return *ret_own || four >> 24 == 10 || four >> 20 == 0xac1 || four >> 16 == 0xc0a8;
}

static const struct sockaddr *peer_of(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info ? info->client_addr : NULL;
}

static char *address_text(const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes =
        address->sa_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

    return inet_ntop(address->sa_family, bytes, text, sizeof(text)) ? strdup(text) : strdup("?");
}

char *client_last_address(const char *forwarded)
{
    const char *comma = strrchr(forwarded, ',');
    const char *start = comma ? comma + 1 : forwarded;

    start += strspn(start, " \t");
    return strndup(start, strcspn(start, " \t"));
}

bool client_is_proxy(const struct web *web, const struct sockaddr *peer)
{
    bool own;

    (void)client_is_near(peer, &own);
    return own || networks_have(&web->settings.trusted_proxies, peer);
}

const char *client_proxy_header(const struct exchange *x, const char *name)
{
    const struct sockaddr *peer = peer_of(x);

    return peer && client_is_proxy(x->web, peer) ? exchange_last_header(x, name) : NULL;
}

char *client_address(const struct exchange *x)
{
    const struct sockaddr *peer = peer_of(x);
    const char *forwarded = client_proxy_header(x, "X-Forwarded-For");
    _cleanup_free_ char *last = NULL;
    bool own;

    if (!peer)
        return strdup("?");
    if (forwarded) {
        last = client_last_address(forwarded);
        if (!last || *last)
            return TAKE_PTR(last);
    }
    (void)client_is_near(peer, &own);
    return own && !forwarded ? strdup("") : address_text(peer);
}

char *client_network_of(const char *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct in6_addr six;

    if (inet_pton(AF_INET6, address, &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six))
        return strdup(address);
    memset(&six.s6_addr[NETWORK_BYTES], 0, sizeof(six) - NETWORK_BYTES);
    return inet_ntop(AF_INET6, &six, text, sizeof(text)) ? str_format("%s/64", text)
                                                         : strdup(address);
}

char *client_network(const struct exchange *x)
{
    _cleanup_free_ char *address = client_address(x);

    return address ? client_network_of(address) : NULL;
}
