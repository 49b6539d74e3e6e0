// SPDX-License-Identifier: GPL-3.0-only
// Typed access to JSON (jansson) with errors that name the place.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdint.h>

#define _cleanup_json_ _cleanup_(json_decrefp) // jansson has the function

// Parses one whole document of outside bytes: duplicate keys, NUL in strings and anything after the
// document are refused, nesting is limited (jansson: 2048). `name` stands in the message in front
// of line and column. The caller owns *ret. -EINVAL, -ENOMEM; where memory gives out inside a
// string jansson cannot tell it from a syntax error (-EINVAL).
int json_parse(const char *text, size_t len, const char *name, json_t **ret, struct error *err);
int json_parse_file(const char *path, size_t max, json_t **ret, struct error *err);

// From then on small blocks of memory that values have had are kept for the next ones, up to 2 MiB:
// malloc() keeps a few only, and joins and cuts the others again for each page. For programs of one
// thread that make values all the time, before the first one.
void json_keep_memory(void);

// Appends compact JSON with sorted keys.
int json_write(const json_t *value, struct buf *b);
// The same for a reader of YAML 1.1 (Juju's tools read their files with yaml.v2), of which JSON is
// almost a part: control characters (DEL, U+0080 to U+009F) and U+FFFE, U+FFFF, which it refuses,
// and U+0085, U+2028, U+2029, which it takes for ends of lines, are escaped. Everything else is
// left as UTF-8, since it does not know surrogate pairs.
int json_write_yaml(const json_t *value, struct buf *b);

// Members of an object. The `_optional` ones leave *ret as it was when the key is absent or null.
// A member of another type: -EINVAL and `KEY: expected a string, got a number`. Borrowed pointers.
int json_get_string(const json_t *object, const char *key, const char **ret, struct error *err);
int json_get_optional_string(const json_t *object, const char *key, const char **ret,
                             struct error *err);
// The same as copies that the caller frees. The optional one gives a copy of `fallback` (NULL:
// NULL) when the key is absent or null.
int json_copy_string(const json_t *object, const char *key, char **ret, struct error *err);
int json_copy_optional_string(const json_t *object, const char *key, const char *fallback,
                              char **ret, struct error *err);
int json_get_optional_int(const json_t *object, const char *key, int64_t *ret, struct error *err);
int json_get_optional_bool(const json_t *object, const char *key, bool *ret, struct error *err);
// The text of a member that says nothing of consequence when it is absent or no string: "" then.
// Borrowed.
const char *json_text(const json_t *object, const char *key);
// An array of strings, appended to `v`.
int json_get_optional_strv(const json_t *object, const char *key, struct strv *v,
                           struct error *err);

// The list as an array, without what is no UTF-8; NULL for lack of memory.
json_t *json_strings(const struct strv *list);

// "a string", "an object", … for messages.
const char *json_type_name(const json_t *value);

// Setters for objects built up by us: 0 or -ENOMEM; a NULL string value sets nothing, one that is
// not UTF-8 is refused with -EILSEQ.
int json_put_string(json_t *object, const char *key, const char *value);
int json_put_int(json_t *object, const char *key, int64_t value);
int json_put_bool(json_t *object, const char *key, bool value);
// Takes over the reference, also on failure.
int json_put(json_t *object, const char *key, json_t *value);
