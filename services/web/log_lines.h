// SPDX-License-Identifier: GPL-3.0-only
// The lines of a stored log.gz, one after the other, in bounded memory. All that count lines of a
// log count them here, so that the numbers agree.
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define LOG_LINE_MAX ((size_t)16 * 1024) // longer lines come in pieces, each counted as a line

struct log_lines;

// A line without its newline; the bytes are a C string of `len` bytes that may contain NUL,
// borrowed for the call. A log that cannot be read to its end says so in its last line. Negative:
// no memory.
typedef int log_line_visit(const char *line, size_t len, void *userdata);

// `fd` is a gzip file and taken over on success.
int log_lines_new(int fd, log_line_visit *visit, void *userdata, struct log_lines **ret);
// Says what the end of a file that grows means: 0: it is complete; -EAGAIN: more will come; another
// negative number: the rest is lost.
typedef int log_growth(void *userdata);
// The file may still grow. `userdata` is borrowed.
void log_lines_follow(struct log_lines *v, log_growth *growth, void *userdata);
// Reads one piece (16 KiB of text at most) and visits the lines that end in it: 1: there is more,
// 0: that was the end, -EAGAIN: not yet; another negative number: no memory.
int log_lines_step(struct log_lines *v);
void log_lines_free(struct log_lines *v);
DEFINE_CLEANUP(struct log_lines *, log_lines_free)
