// SPDX-License-Identifier: GPL-3.0-only
// A number that tells contents apart: FNV-1a (Fowler, Noll, Vo) of 64 bits. Fast and small; whoever
// wants to can find two contents with the same number, so nothing secret or disputed rests on it.
#pragma once

#include <stddef.h>
#include <stdint.h>

// hash_add(hash_add(HASH_START, a, n), b, m) is the number of both in a row.
#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_add(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *s = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ s[i]) * UINT64_C(0x100000001b3);
    return hash;
}
