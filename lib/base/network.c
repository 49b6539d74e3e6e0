// SPDX-License-Identifier: GPL-3.0-only
#include "base/network.h"

#include "base/parse.h"
#include "base/strv.h"

#include <arpa/inet.h>

#define MAPPED_BITS 96

static void map_four(const void *four, unsigned char *ret)
{
    memset(ret, 0, 10);
    memset(ret + 10, 0xff, 2);
    memcpy(ret + 12, four, 4);
}

static bool has_prefix(const unsigned char *bytes, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    unsigned char mask = (unsigned char)(0xff00U >> rest);

    return memcmp(bytes, prefix, whole) == 0 &&
           (rest == 0 || (bytes[whole] & mask) == (prefix[whole] & mask));
}

static void clear_behind(unsigned char *bytes, unsigned bits)
{
    for (unsigned bit = bits; bit < 128; bit++)
        bytes[bit / 8] &= (unsigned char)~(0x80U >> bit % 8);
}

int network_parse(const char *text, struct network *ret)
{
    char address[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "/");
    struct network n = {0};
    struct in_addr four;
    unsigned base = 0;
    uint64_t bits;

    if (len >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, len);
    address[len] = '\0';
    if (inet_pton(AF_INET, address, &four) == 1) {
        map_four(&four, n.bytes);
        base = MAPPED_BITS;
    } else if (inet_pton(AF_INET6, address, n.bytes) != 1) {
        return -EINVAL;
    }
    bits = 128 - base;
    if (text[len] == '/' && parse_uint(text + len + 1, 0, bits, &bits, NULL) < 0)
        return -EINVAL;
    n.bits = base + (unsigned)bits;
    clear_behind(n.bytes, n.bits);
    *ret = n;
    return 0;
}

bool network_is_all(const struct network *network)
{
    static const unsigned char mapped[16] = {[10] = 0xff, [11] = 0xff};

    return network->bits == 0 ||
           (network->bits <= MAPPED_BITS && has_prefix(mapped, network->bytes, network->bits));
}

bool network_has(const struct network *network, const struct sockaddr *address)
{
    unsigned char bytes[16];

    if (address->sa_family == AF_INET)
        map_four(&((const struct sockaddr_in *)(const void *)address)->sin_addr, bytes);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    else
        return false;
    return has_prefix(bytes, network->bytes, network->bits);
}

int networks_add(struct networks *networks, const char *text)
{
    struct network network, *items;
    int r = network_parse(text, &network);

    if (r < 0)
        return r;
    items = reallocarray(networks->items, networks->len + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    items[networks->len++] = network;
    networks->items = items;
    return 0;
}

bool networks_have(const struct networks *networks, const struct sockaddr *address)
{
    for (size_t i = 0; i < networks->len; i++)
        if (network_has(&networks->items[i], address))
            return true;
    return false;
}

void networks_release(struct networks *networks)
{
    free(networks->items);
    *networks = (struct networks){0};
}
