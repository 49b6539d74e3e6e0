// SPDX-License-Identifier: GPL-3.0-only
// Mustache templates, as the public specification (version 1.4, without lambdas) defines them:
// interpolation, sections, inverted sections, partials, comments, set delimiters, inheritance
// (blocks and parents) and dynamic names, with the standalone-line and indentation rules.
//
// Two things are ours. What `{{name}}` escapes for is HTML unless the template says otherwise with
// a pragma on a line of its own, `{{%escape html|systemd|shell|none}}`; it holds from there to the
// end of that template's text. `{{{name}}}` and `{{&name}}` never escape. And in strict mode a name
// that the data do not have, in whatever tag, is an error that tells template, line and name.
//
//   html     & < > " ' become entities.
//   systemd  the value is one word, or a part of one, in a unit's command line or Environment=
//            (systemd.syntax(7)): % is doubled, \ is doubled, blanks, control characters, quotes,
//            ; and # become \xHH, and $ is doubled in settings that begin with Exec (only there it
//            means something). No quotes are added: where a value may be empty write "{{name}}".
//            Not for settings that are not split into words, such as Description=.
//   shell    the value is one word of a POSIX shell in single quotes, the empty one too: do not put
//            it inside quotes.
//   none     as it is.
//
// A NUL byte in a value is an error for systemd and shell.
//
// Of sections: false, null, missing, "" and [] are false; every number, 0 too, is true.
//
// A parsed template is immutable and can be rendered any number of times. Partials come from a set
// of templates by name, never from a path built of data.
#pragma once

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

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
    uint32_t steps_max; // nodes rendered before it is taken for endless; 0: ten million
};

// Appends the rendered text. Values: strings as they are, numbers in shortest form (integers
// without a point), true/false, null as nothing; an object or a list is nothing, in strict mode an
// error. Recursion of partials is allowed (the data end it) to a depth of 500, -ELOOP beyond;
// -E2BIG when the text does not fit into the buffer. On an error `out` has what was rendered before
// it. Messages: `NAME: line L: …`, with those of the templates that led there in front.
int template_render(const struct template *t, const json_t *data,
                    const struct template_options *options, struct buf *out, struct error *err);

DEFINE_CLEANUP(struct template *, template_free)
DEFINE_CLEANUP(struct template_set *, template_set_free)
