// SPDX-License-Identifier: GPL-3.0-only
// Who a client is, by its address: what is counted, limited and passed on.
#pragma once

#include "web/exchange.h"

#include <sys/socket.h>

// Whether a peer is this machine, or in a private network (RFC 1918, 4193, 4291), where one
// address may be many clients. *ret_own (may be NULL): it is this machine.
bool client_is_near(const struct sockaddr *peer, bool *ret_own);

// Whether a peer's word counts for whom it speaks: this machine, and the settings' proxies.
bool client_is_proxy(const struct web *web, const struct sockaddr *peer);
// A header that only such a peer may set; NULL when it is absent or another's. Borrowed.
const char *client_proxy_header(const struct exchange *x, const char *name);

// The client's address; behind a proxy what it says (the last address of
// X-Forwarded-For); "" for the machine itself, when no proxy speaks for it. The caller frees; NULL
// for lack of memory.
char *client_address(const struct exchange *x);
// What one client has to itself of that: an address of IPv4, and of IPv6 its network of 64 bits
// (RFC 6177: no site has less, and any of its hosts takes the addresses it likes). Ownership and ""
// as above.
char *client_network(const struct exchange *x);

// The same of an address in text; what is none stays as it is.
char *client_network_of(const char *address);
// The last address of an X-Forwarded-For, the one that the proxy has seen; "": there is none. The
// caller frees; NULL for lack of memory.
char *client_last_address(const char *forwarded);
