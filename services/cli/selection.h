// SPDX-License-Identifier: GPL-3.0-only
// Which requests of a queue are meant: options of `queue list`, `filter` and `move`.
#pragma once

#include "adt/request.h"
#include "cli/cli.h"

#include <getopt.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

// What is not given (NULL) matches everything; of what is given all must match.
struct selection {
    const char *package; // shell pattern
    const char *uuid;    // whole
    const char *except;  // whole: the uuid that does not match
    const char *before;  // the submit-time (UTC, as requests have it) that it must be earlier than
    const char *requester; // whole
    const char *trigger;   // shell pattern, of one of the triggers
    const char *ppa;       // shell pattern, of one of the PPAs as lpuser/name
    pcre2_code *match;     // somewhere in the message's text
    bool all;              // said so
};

enum {
    SELECTION_PACKAGE = 1000,
    SELECTION_UUID,
    SELECTION_EXCEPT,
    SELECTION_BEFORE,
    SELECTION_REQUESTER,
    SELECTION_TRIGGER,
    SELECTION_PPA,
    SELECTION_MATCH,
    SELECTION_ALL
};

#define SELECTION_OPTIONS                                                                          \
    {"package", required_argument, NULL, SELECTION_PACKAGE},                                       \
        {"uuid", required_argument, NULL, SELECTION_UUID},                                         \
        {"except-uuid", required_argument, NULL, SELECTION_EXCEPT},                                \
        {"submitted-before", required_argument, NULL, SELECTION_BEFORE},                           \
        {"requester", required_argument, NULL, SELECTION_REQUESTER},                               \
        {"trigger", required_argument, NULL, SELECTION_TRIGGER},                                   \
        {"ppa", required_argument, NULL, SELECTION_PPA},                                           \
        {"match", required_argument, NULL, SELECTION_MATCH},                                       \
    {                                                                                              \
        "all", no_argument, NULL, SELECTION_ALL                                                    \
    }

#define SELECTION_HELP                                                                             \
    "      --package PATTERN    shell pattern\n"                                                   \
    "      --uuid UUID\n"                                                                          \
    "      --except-uuid UUID   all that fit but this one\n"                                       \
    "      --submitted-before \"YYYY-MM-DD HH:MM:SS\"\n"                                           \
    "                           UTC; those of that second are not meant\n"                         \
    "      --requester NAME\n"                                                                     \
    "      --trigger PATTERN    one of its triggers, SOURCE/VERSION\n"                             \
    "      --ppa PATTERN        one of its PPAs, USER/NAME\n"                                      \
    "      --match REGEX        somewhere in the text of the request\n"                            \
    "      --all                every request\n"

// Compiles a regular expression into *ret (what was there is freed). -EINVAL: it is none; the
// message names the option and the place.
int pattern_compile(const char *option, const char *pattern, pcre2_code **ret, struct error *err);

// Takes one of these options; false: it is another. -EINVAL: a regular expression that is none.
bool selection_option(struct selection *selection, int option, const char *value, int *ret,
                      struct error *err);
bool selection_is_empty(const struct selection *selection);
// `request` is NULL where the message cannot be read: only --match and --all can mean it.
bool selection_matches(const struct selection *selection, const struct request *request,
                       const struct buf *body);
void selection_release(struct selection *selection);
