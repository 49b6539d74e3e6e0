// SPDX-License-Identifier: GPL-3.0-only
#include "data/yaml.h"

#include "base/file.h"
#include "base/parse.h"
#include "data/json.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

// A mapping or sequence that is not closed yet.
struct level {
    json_t *container; // owned by its parent, the outermost by the builder
    char *key;         // of a mapping, when its value comes next
};

struct builder {
    yaml_parser_t parser;
    const char *name, *text;
    size_t len;
    json_t *root; // owned
    struct level levels[YAML_DEPTH_MAX];
    size_t depth, nodes;
    bool document_done;
};

static void builder_release(struct builder *b)
{
    for (; b->depth > 0; b->depth--) {
        struct level *level = &b->levels[b->depth - 1];

        free(level->key);
        level->key = NULL;
    }
    json_decref(b->root);
    yaml_parser_delete(&b->parser);
}

static void event_release(yaml_event_t *event)
{
    yaml_event_delete(event);
}

static int fail_at(const struct builder *b, const yaml_event_t *event, int r, struct error *err,
                   const char *what)
{
    return error_set(err, r, "%s: line %zu, column %zu: %s", b->name, event->start_mark.line + 1,
                     event->start_mark.column + 1, what);
}

// An error of libyaml's. Its reader knows the offset only.
static int parser_error(const struct builder *b, struct error *err)
{
    const yaml_parser_t *p = &b->parser;
    size_t line = p->problem_mark.line, column = p->problem_mark.column;

    if (p->error == YAML_MEMORY_ERROR)
        return error_oom(err);
    if (p->error == YAML_READER_ERROR) {
        line = column = 0;
        for (size_t i = 0; i < p->problem_offset && i < b->len; i++) {
            column = b->text[i] == '\n' ? 0 : column + 1;
            line += b->text[i] == '\n';
        }
    }
    return error_set(err, -EINVAL, "%s: line %zu, column %zu: %s%s%s", b->name, line + 1,
                     column + 1, p->context ? p->context : "", p->context ? ", " : "",
                     p->problem ? p->problem : "not YAML");
}

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
static bool is_float(const char *s)
{
    static const char digits[] = "0123456789";
    size_t whole, fraction = 0;

    s += *s == '-' || *s == '+';
    whole = strspn(s, digits);
    s += whole;
    if (*s == '.') {
        fraction = strspn(++s, digits);
        s += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (!*s)
            return false;
        s += strspn(s, digits);
    }
    return !*s;
}

// Digits of `base` up to the end; 1: a number, 0: something else, -ERANGE: too large a number.
static int based_integer(const char *s, unsigned base, int64_t *ret)
{
    uint64_t n = 0;
    bool over = false;

    if (!*s)
        return 0;
    for (; *s; s++) {
        static const char all[] = "0123456789abcdef";
        const char *at = strchr(all, *s >= 'A' && *s <= 'F' ? *s - 'A' + 'a' : *s);

        if (!at || (size_t)(at - all) >= base)
            return 0;
        over |= n > ((uint64_t)INT64_MAX - (uint64_t)(at - all)) / base;
        n = n * base + (uint64_t)(at - all);
    }
    if (over)
        return -ERANGE;
    *ret = (int64_t)n;
    return 1;
}

static int integer(const char *s, int64_t *ret)
{
    int r;

    if (s[0] == '0' && s[1] == 'x')
        return based_integer(s + 2, 16, ret);
    if (s[0] == '0' && s[1] == 'o')
        return based_integer(s + 2, 8, ret);
    if (*s == '+' && s[1] == '-')
        return 0;
    r = parse_int(s + (*s == '+'), INT64_MIN, INT64_MAX, ret, NULL);
    if (r == -EINVAL)
        return 0;
    return r == 0 ? 1 : r;
}

// A plain scalar by the core schema (YAML 1.2.2, section 10.3.2). NULL with *ret_problem set, or
// for lack of memory.
static json_t *resolve_plain(const char *s, size_t len, const char **ret_problem)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    static const char *const special[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    int64_t whole;
    double real;
    int r;

    if (is_one_of(s, null))
        return json_null();
    if (is_one_of(s, yes))
        return json_true();
    if (is_one_of(s, no))
        return json_false();
    r = integer(s, &whole);
    if (r > 0)
        return json_integer(whole);
    real = r == 0 && is_float(s) ? strtod(s, NULL) : 0;
    if (r < 0 || !isfinite(real) || is_one_of(s + (*s == '-' || *s == '+'), special)) {
        *ret_problem = "number out of range, quote it if a string is meant";
        return NULL;
    }
    return is_float(s) ? json_real(real) : json_stringn(s, len);
}

static json_t *resolve(const yaml_event_t *event, const char **ret_problem)
{
    const char *s = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;

    if (memchr(s, '\0', len)) {
        *ret_problem = "NUL in a string";
        return NULL;
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return resolve_plain(s, len, ret_problem);
    return json_stringn(s, len);
}

static struct level *top(struct builder *b)
{
    return b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
}

// Puts a finished scalar or a new container where it belongs. Takes over the reference.
static int attach(struct builder *b, json_t *value)
{
    struct level *level = top(b);
    int r;

    if (!level) {
        b->root = value;
        return 0;
    }
    if (json_is_array(level->container))
        return json_array_append_new(level->container, value) < 0 ? -ENOMEM : 0;
    r = json_put(level->container, level->key, value);
    free(level->key);
    level->key = NULL;
    return r;
}

static bool wants_key(struct builder *b)
{
    struct level *level = top(b);

    return level && json_is_object(level->container) && !level->key;
}

static int take_key(struct builder *b, const yaml_event_t *event, const json_t *value,
                    struct error *err)
{
    struct level *level = &b->levels[b->depth - 1];

    if (!json_is_string(value))
        return error_set(err, -EINVAL,
                         "%s: line %zu, column %zu: expected a string as key, got %s, quote it",
                         b->name, event->start_mark.line + 1, event->start_mark.column + 1,
                         json_type_name(value));
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        strcmp(json_string_value(value), "<<") == 0)
        return fail_at(b, event, -EINVAL, err, "merge keys are not allowed, write the keys out");
    if (json_object_get(level->container, json_string_value(value)))
        return error_set(err, -EINVAL, "%s: line %zu, column %zu: duplicate key \"%s\"", b->name,
                         event->start_mark.line + 1, event->start_mark.column + 1,
                         json_string_value(value));
    level->key = strdup(json_string_value(value));
    return level->key ? 0 : error_oom(err);
}

static int on_scalar(struct builder *b, const yaml_event_t *event, struct error *err)
{
    const char *problem = NULL;
    _cleanup_json_ json_t *value = resolve(event, &problem);

    if (!value)
        return problem ? fail_at(b, event, -EINVAL, err, problem) : error_oom(err);
    if (wants_key(b) && json_is_null(value) &&
        strcmp((const char *)event->data.scalar.value, "null") == 0) {
        json_decref(value);
        value = json_string("null"); // a name: the backend of that name is one
        if (!value)
            return error_oom(err);
    }
    if (wants_key(b))
        return take_key(b, event, value, err);
    return attach(b, TAKE_PTR(value)) < 0 ? error_oom(err) : 0;
}

static int on_start(struct builder *b, const yaml_event_t *event, json_t *container,
                    struct error *err)
{
    _cleanup_json_ json_t *owned = container;

    if (!container)
        return error_oom(err);
    if (wants_key(b))
        return fail_at(b, event, -EINVAL, err, "expected a string as key");
    if (b->depth == YAML_DEPTH_MAX)
        return fail_at(b, event, -E2BIG, err, "nested too deeply");
    if (attach(b, TAKE_PTR(owned)) < 0)
        return error_oom(err);
    b->levels[b->depth++] = (struct level){.container = container};
    return 0;
}

// Anchors and tags, of whatever node.
static bool has_properties(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default:
        return event->type == YAML_ALIAS_EVENT;
    }
}

static int on_node(struct builder *b, const yaml_event_t *event, struct error *err)
{
    if (has_properties(event))
        return fail_at(b, event, -EINVAL, err, "anchors, aliases and tags are not allowed");
    if (++b->nodes > YAML_NODES_MAX)
        return fail_at(b, event, -E2BIG, err, "too many values");
    if (event->type == YAML_SCALAR_EVENT)
        return on_scalar(b, event, err);
    return on_start(b, event,
                    event->type == YAML_MAPPING_START_EVENT ? json_object() : json_array(), err);
}

static int on_event(struct builder *b, const yaml_event_t *event, struct error *err)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_node(b, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        if (b->document_done)
            return fail_at(b, event, -EINVAL, err, "more than one document");
        return 0;
    case YAML_DOCUMENT_END_EVENT:
        b->document_done = true;
        return 0;
    default:
        return 0;
    }
}

int yaml_parse(const char *text, size_t len, const char *name, json_t **ret, struct error *err)
{
    _cleanup_(builder_release) struct builder b = {.name = name, .text = text, .len = len};

    if (!yaml_parser_initialize(&b.parser))
        return error_oom(err);
    if (len > YAML_BYTES_MAX)
        return error_set(err, -E2BIG, "%s: larger than %zu bytes", name, YAML_BYTES_MAX);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(len > 0 ? text : ""), len);
    for (;;) {
        _cleanup_(event_release) yaml_event_t event = {0};
        int r;

        if (!yaml_parser_parse(&b.parser, &event))
            return parser_error(&b, err);
        if (event.type == YAML_STREAM_END_EVENT)
            break;
        r = on_event(&b, &event, err);
        if (r < 0)
            return r;
    }
    *ret = b.root ? TAKE_PTR(b.root) : json_null();
    return 0;
}

int yaml_parse_file(const char *path, json_t **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(YAML_BYTES_MAX);
    int r = file_read(path, &text, err);

    if (r < 0)
        return r;
    return yaml_parse(text.data, text.len, path, ret, err);
}
