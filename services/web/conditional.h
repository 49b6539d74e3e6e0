// SPDX-License-Identifier: GPL-3.0-only
// What a client already has and which part it wants: validators and ranges of RFC 9110 §13 and §14.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum range { RANGE_WHOLE, RANGE_PART, RANGE_UNSATISFIABLE };

// Reads a Range header (NULL: none). One range of bytes is served; several, or what is not
// understood, mean the whole, as the RFC allows. *ret_first and *ret_len are set for RANGE_PART.
enum range range_parse(const char *header, uint64_t size, uint64_t *ret_first, uint64_t *ret_len);

// Whether a list of entity tags (`"a", W/"b"`, also unquoted as Swift's clients send them, or `*`)
// has this one (without quotes).
bool etag_listed(const char *list, const char *etag);

// Whether a range holds by its If-Range header (NULL: none): by the entity tag, or by the date that
// the answer has as Last-Modified; either may be NULL. Weak tags never do (§13.1.5).
bool if_range_holds(const char *header, const char *etag, const char *date);

struct conditions { // headers, NULL when absent
    const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since;
};

enum precondition { PRECONDITION_SEND, PRECONDITION_NOT_MODIFIED, PRECONDITION_FAILED };

// For GET and HEAD of something with this tag and time (seconds since 1970).
enum precondition conditions_check(const struct conditions *conditions, const char *etag,
                                   int64_t mtime);

// `Sun, 06 Nov 1994 08:49:37 GMT`; the caller frees. And the reverse, also of the two older forms
// that RFC 9110 §5.6.7 asks for; -EINVAL for anything else.
char *http_date_format(int64_t seconds);
int http_date_parse(const char *text, int64_t *ret);
