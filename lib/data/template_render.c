// SPDX-License-Identifier: GPL-3.0-only
#include "data/template_internal.h"
#include "data/template_members.h"

#include <math.h>
#include <string.h>

enum {
    DEPTH_MAX = 500,      // sections, partials, parents and blocks inside one another
    STEPS_MAX = 10000000, // nodes rendered, when the options do not say
    INDENT_MAX = 64 * 1024,
};

// The context stack, innermost first.
struct context {
    const json_t *value;
    struct members *members; // of it
    const struct context *outer;
};

// What the parent tags around give for blocks, innermost first. The outermost one wins.
struct arguments {
    const struct template *t; // the template the parent tag stands in …
    const struct node *parent;
    const struct arguments *outer;
};

enum first_line {
    FIRST_LINE_AS_MARKED,
    FIRST_LINE_INDENTED, // content put where a standalone block tag was
    FIRST_LINE_BEGUN,    // … where an inline one was: the line has its indentation
};

struct render {
    const struct template_options *options;
    struct buf *out;
    struct buf indent;     // the indentations around, outermost first
    size_t indent_from;    // those before do not apply: an inline partial starts anew
    enum first_line first; // of the content of a block, until its first output
    uint32_t depth;
    uint32_t steps, steps_max;
    struct members inner; // of the object that was looked into last, by a dotted name
    struct error *err;
};

struct scope {
    const struct template *t;
    const struct context *context;
    const struct arguments *arguments;
};

static int render_nodes(struct render *r, const struct scope *s, uint32_t from, uint32_t end);

static int fail(struct render *r, const struct scope *s, const struct node *node, int code,
                const char *format, ...) _printf_(5, 6);

static int fail(struct render *r, const struct scope *s, const struct node *node, int code,
                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)error_setv(r->err, code, format, args);
    va_end(args);
    return error_prefix(r->err, code, "%s: line %u", s->t->name, node->line);
}

// The result of writing to the output, in words.
static int written(struct render *r, const struct scope *s, const struct node *node, int code)
{
    if (code == -E2BIG)
        return fail(r, s, node, code, "the output is longer than %zu bytes", r->out->max);
    if (code == -ENOMEM)
        return error_oom(r->err);
    return code;
}

static const char *string_at(const struct scope *s, uint32_t offset)
{
    return buf_str(&s->t->strings) + offset;
}

// ---------------------------------------------------------------- names
static const json_t *lookup(struct render *r, const struct scope *s, const struct node *node)
{
    struct members *inner = &r->inner;
    const struct context *c = s->context;
    const char *part = string_at(s, node->string);
    const json_t *value = NULL;
    unsigned i;

    if (node->parts == 0)
        return c->value;
    for (; c && !value; c = c->outer)
        value = members_get(c->members, part, node->hash);
    for (i = 1; value && i < node->parts; i++) {
        part += strlen(part) + 1;
        if (inner->object != value)
            members_of(inner, value);
        value = members_get(inner, part, member_hash(part));
    }
    return value;
}

// The dotted name as it was written, for a message.
static int fail_missing(struct render *r, const struct scope *s, const struct node *node)
{
    _cleanup_buf_ struct buf name = BUF_INIT(1024);
    const char *part = string_at(s, node->string);
    unsigned i;

    for (i = 0; i < node->parts; i++, part += strlen(part) + 1)
        (void)buf_addf(&name, "%s%s", i ? "." : "", part);
    return fail(r, s, node, -ENOENT, "the data have no \"%s\"", buf_str(&name));
}

// 0 with *ret NULL when the data have no such name and need not.
static int find_value(struct render *r, const struct scope *s, const struct node *node,
                      const json_t **ret)
{
    const json_t *value = lookup(r, s, node);

    if (!value && r->options->strict)
        return fail_missing(r, s, node);
    *ret = value;
    return 0;
}

static bool is_true(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return false;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_STRING:
        return json_string_length(value) > 0;
    default:
        return true;
    }
}

// ---------------------------------------------------------------- lines
static int begin_output(struct render *r, const struct node *node)
{
    bool indented = node->flags & NODE_LINE_START;

    if (r->first != FIRST_LINE_AS_MARKED) {
        indented = r->first == FIRST_LINE_INDENTED;
        r->first = FIRST_LINE_AS_MARKED;
    }
    if (!indented || r->indent.len == r->indent_from)
        return 0;
    return buf_add(r->out, r->indent.data + r->indent_from, r->indent.len - r->indent_from);
}

static int render_text(struct render *r, const struct scope *s, const struct node *node)
{
    const char *text = string_at(s, node->string), *end = text + node->length, *newline;
    int code;

    if (node->length == 0)
        return 0;
    code = begin_output(r, node);
    if (r->indent.len == r->indent_from)
        return code < 0 ? code : buf_add(r->out, text, node->length);
    while (code == 0 && (newline = memchr(text, '\n', (size_t)(end - text)))) {
        code = buf_add(r->out, text, (size_t)(newline + 1 - text));
        text = newline + 1;
        if (text == end)
            return code;
        if (code == 0)
            code = buf_add(r->out, r->indent.data + r->indent_from, r->indent.len - r->indent_from);
    }
    return code < 0 ? code : buf_add(r->out, text, (size_t)(end - text));
}

// ---------------------------------------------------------------- values
#define NUMBER_SIZE 32

static void write_real(double number, char text[NUMBER_SIZE])
{
    int digits;

    if (!isfinite(number)) {
        (void)snprintf(text, NUMBER_SIZE, "null");
        return;
    }
    if (number == trunc(number) && fabs(number) < 1e15) {
        (void)snprintf(text, NUMBER_SIZE, "%.0f", number);
        return;
    }
    for (digits = 15; digits < 18; digits++) {
        (void)snprintf(text, NUMBER_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
}

// Where it begins in `text`.
static const char *write_integer(json_int_t number, char text[NUMBER_SIZE])
{
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    size_t at = NUMBER_SIZE - 1;

    text[at] = '\0';
    do
        text[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        text[--at] = '-';
    return &text[at];
}

static int add_value(const struct node *node, const json_t *value, struct buf *out)
{
    char text[NUMBER_SIZE] = "";
    const char *written = text;

    switch (json_typeof(value)) {
    case JSON_STRING:
        return template_escape(node->escape, json_string_value(value), json_string_length(value),
                               out);
    case JSON_INTEGER:
        written = write_integer(json_integer_value(value), text);
        break;
    case JSON_REAL:
        write_real(json_real_value(value), text);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        written = json_is_true(value) ? "true" : "false";
        break;
    default:
        break;
    }
    return template_escape(node->escape, written, strlen(written), out);
}

static int render_value(struct render *r, const struct scope *s, const struct node *node)
{
    const json_t *value = NULL;
    int code = find_value(r, s, node, &value);

    if (code < 0)
        return code;
    if (r->options->strict && (json_is_object(value) || json_is_array(value)))
        return fail(r, s, node, -EINVAL, "%s cannot be written as text",
                    json_is_object(value) ? "an object" : "a list");
    code = begin_output(r, node);
    if (code == 0 && value)
        code = add_value(node, value, r->out);
    if (code == -EINVAL)
        return fail(r, s, node, code, "the value contains a NUL byte");
    return written(r, s, node, code);
}

// ---------------------------------------------------------------- content
static int render_item(struct render *r, const struct scope *s, const struct node *node,
                       const json_t *item)
{
    uint32_t index = (uint32_t)(node - s->t->nodes);
    struct members members;
    struct context context = {.value = item, .members = &members, .outer = s->context};
    struct scope inner = {.t = s->t, .context = &context, .arguments = s->arguments};

    members_of(&members, item);
    return render_nodes(r, &inner, index + 1, node->end);
}

static int render_section(struct render *r, const struct scope *s, const struct node *node)
{
    const json_t *value = NULL;
    int code = node->flags & NODE_LINE_START ? begin_output(r, node) : 0;
    size_t i;

    code = written(r, s, node, code);
    if (code == 0)
        code = find_value(r, s, node, &value);
    if (code < 0)
        return code;
    if (node->type == NODE_INVERTED) {
        uint32_t index = (uint32_t)(node - s->t->nodes);

        return is_true(value) ? 0 : render_nodes(r, s, index + 1, node->end);
    }
    if (!is_true(value))
        return 0;
    if (!json_is_array(value))
        return render_item(r, s, node, value);
    for (i = 0; i < json_array_size(value) && code == 0; i++)
        code = render_item(r, s, node, json_array_get(value, i));
    return code;
}

// The template a partial or parent tag names: NULL when there is none and need not be one.
static int find_template(struct render *r, const struct scope *s, const struct node *node,
                         const struct template **ret)
{
    const char *name = string_at(s, node->string);
    const json_t *value = NULL;
    int code;

    *ret = NULL;
    if (node->flags & NODE_DYNAMIC) {
        code = find_value(r, s, node, &value);
        if (code < 0)
            return code;
        name = json_string_value(value);
        if (!name && r->options->strict)
            return fail(r, s, node, -EINVAL, "the name of a partial must be a string");
        if (!name)
            return 0;
    }
    if (r->options->partials)
        *ret = template_set_find(r->options->partials, name);
    if (!*ret && r->options->strict)
        return fail(r, s, node, -ENOENT, "there is no partial \"%s\"", name);
    return 0;
}

static int add_indent(struct render *r, const struct scope *s, const struct node *node)
{
    int code = buf_add(&r->indent, string_at(s, node->indent), node->indent_length);

    if (code == -E2BIG)
        return fail(r, s, node, code, "the indentation is longer than %d bytes", INDENT_MAX);
    return written(r, s, node, code);
}

// A partial; a parent tag is one that brings arguments.
static int render_partial(struct render *r, const struct scope *s, const struct node *node)
{
    struct arguments arguments = {.t = s->t, .parent = node, .outer = s->arguments};
    size_t len = r->indent.len, from = r->indent_from;
    const struct template *partial = NULL;
    struct scope inner = {.context = s->context, .arguments = s->arguments};
    int code = node->flags & NODE_LINE_START ? begin_output(r, node) : 0;

    code = written(r, s, node, code);
    if (code == 0)
        code = find_template(r, s, node, &partial);
    if (code < 0 || !partial)
        return code;
    if (node->type == NODE_PARENT)
        inner.arguments = &arguments;
    if (node->flags & NODE_STANDALONE)
        code = add_indent(r, s, node);
    else
        r->indent_from = r->indent.len;
    inner.t = partial;
    if (code == 0) {
        code = render_nodes(r, &inner, 0, partial->count);
        // Of a recursion the innermost line says enough.
        if (code < 0 && code != -ELOOP && partial != s->t)
            code = error_prefix(r->err, code, "%s: line %u", s->t->name, node->line);
    }
    buf_truncate(&r->indent, len);
    r->indent_from = from;
    return code;
}

// The block of that name among the direct content of a parent tag, the last if there are several.
static const struct node *find_argument(const struct arguments *a, const char *name)
{
    const struct node *found = NULL;
    uint32_t i = (uint32_t)(a->parent - a->t->nodes) + 1;

    for (; i < a->parent->end; i = a->t->nodes[i].end) {
        const struct node *node = &a->t->nodes[i];

        if (node->type == NODE_BLOCK && strcmp(a->t->strings.data + node->string, name) == 0)
            found = node;
    }
    return found;
}

static int render_argument(struct render *r, const struct scope *s, const struct node *site,
                           const struct arguments *a, const struct node *argument)
{
    uint32_t index = (uint32_t)(argument - a->t->nodes);
    // The content was written where the parent tag is: what that tag gives does not reach it.
    struct scope inner = {.t = a->t, .context = s->context, .arguments = a->outer};
    size_t len = r->indent.len;
    int code = add_indent(r, s, site);

    if (code == 0) {
        r->first = site->flags & NODE_STANDALONE ? FIRST_LINE_INDENTED : FIRST_LINE_BEGUN;
        code = render_nodes(r, &inner, index + 1, argument->end);
        r->first = FIRST_LINE_AS_MARKED;
    }
    buf_truncate(&r->indent, len);
    return code;
}

static int render_block(struct render *r, const struct scope *s, const struct node *node)
{
    const char *name = string_at(s, node->string);
    const struct node *argument = NULL;
    const struct arguments *a, *from = NULL;
    uint32_t index = (uint32_t)(node - s->t->nodes);
    int code = node->flags & NODE_LINE_START ? begin_output(r, node) : 0;

    if (code < 0)
        return written(r, s, node, code);
    for (a = s->arguments; a; a = a->outer) {
        const struct node *found = find_argument(a, name);

        if (found) {
            argument = found;
            from = a;
        }
    }
    if (argument)
        return render_argument(r, s, node, from, argument);
    return render_nodes(r, s, index + 1, node->end);
}

static int render_node(struct render *r, const struct scope *s, const struct node *node)
{
    switch (node->type) {
    case NODE_TEXT:
        return written(r, s, node, render_text(r, s, node));
    case NODE_VALUE:
        return render_value(r, s, node);
    case NODE_PARTIAL:
    case NODE_PARENT:
        return render_partial(r, s, node);
    case NODE_BLOCK:
        return render_block(r, s, node);
    default:
        return render_section(r, s, node);
    }
}

static int render_nodes(struct render *r, const struct scope *s, uint32_t from, uint32_t end)
{
    const struct node *nodes = s->t->nodes;
    int code = 0;

    if (from >= end)
        return 0;
    if (r->depth == DEPTH_MAX)
        return fail(r, s, &nodes[from], -ELOOP,
                    "partials and sections are more than %d deep in one another", DEPTH_MAX);
    r->depth++;
    for (; from < end && code == 0; from = nodes[from].end) {
        if (++r->steps > r->steps_max)
            code = fail(r, s, &nodes[from], -ELOOP, "rendering takes more than %u steps",
                        r->steps_max);
        else
            code = render_node(r, s, &nodes[from]);
    }
    r->depth--;
    return code;
}

int template_render(const struct template *t, const json_t *data,
                    const struct template_options *options, struct buf *out, struct error *err)
{
    static const struct template_options none;
    struct members members;
    struct context context = {.value = data, .members = &members};
    struct scope scope = {.t = t, .context = &context};
    struct render render = {
        .options = options ? options : &none,
        .out = out,
        .indent = BUF_INIT(INDENT_MAX),
        .steps_max = options && options->steps_max ? options->steps_max : STEPS_MAX,
        .err = err,
    };
    int r;

    members_of(&members, data);
    r = render_nodes(&render, &scope, 0, t->count);
    buf_release(&render.indent);
    return r;
}
