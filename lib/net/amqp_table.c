// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

#include "base/utf8.h"

#define TABLE_DEPTH_MAX 16

char *amqp_bytes_string(amqp_bytes_t bytes)
{
    return bytes.len > 0 ? strndup(bytes.bytes, bytes.len) : strdup("");
}

json_t *amqp_bytes_to_json(amqp_bytes_t bytes)
{
    const char *text = bytes.len > 0 ? bytes.bytes : "";
    json_t *value = json_stringn(text, bytes.len);
    _cleanup_buf_ struct buf clean = BUF_INIT(BUF_OWN_MAX);

    if (value)
        return value;
    if (utf8_add_clean(&clean, text, bytes.len) < 0)
        return NULL;
    return json_stringn(buf_str(&clean), clean.len);
}

static json_t *field_to_json(const amqp_field_value_t *field, unsigned depth);

static json_t *table_to_json(const amqp_table_t *table, unsigned depth)
{
    json_t *object;

    if (depth > TABLE_DEPTH_MAX)
        return json_null();
    object = json_object();
    for (int i = 0; object && i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        json_t *key = amqp_bytes_to_json(entry->key);
        // A key with a NUL in it is cut there: jansson's keys are C strings.
        int r = key ? json_object_set_new(object, json_string_value(key),
                                          field_to_json(&entry->value, depth + 1))
                    : -1;

        json_decref(key);
        if (r < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *array_to_json(const amqp_array_t *values, unsigned depth)
{
    json_t *array;

    if (depth > TABLE_DEPTH_MAX)
        return json_null();
    array = json_array();
    for (int i = 0; array && i < values->num_entries; i++) {
        if (json_array_append_new(array, field_to_json(&values->entries[i], depth + 1)) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *real_to_json(double value)
{
    json_t *number = json_real(value);

    return number ? number : json_null(); // JSON has neither infinity nor NaN
}

static json_t *integer_to_json(const amqp_field_value_t *field)
{
    switch (field->kind) {
    case AMQP_FIELD_KIND_I8:
        return json_integer(field->value.i8);
    case AMQP_FIELD_KIND_U8:
        return json_integer(field->value.u8);
    case AMQP_FIELD_KIND_I16:
        return json_integer(field->value.i16);
    case AMQP_FIELD_KIND_U16:
        return json_integer(field->value.u16);
    case AMQP_FIELD_KIND_I32:
        return json_integer(field->value.i32);
    case AMQP_FIELD_KIND_U32:
        return json_integer(field->value.u32);
    case AMQP_FIELD_KIND_I64:
        return json_integer(field->value.i64);
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        if (field->value.u64 <= INT64_MAX)
            return json_integer((json_int_t)field->value.u64);
        return real_to_json((double)field->value.u64);
    default:
        return json_null();
    }
}

static json_t *field_to_json(const amqp_field_value_t *field, unsigned depth)
{
    double value;

    switch (field->kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
        return json_boolean(field->value.boolean);
    case AMQP_FIELD_KIND_F32:
        return real_to_json((double)field->value.f32);
    case AMQP_FIELD_KIND_F64:
        return real_to_json(field->value.f64);
    case AMQP_FIELD_KIND_DECIMAL:
        value = field->value.decimal.value;
        for (unsigned i = 0; i < field->value.decimal.decimals; i++)
            value /= 10;
        return real_to_json(value);
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
        return amqp_bytes_to_json(field->value.bytes);
    case AMQP_FIELD_KIND_ARRAY:
        return array_to_json(&field->value.array, depth);
    case AMQP_FIELD_KIND_TABLE:
        return table_to_json(&field->value.table, depth);
    default:
        return integer_to_json(field);
    }
}

int amqp_table_to_json(const amqp_table_t *table, json_t **ret)
{
    json_t *object = table_to_json(table, 0);

    if (!object)
        return -ENOMEM;
    *ret = object;
    return 0;
}

static int field_from_json(const json_t *value, amqp_field_value_t *ret)
{
    if (json_is_string(value)) {
        ret->kind = AMQP_FIELD_KIND_UTF8;
        ret->value.bytes.bytes = (void *)(uintptr_t)json_string_value(value);
        ret->value.bytes.len = json_string_length(value);
    } else if (json_is_integer(value)) {
        ret->kind = AMQP_FIELD_KIND_I64;
        ret->value.i64 = json_integer_value(value);
    } else if (json_is_boolean(value)) {
        ret->kind = AMQP_FIELD_KIND_BOOLEAN;
        ret->value.boolean = json_is_true(value);
    } else {
        return -EINVAL;
    }
    return 0;
}

int amqp_table_from_json(const json_t *object, amqp_table_t *ret, struct error *err)
{
    _cleanup_free_ amqp_table_entry_t *entries = NULL;
    size_t size = json_object_size(object);
    const char *key;
    json_t *value;
    int n = 0;

    if (size == 0) {
        *ret = (amqp_table_t){0};
        return 0;
    }
    entries = calloc(size, sizeof(*entries));
    if (!entries)
        return error_oom(err);
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        entries[n].key = amqp_cstring_bytes(key);
        if (field_from_json(value, &entries[n].value) < 0)
            return error_set(err, -EINVAL, "%s: expected a string, an integer or a boolean", key);
        n++;
    }
    ret->num_entries = n;
    ret->entries = TAKE_PTR(entries);
    return 0;
}

int amqp_table_add_string(amqp_table_t *table, const char *key, const char *value,
                          struct error *err)
{
    amqp_table_entry_t *more =
        reallocarray(table->entries, (size_t)table->num_entries + 1, sizeof(*more));

    if (!more)
        return error_oom(err);
    table->entries = more;
    more[table->num_entries++] = (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)}};
    return 0;
}
