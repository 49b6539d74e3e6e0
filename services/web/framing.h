// SPDX-License-Identifier: GPL-3.0-only
// Where one request ends and the next begins on a connection, RFC 9112 §6.3: what can be read in
// two ways would be one request to a proxy and two to us, the second of which nobody has looked at
// (request smuggling). libmicrohttpd refuses lengths that are no numbers; the rest is here.
#pragma once

#include "web/exchange.h"

// Whether the address and the headers of a request that has just come in can be read in one way
// only: names of headers are tokens and values have no control characters (§5); there is one Host
// (§3.2); one Content-Length at most, and none beside Transfer-Encoding; and of transfer codings
// `chunked` alone, in HTTP/1.1. Else fails with 400 or 501, and the connection is to be closed.
int framing_check(struct exchange *x, const char *version, struct error *err);

// What framing_check() looks at in one header.
struct framing {
    unsigned hosts, lengths, codings;
    bool chunked; // the only transfer coding is that
    bool broken;  // a name or a value has what no header may have
};
// Of texts with their lengths: there may be a NUL in them.
void framing_note(struct framing *framing, const char *name, size_t name_len, const char *value,
                  size_t value_len);
// What is wrong with that; NULL: nothing. *ret_status then is 400 or 501.
const char *framing_fault(const struct framing *framing, bool is_http_1_1, unsigned *ret_status);
