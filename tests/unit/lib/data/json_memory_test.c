// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"
#include "test.h"

static uintptr_t place_of_new(const char *text)
{
    _cleanup_json_ json_t *value = json_string(text);

    ck_assert_str_eq(json_string_value(value), text);
    return (uintptr_t)value;
}

TEST(memory_of_a_value_that_went_is_the_next_ones)
{
    uintptr_t first;

    json_keep_memory();
    first = place_of_new("one");
    ck_assert_uint_eq(place_of_new("two"), first);
}

#define VALUES 600

// A text of that many letters.
static json_t *text_of(unsigned len)
{
    char text[VALUES + 1] = "";

    memset(text, (int)('a' + len % 26), len);
    return json_string(text);
}

// Values of every size, every second one made anew many times: none gets into another.
TEST(values_keep_apart)
{
    json_t *values[VALUES];

    json_keep_memory();
    for (unsigned i = 0; i < VALUES; i++)
        values[i] = text_of(i);
    for (unsigned n = 0; n < 20 * VALUES; n += 2) {
        json_decref(values[n % VALUES]);
        values[n % VALUES] = text_of(n % VALUES);
    }
    for (unsigned i = 0; i < VALUES; i++) {
        _cleanup_json_ json_t *value = values[i], *expected = text_of(i);

        ck_assert(json_equal(value, expected));
    }
}

// More than is kept goes back, and comes from malloc() again.
TEST(many_values_come_and_go)
{
    json_keep_memory();
    for (int round = 0; round < 3; round++) {
        _cleanup_json_ json_t *list = json_array();

        for (int i = 0; i < 50000; i++)
            ck_assert_int_eq(json_array_append_new(list, json_string("a text of some length")), 0);
        ck_assert_uint_eq(json_array_size(list), 50000);
    }
}
