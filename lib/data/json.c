// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"

#include "base/file.h"
#include "base/utf8.h"

#include <string.h>

static int parse_error(const json_error_t *e, const char *name, struct error *err)
{
    // jansson says nothing at all where its memory gives out in the middle of a value.
    if (json_error_code(e) == json_error_out_of_memory || e->text[0] == '\0')
        return error_oom(err);
    if (e->line < 0)
        return error_set(err, -EINVAL, "%s: %s", name, e->text);
    return error_set(err, -EINVAL, "%s: line %d, column %d: %s", name, e->line, e->column, e->text);
}

int json_parse(const char *text, size_t len, const char *name, json_t **ret, struct error *err)
{
    json_error_t e;
    json_t *value =
        json_loadb(len > 0 ? text : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);

    if (!value)
        return parse_error(&e, name, err);
    *ret = value;
    return 0;
}

int json_parse_file(const char *path, size_t max, json_t **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(max);
    int r = file_read(path, &text, err);

    if (r < 0)
        return r;
    return json_parse(text.data, text.len, path, ret, err);
}

struct sink {
    struct buf *to;
    int r; // of the first chunk that could not be appended
};

// jansson passes neither the reason on nor, for some chunks, the failure: it is kept here.
static int append_chunk(const char *bytes, size_t len, void *userdata)
{
    struct sink *sink = userdata;

    if (sink->r == 0)
        sink->r = buf_add(sink->to, bytes, len);
    return sink->r;
}

int json_write(const json_t *value, struct buf *b)
{
    struct sink sink = {.to = b};
    size_t before = b->len;
    int r = json_dump_callback(value, append_chunk, &sink,
                               JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (r == 0 && sink.r == 0)
        return 0;
    buf_truncate(b, before);
    return sink.r < 0 ? sink.r : -ENOMEM;
}

// The code point when YAML reads the character of `len` bytes at `s` as something else than itself,
// else 0.
static unsigned int not_for_yaml(const unsigned char *s, size_t len)
{
    unsigned int point = 0;

    if (len == 1)
        return s[0] == 0x7f ? s[0] : 0;
    if (len == 2)
        point = (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU);
    else if (len == 3)
        point = (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
    if ((point >= 0x80 && point <= 0x9f) || point == 0x2028 || point == 0x2029 || point >= 0xfffe)
        return point;
    return 0;
}

int json_write_yaml(const json_t *value, struct buf *b)
{
    _cleanup_buf_ struct buf plain = BUF_INIT(BUF_OWN_MAX);
    size_t before = b->len;
    int r = json_write(value, &plain);

    for (size_t at = 0, len; r == 0 && at < plain.len; at += len) {
        const char *s = plain.data + at;
        unsigned int point = 0;

        len = utf8_sequence(s, plain.len - at);
        if (len > 0)
            point = not_for_yaml((const unsigned char *)s, len);
        else
            len = 1;
        r = point ? buf_addf(b, "\\u%04x", point) : buf_add(b, s, len);
    }
    if (r < 0)
        buf_truncate(b, before);
    return r;
}

const char *json_type_name(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static int wrong_type(const char *key, const char *expected, const json_t *got, struct error *err)
{
    return error_set(err, -EINVAL, "%s: expected %s, got %s", key, expected, json_type_name(got));
}

// The member, NULL when it is absent or null.
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

int json_get_string(const json_t *object, const char *key, const char **ret, struct error *err)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return error_set(err, -EINVAL, "%s: missing", key);
    if (!json_is_string(value))
        return wrong_type(key, "a string", value, err);
    *ret = json_string_value(value);
    return 0;
}

int json_get_optional_string(const json_t *object, const char *key, const char **ret,
                             struct error *err)
{
    return member(object, key) ? json_get_string(object, key, ret, err) : 0;
}

const char *json_text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

int json_copy_string(const json_t *object, const char *key, char **ret, struct error *err)
{
    const char *value = NULL;
    char *copy;
    int r = json_get_string(object, key, &value, err);

    if (r < 0)
        return r;
    copy = strdup(value);
    if (!copy)
        return error_oom(err);
    *ret = copy;
    return 0;
}

int json_copy_optional_string(const json_t *object, const char *key, const char *fallback,
                              char **ret, struct error *err)
{
    char *copy;

    if (member(object, key))
        return json_copy_string(object, key, ret, err);
    copy = fallback ? strdup(fallback) : NULL;
    if (fallback && !copy)
        return error_oom(err);
    *ret = copy;
    return 0;
}

int json_get_optional_int(const json_t *object, const char *key, int64_t *ret, struct error *err)
{
    const json_t *value = member(object, key);

    if (!value)
        return 0;
    if (!json_is_integer(value))
        return wrong_type(key, "a whole number", value, err);
    *ret = json_integer_value(value);
    return 0;
}

int json_get_optional_bool(const json_t *object, const char *key, bool *ret, struct error *err)
{
    const json_t *value = member(object, key);

    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return wrong_type(key, "true or false", value, err);
    *ret = json_is_true(value);
    return 0;
}

int json_get_optional_strv(const json_t *object, const char *key, struct strv *v, struct error *err)
{
    const json_t *value = member(object, key), *item;
    size_t i;

    if (!value)
        return 0;
    if (!json_is_array(value))
        return wrong_type(key, "an array", value, err);
    json_array_foreach (value, i, item)
        if (!json_is_string(item))
            return error_set(err, -EINVAL, "%s[%zu]: expected a string, got %s", key, i,
                             json_type_name(item));
    json_array_foreach (value, i, item)
        if (strv_add(v, json_string_value(item)) < 0)
            return error_oom(err);
    return 0;
}

// utf8_is_valid() is several times faster than jansson's own check, which is left out here and
// below.
int json_put(json_t *object, const char *key, json_t *value)
{
    if (!utf8_is_valid(key, strlen(key))) {
        json_decref(value);
        return -ENOMEM;
    }
    return json_object_set_new_nocheck(object, key, value) < 0 ? -ENOMEM : 0;
}

int json_put_string(json_t *object, const char *key, const char *value)
{
    size_t len = value ? strlen(value) : 0;

    if (!value)
        return 0;
    if (!utf8_is_valid(value, len))
        return -EILSEQ;
    return json_put(object, key, json_stringn_nocheck(value, len));
}

int json_put_int(json_t *object, const char *key, int64_t value)
{
    return json_put(object, key, json_integer(value));
}

int json_put_bool(json_t *object, const char *key, bool value)
{
    return json_put(object, key, json_boolean(value));
}

json_t *json_strings(const struct strv *list)
{
    _cleanup_json_ json_t *array = json_array();

    STRV_FOREACH (text, list) {
        size_t len = strlen(text);

        if (utf8_is_valid(text, len) &&
            json_array_append_new(array, json_stringn_nocheck(text, len)) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}
