// SPDX-License-Identifier: GPL-3.0-only
// Mustache templates, as the public specification (version 1.4, without lambdas) defines them:
// interpolation, sections, inverted sections, partials, comments, set delimiters, inheritance
// (blocks and parents) and dynamic names, with the standalone-line and indentation rules.
//
// Two things are ours. What `{{name}}` escapes for is HTML unless the template says otherwise with
// a pragma on a line of its own, `{{%escape html|systemd|shell|none}}`; `{{{name}}}` and
// `{{&name}}` never escape. And in strict mode a name that the data do not have is an error that
// tells template, line and name.
//
// A parsed template is immutable and can be rendered any number of times. Partials come from a set
// of templates by name, never from a path built of data.
#pragma once

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

struct template;     // one parsed template
struct template_set; // templates by name

int template_parse(const char *text, size_t len, const char *name, struct template **ret,
                   struct error *err);
void template_free(struct template *t);

// An empty set; NULL for lack of memory.
struct template_set *template_set_new(void);
void template_set_free(struct template_set *set);
// Parses and adds under `name`; a second of that name replaces the first.
int template_set_add(struct template_set *set, const char *name, const char *text, size_t len,
                     struct error *err);
// Adds every *.mustache below `dir`; names are paths relative to it without the ending
// ("html/page").
int template_set_load(struct template_set *set, const char *dir, struct error *err);
// NULL when there is none of that name.
const struct template *template_set_find(const struct template_set *set, const char *name);

struct template_options {
    const struct template_set *partials; // may be NULL: then every partial is missing
    bool strict;                         // missing names and partials are errors, else empty
};

// Appends the rendered text. Values: strings as they are, numbers in shortest form (integers
// without a point), true/false, null as nothing. Depth of partials is limited (recursion is allowed
// by the data).
int template_render(const struct template *t, const json_t *data,
                    const struct template_options *options, struct buf *out, struct error *err);

DEFINE_CLEANUP(struct template *, template_free)
DEFINE_CLEANUP(struct template_set *, template_set_free)
