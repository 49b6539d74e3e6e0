// SPDX-License-Identifier: GPL-3.0-only
// What template_scan.c (finds and reads tags) and template_parse.c (makes nodes of them) share.
#pragma once

#include "data/template_internal.h"

enum {
    NESTING_MAX = 100,
    DELIMITER_MAX = 16,
};

// A tag whose end tag is awaited.
struct open_tag {
    uint32_t node;
    uint32_t line;
    char kind;
    const char *name;
    size_t name_len;
    bool argument;        // a block directly inside a parent tag: content for the parent's block
    bool left_blank;      // parent: nothing but blanks before it on its line
    uint32_t indent_node; // parent: the text node that holds those blanks, or its own index
    const char *dedent;   // what was taken off the lines outside of it
    size_t dedent_len;
};

struct parser {
    const char *text;
    size_t len;
    size_t at;       // first byte not consumed
    size_t counted;  // first byte not looked at for newlines
    uint32_t line;   // of `counted`
    bool line_start; // no node of this line was made yet
    bool mergeable;  // the last node is a text that the next may continue
    char open[DELIMITER_MAX], close[DELIMITER_MAX];
    size_t open_len, close_len;
    enum escape escape;
    const char *dedent; // taken off the start of each line
    size_t dedent_len;
    struct template *t;
    uint32_t allocated;
    struct open_tag stack[NESTING_MAX];
    size_t depth;
    struct error *err;
};

struct tag {
    size_t start, end; // with the delimiters
    char kind;         // '=' '#' …, '&' for triple braces too, '\0' for a plain value
    const char *name;  // without blanks around it
    size_t name_len;
    uint32_t line;
    size_t blanks;    // where the blanks before it start
    bool left_blank;  // nothing but blanks before it on its line
    bool right_blank; // … after it
    size_t next;      // start of the next line, when right_blank
};

// Sets the message `NAME: line L: …`.
void parser_set_error(struct parser *p, uint32_t line, const char *format, ...) _printf_(3, 4);
// The same as a value: -EINVAL. A macro, so that analysers see that it is not 0.
#define parser_fail(p, line, ...) (parser_set_error(p, line, __VA_ARGS__), -EINVAL)

// Where `what` is at or after `from`; p->len when nowhere.
size_t parser_find(const struct parser *p, size_t from, const char *what, size_t len);
// The first byte at or after `at` that is not a blank.
size_t parser_skip_blanks(const struct parser *p, size_t at);
// Reads the tag whose opening delimiter is at `start` and looks at what is around it.
int parser_read_tag(struct parser *p, size_t start, struct tag *ret);

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool is_space(char c)
{
    return is_blank(c) || c == '\n' || c == '\r';
}
