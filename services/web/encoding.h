// SPDX-License-Identifier: GPL-3.0-only
// Which content coding an answer gets: gzip or none (RFC 9110 §8.4, §12.5.3).
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Below this nothing is won: headers and a packet are sent anyway.
#define ENCODING_SIZE_MIN 1024
#define ENCODING_SIZE_UNKNOWN UINT64_MAX

// What a client prefers, in thousandths; -1: not named.
struct accept_encoding {
    int gzip, identity, any;
};
#define ACCEPT_ENCODING_INIT                                                                       \
    {                                                                                              \
        -1, -1, -1                                                                                 \
    }

// Adds one header's list: `gzip;q=0.8, br, *;q=0`. A part with a weight that is none counts as not
// wanted.
void accept_encoding_read(struct accept_encoding *a, const char *list);
// Whether gzip is wanted, and not less than no coding at all. Who wants neither gets none: the RFC
// leaves it to a server to answer 406, which would help nobody.
bool accept_encoding_is_gzip(const struct accept_encoding *a);

// Whether what has this Content-Type and size gets shorter: text of all kinds, not what is
// compressed already, nor events, which are to arrive one by one.
bool encoding_is_for(const char *type, uint64_t size);
