// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"
#include "test.h"

#include <math.h>

static json_t *field(uint8_t kind, amqp_field_value_t value)
{
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes("k"), .value = value};
    amqp_table_t table = {.num_entries = 1, .entries = &entry};
    json_t *object = NULL, *result;

    entry.value.kind = kind;
    ck_assert_int_eq(amqp_table_to_json(&table, &object), 0);
    result = json_incref(json_object_get(object, "k"));
    json_decref(object);
    return result;
}

#define INTEGER(kind, member, number)                                                              \
    do {                                                                                           \
        _cleanup_(json_decrefp) json_t *value =                                                    \
            field(AMQP_FIELD_KIND_##kind, (amqp_field_value_t){.value.member = (number)});         \
        ck_assert_int_eq(json_integer_value(value), (number));                                     \
    } while (0)

TEST(integers_of_all_sizes)
{
    INTEGER(I8, i8, -5);
    INTEGER(U8, u8, 200);
    INTEGER(I16, i16, -300);
    INTEGER(U16, u16, 60000);
    INTEGER(I32, i32, -70000);
    INTEGER(U32, u32, 4000000000U);
    INTEGER(I64, i64, INT64_MIN);
    INTEGER(U64, u64, 1234567890123);
    INTEGER(TIMESTAMP, u64, 1700000000);
}

TEST(numbers_that_json_does_not_have)
{
    _cleanup_(json_decrefp) json_t *large =
        field(AMQP_FIELD_KIND_U64, (amqp_field_value_t){.value.u64 = UINT64_MAX});
    _cleanup_(json_decrefp) json_t *infinite =
        field(AMQP_FIELD_KIND_F64, (amqp_field_value_t){.value.f64 = (double)INFINITY});
    _cleanup_(json_decrefp) json_t *single =
        field(AMQP_FIELD_KIND_F32, (amqp_field_value_t){.value.f32 = 0.5F});
    _cleanup_(json_decrefp) json_t *decimal =
        field(AMQP_FIELD_KIND_DECIMAL,
              (amqp_field_value_t){.value.decimal = {.decimals = 2, .value = 125}});
    _cleanup_(json_decrefp) json_t *nothing = field(AMQP_FIELD_KIND_VOID, (amqp_field_value_t){0});

    ck_assert(json_is_real(large));
    ck_assert(json_is_null(infinite));
    ck_assert(json_real_value(single) == 0.5);
    ck_assert(json_real_value(decimal) == 1.25);
    ck_assert(json_is_null(nothing));
}

static void bytes_become(const char *bytes, size_t len, const char *text)
{
    amqp_bytes_t value = {.bytes = (void *)(uintptr_t)bytes, .len = len};
    _cleanup_(json_decrefp) json_t *string = amqp_bytes_to_json(value);

    ck_assert_str_eq(json_string_value(string), text);
}

TEST(bytes_that_are_no_text_are_replaced)
{
#define FFFD "\xef\xbf\xbd"
    bytes_become("plain", 5, "plain");
    bytes_become(NULL, 0, "");
    bytes_become("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    bytes_become("a\xff\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 11,
                 "a" FFFD "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    bytes_become("\xc3", 1, FFFD);                            // cut
    bytes_become("\xe2x", 2, FFFD "x");                       // cut by another
    bytes_become("\xc0\x80", 2, FFFD FFFD);                   // too long a form
    bytes_become("\xe0\x80\x80", 3, FFFD FFFD FFFD);          // the same
    bytes_become("\xed\xa0\x80", 3, FFFD FFFD FFFD);          // a surrogate
    bytes_become("\xf4\x90\x80\x80", 4, FFFD FFFD FFFD FFFD); // behind the last
}

TEST(nesting_is_followed_to_a_depth)
{
    amqp_field_value_t inner = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 7}, level[40];
    amqp_table_entry_t entry[40];
    _cleanup_(json_decrefp) json_t *array = NULL, *deep = NULL;
    json_t *at;
    int depth = 0;

    array = field(AMQP_FIELD_KIND_ARRAY,
                  (amqp_field_value_t){.value.array = {.num_entries = 1, .entries = &inner}});
    ck_assert_int_eq(json_integer_value(json_array_get(array, 0)), 7);
    for (int i = 0; i < 40; i++) {
        level[i] =
            (amqp_field_value_t){.kind = i % 2 ? AMQP_FIELD_KIND_TABLE : AMQP_FIELD_KIND_ARRAY};
        entry[i] = (amqp_table_entry_t){.key = amqp_cstring_bytes("k"),
                                        .value = i > 0 ? level[i - 1] : inner};
        if (i % 2)
            level[i].value.table = (amqp_table_t){.num_entries = 1, .entries = &entry[i]};
        else
            level[i].value.array =
                (amqp_array_t){.num_entries = 1, .entries = i > 0 ? &level[i - 1] : &inner};
    }
    deep = field(AMQP_FIELD_KIND_TABLE, level[39]);
    for (at = deep; json_is_object(at) || json_is_array(at); depth++)
        at = json_is_object(at) ? json_object_get(at, "k") : json_array_get(at, 0);
    ck_assert(json_is_null(at));
    ck_assert_int_eq(depth, 16);
}

TEST(objects_become_tables)
{
    _cleanup_(json_decrefp) json_t *object = json_pack("{s:s, s:i, s:b}", "s", "x", "i", 3, "b", 0);
    _cleanup_(json_decrefp) json_t *back = NULL;
    amqp_table_t table = {0};
    struct error err = ERROR_INIT;

    ASSERT_OK(amqp_table_from_json(object, &table, &err), &err);
    ck_assert_int_eq(amqp_table_to_json(&table, &back), 0);
    ck_assert(json_equal(object, back));
    free(table.entries);
    ASSERT_OK(amqp_table_from_json(NULL, &table, &err), &err);
    ck_assert_int_eq(table.num_entries, 0);
    ck_assert_ptr_null(table.entries);
}
