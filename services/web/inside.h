// SPDX-License-Identifier: GPL-3.0-only
// Looking inside stored files, in a process of its own: `autopkgtest-web --inside …` with the file
// on standard input. What strangers have packed is thus read without the secrets of the service,
// may take long without holding up anybody, and is bounded in memory and processor time. reading.h
// starts it.
//
//     list FOLDER FIND SKIP LIMIT      what is in an archive (archive_list.h), as JSON
//     follow FOLDER FIND LIMIT         as list, in lines while the archive comes (archive_follow())
//     index                            standard output, a file, becomes the archive's index
//     list-index FOLDER FIND SKIP LIMIT  as list, of such an index
//     member NAME RANGE                a line of JSON about a member, then its content, or the part
//                                      that a Range header ("": none) names
//     search TEXT EXACT SKIP LIMIT     text in a log (log_search.h), as JSON; EXACT: "1" or ""
//     lines FIRST COUNT                {"to": the last of these lines that there is, "more":
//     whether
//                                      others follow}, then the lines as HTML (log_view.h)
//
// Exit codes: 0; 65 (EX_DATAERR) the file is damaged or no archive; 66 (EX_NOINPUT) there is no
// such folder or member; 69 (EX_UNAVAILABLE) the member is a folder; 76 (EX_PROTOCOL) it is a hard
// link, for which the input has to be a file; 70 else. The last line on standard error says what it
// is.
#pragma once

#include <stdint.h>

#define INSIDE_MEMORY ((uint64_t)256 * 1024 * 1024) // of address space
#define INSIDE_CPU_S 60
#define INSIDE_INDEX_MAX ((uint64_t)16 * 1024 * 1024) // a larger one is not written

int inside_main(int argc, char **argv);
