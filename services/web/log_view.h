// SPDX-License-Identifier: GPL-3.0-only
// A stored log.gz as HTML, streamed: sections that fold (<details>) along autopkgtest's own lines,
// each line with an anchor (#L12). Memory does not grow with the log.
//
// Format of the lines: autopkgtest's runner (adtlog.info), with or without the seconds in front
// that the Ubuntu workers add:
//     autopkgtest [12:00:00]: @@@@@@@@@@@@@@@@@@@@ summary
//     123s autopkgtest [12:00:00]: test NAME: [-----------------------
//     autopkgtest [12:00:00]: test NAME:  - - - - - - - - - - results - - - - - - - - - -
#pragma once

#include "base/buf.h"
#include "base/strv.h"
#include "web/log_lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct log_section {
    char *title;
    char *test; // name of the test it belongs to; NULL: none
};

// Whether a line (without newline) begins a section; 1, 0 or -ENOMEM.
int log_section_parse(const char *line, size_t len, struct log_section *ret);
void log_section_release(struct log_section *section);
// The section that the next line is in, for *section of the line before (empty before the first
// line; a log that begins without one begins with "start"): 1: another one, 0: the same, -ENOMEM.
int log_section_follow(const char *line, size_t len, struct log_section *section);

// Appends a line as text for HTML, without terminal escapes and control characters.
int log_line_escape(const char *line, size_t len, struct buf *b);
// The same as plain text.
int log_line_plain(const char *line, size_t len, struct buf *b);

struct log_view;

struct log_part {
    unsigned open_section; // unfolded beside others, from 1; 0: none
    uint64_t first, count; // only these lines, with all their sections unfolded; first 0: all
};

// `open_tests` (may be empty): sections of these tests are unfolded, beside the summary; taken
// over. `part` (may be NULL) is copied. fd is a gzip file and taken over on success.
int log_view_new(int fd, struct strv *open_tests, const struct log_part *part,
                 struct log_view **ret);
// The file may still grow, as in log_lines.h.
void log_view_follow(struct log_view *view, log_growth *growth, void *userdata);
// Appends what the next piece of the log, 16 KiB of text at most, becomes as HTML: 1: there is
// more, 0: that was the end, -EAGAIN: not yet; -ENOMEM; -E2BIG: past the maximum of `html`. A log
// that cannot be read to its end says so in its last line.
int log_view_add(struct log_view *view, struct buf *html);
// The same in the caller's portions: the next bytes, up to `max`; 0 at the end.
ssize_t log_view_read(struct log_view *view, char *bytes, size_t max);
// Of a part: reads its lines, LOG_PART_MAX bytes at most, and holds them as they are in the log for
// log_view_read(), which makes them HTML, of which there may be six times as much. 0, -ENOMEM;
// -E2BIG: it is larger.
#define LOG_PART_MAX ((size_t)64 * 1024 * 1024)
int log_view_read_part(struct log_view *view);
// After that: the last of its lines that there is, and whether others follow.
uint64_t log_view_last_line(const struct log_view *view, bool *ret_more);
void log_view_free(struct log_view *view);
