// SPDX-License-Identifier: GPL-3.0-only
#include "base/error.h"

#include <stdbool.h>
#include <string.h>

// Stands for the message when there is no memory for one; never freed.
static char out_of_memory[] = "out of memory";

static void error_replace(struct error *err, char *message)
{
    if (err->message != out_of_memory)
        free(err->message);
    err->message = message ? message : out_of_memory;
}

int error_setv(struct error *err, int r, const char *format, va_list args)
{
    char *message = NULL;

    if (!err)
        return r;
    if (vasprintf(&message, format, args) < 0)
        message = NULL;
    error_replace(err, message);
    return r;
}

int error_set(struct error *err, int r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)error_setv(err, r, format, args);
    va_end(args);
    return r;
}

// Sets "HEAD: TAIL"; without a tail the system's text for `-r` is one.
static void error_join(struct error *err, int r, const char *tail, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static void error_join(struct error *err, int r, const char *tail, const char *format, va_list args)
{
    char text[128]; // the C library's own texts are shorter
    _cleanup_free_ char *head = NULL;
    char *joined = NULL;

    if (vasprintf(&head, format, args) < 0)
        head = NULL;
    if (!tail)
        tail = strerror_r(r < 0 ? -r : r, text, sizeof(text));
    if (head && asprintf(&joined, "%s: %s", head, tail) < 0)
        joined = NULL;
    error_replace(err, joined);
}

int error_errno(struct error *err, int r, const char *format, ...)
{
    va_list args;

    if (!err)
        return r;
    va_start(args, format);
    error_join(err, r, NULL, format, args);
    va_end(args);
    return r;
}

int error_prefix(struct error *err, int r, const char *format, ...)
{
    va_list args;

    if (!err)
        return r;
    va_start(args, format);
    error_join(err, r, err->message, format, args);
    va_end(args);
    return r;
}

int error_oom(struct error *err)
{
    if (err)
        error_replace(err, NULL);
    return -ENOMEM;
}

const char *error_message(const struct error *err)
{
    return err && err->message ? err->message : "unknown error";
}

void error_clear(struct error *err)
{
    if (!err)
        return;
    if (err->message != out_of_memory)
        free(err->message);
    err->message = NULL;
}
