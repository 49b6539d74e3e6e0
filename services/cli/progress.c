// SPDX-License-Identifier: GPL-3.0-only
#include "cli/progress.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define SHOW_TERMINAL_US (USEC_PER_SEC / 2)
#define SHOW_LOG_US (10 * USEC_PER_SEC)
#define CLEAR_LINE "\r\033[K"

void progress_begin(struct progress *progress, bool quiet)
{
    *progress = (struct progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

void progress_show(struct progress *progress, const char *format, ...)
{
    uint64_t now = clock_monotonic_us();
    va_list args;

    if (progress->quiet || now < progress->next_us)
        return;
    progress->next_us = now + (progress->terminal ? SHOW_TERMINAL_US : SHOW_LOG_US);
    progress_clear(progress);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    if (!progress->terminal)
        (void)fputc('\n', stderr);
}

void progress_clear(const struct progress *progress)
{
    if (!progress->quiet && progress->terminal)
        (void)fputs(CLEAR_LINE, stderr);
}
