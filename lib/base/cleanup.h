// SPDX-License-Identifier: GPL-3.0-only
// Release of resources at the end of a scope, and hand-over of ownership.
//
//     _cleanup_free_ char *name = NULL;
//     _cleanup_(buf_release) struct buf text = BUF_INIT(4096);
//     *ret_name = TAKE_PTR(name);
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(text, first) __attribute__((format(printf, text, first)))
#define _unused_ __attribute__((unused))

// Gives a function for _cleanup_() that calls `func` on a non-NULL pointer variable.
#define DEFINE_CLEANUP(type, func)                                                                 \
    static inline void func##p(type *p)                                                            \
    {                                                                                              \
        if (*p)                                                                                    \
            func(*p);                                                                              \
    }

static inline void free_pointer(void *p)
{
    free(*(void **)p);
}

static inline void close_fd(const int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
    }
}

DEFINE_CLEANUP(FILE *, fclose)

#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_fclose_ _cleanup_(fclosep)

// The pointer's (descriptor's) value; the variable is left empty, so that its cleanup does nothing.
#define TAKE_PTR(p)                                                                                \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
