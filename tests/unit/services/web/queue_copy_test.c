// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_copy.h"

#include "test.h"

static void add(struct queue_copy *copy, const char *text)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(buf_add_str(&body, text), 0);
    ck_assert_int_eq(queue_copy_add(copy, &body), 0);
}

static uint64_t number_of(const char *text)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(buf_add_str(&body, text), 0);
    return queue_copy_number(&body);
}

static void expect(const struct queue_copy *copy, const char *wanted)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(queue_copy_write(copy, &text), 0);
    ck_assert_str_eq(buf_str(&text), wanted);
}

TEST(requests_are_written_in_their_order)
{
    _cleanup_(queue_copy_release) struct queue_copy copy = QUEUE_COPY_INIT;

    expect(&copy, "[]");
    add(&copy, "gzip\n{\"requester\": \"me\"}");
    add(&copy, "bash");
    expect(&copy, "[\"gzip\\n{\\\"requester\\\": \\\"me\\\"}\",\"bash\"]");
    ck_assert_uint_eq(queue_copy_len(&copy), 2);
}

TEST(private_and_unreadable_requests_are_only_named)
{
    _cleanup_(queue_copy_release) struct queue_copy copy = QUEUE_COPY_INIT;

    add(&copy, "top\n{\"swiftuser\": \"me\", \"triggers\": [\"secret/1\"]}");
    add(&copy, "nonsense {");
    expect(&copy, "[\"private job\",\"unreadable request\"]");
}

TEST(those_in_front_are_forgotten)
{
    _cleanup_(queue_copy_release) struct queue_copy copy = QUEUE_COPY_INIT;

    for (char text[] = "a"; *text <= 'd'; ++*text)
        add(&copy, text);
    ck_assert(!queue_copy_begin_at(&copy, number_of("x")));
    ck_assert(queue_copy_begin_at(&copy, number_of("a")));
    ck_assert_uint_eq(queue_copy_len(&copy), 4);
    ck_assert(queue_copy_begin_at(&copy, number_of("c")));
    expect(&copy, "[\"c\",\"d\"]");
    ck_assert(!queue_copy_begin_at(&copy, number_of("a")));
    ck_assert_uint_eq(queue_copy_len(&copy), 2);
}

TEST(one_is_found_by_its_place)
{
    _cleanup_(queue_copy_release) struct queue_copy copy = QUEUE_COPY_INIT;
    _cleanup_json_ json_t *second = NULL;

    for (char text[] = "a"; *text <= 'd'; ++*text)
        add(&copy, text);
    ck_assert(queue_copy_begin_at(&copy, number_of("b")));
    second = queue_copy_get(&copy, 1);
    ck_assert_str_eq(json_string_value(second), "c");
}

TEST(those_of_a_package_are_found)
{
    _cleanup_(queue_copy_release) struct queue_copy copy = QUEUE_COPY_INIT;

    ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 0), 0);
    add(&copy, "gone");
    add(&copy, "gzip\n{\"requester\": \"me\"}");
    add(&copy, "gzip-win32");
    add(&copy, "gzip {\"triggers\": [\"a/1\"]}");
    add(&copy, "gzip\n{\"swiftuser\": \"me\"}");
    add(&copy, "gzip");
    ck_assert(queue_copy_begin_at(&copy, number_of("gzip\n{\"requester\": \"me\"}")));
    ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 0), 0);
    ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 1), 2);
    ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 3), 4); // nobody may know of the private one
    ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 5), queue_copy_len(&copy));
    ck_assert_uint_eq(queue_copy_find(&copy, "gone", 0), queue_copy_len(&copy));
    ck_assert_uint_eq(queue_copy_find(&copy, "private", 0), queue_copy_len(&copy));
}

TEST(those_of_a_package_are_found_anywhere_in_a_long_queue)
{
    for (size_t at = 0; at < 70; at++) {
        _cleanup_(queue_copy_release) struct queue_copy copy = QUEUE_COPY_INIT;

        for (size_t i = 0; i < 70; i++)
            add(&copy, i == at || i == 69 ? "gzip" : "bash");
        ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 0), at);
        ck_assert_uint_eq(queue_copy_find(&copy, "gzip", at + 1), at == 69 ? 70 : 69);
        ck_assert_uint_eq(queue_copy_find(&copy, "gzip", 70), 70);
        ck_assert_uint_eq(queue_copy_find(&copy, "gone", at), 70);
    }
}
