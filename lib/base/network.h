// SPDX-License-Identifier: GPL-3.0-only
// Networks of IP addresses, as people write them (RFC 4632, 4291): `10.0.0.7`, `10.0.0.0/8`,
// `fd00::/8`. An address is a network of one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

// As of IPv6; IPv4 is mapped (::ffff:0:0/96), so that it is the same whichever socket it came by.
struct network {
    unsigned char bytes[16]; // zero behind `bits`
    unsigned bits;
};

// -EINVAL: it is none. Bits of the address behind the network's are left out.
int network_parse(const char *text, struct network *ret);
// Whether it is all addresses of a kind, `0.0.0.0/0` or `::/0`.
bool network_is_all(const struct network *network);
// Whether an address (AF_INET or AF_INET6; of others none) is in it.
bool network_has(const struct network *network, const struct sockaddr *address);

struct networks {
    struct network *items; // owned
    size_t len;
};

// -EINVAL, -ENOMEM.
int networks_add(struct networks *networks, const char *text);
bool networks_have(const struct networks *networks, const struct sockaddr *address);
void networks_release(struct networks *networks);
