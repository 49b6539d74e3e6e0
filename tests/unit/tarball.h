// SPDX-License-Identifier: GPL-3.0-only
// Tar archives made up by tests, sound ones and others.
#pragma once

#include "test.h"

#define TAR_BLOCK 512

static inline void tarball_seal(char *header)
{
    unsigned sum = 0;

    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    (void)snprintf(header + 148, 8, "%06o", sum);
}

// A member of some type ('0': a plain file).
static inline void tarball_add(struct buf *tar, const char *name, char type, const char *text)
{
    static const char zeros[TAR_BLOCK];
    char header[TAR_BLOCK] = {0};
    size_t len = strlen(text);

    memcpy(header, name, strlen(name) < 100 ? strlen(name) : 100);
    (void)snprintf(header + 100, 8, "%07o", 0644);
    ck_assert_uint_lt(len, 1 << 20);
    (void)snprintf(header + 124, 12, "%011o", (unsigned)len & 0xfffff);
    header[156] = type;
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    tarball_seal(header);
    ck_assert_int_eq(buf_add(tar, header, TAR_BLOCK), 0);
    ck_assert_int_eq(buf_add(tar, text, len), 0);
    if (len % TAR_BLOCK)
        ck_assert_int_eq(buf_add(tar, zeros, TAR_BLOCK - len % TAR_BLOCK), 0);
}

static inline void tarball_end(struct buf *tar)
{
    static const char zeros[2 * TAR_BLOCK];

    ck_assert_int_eq(buf_add(tar, zeros, sizeof(zeros)), 0);
}
