// SPDX-License-Identifier: GPL-3.0-only
#include "web/framing.h"

#include "test.h"

// Of the same headers each time, and one or two more: "NAME:VALUE".
static const char *fault(bool http_1_1, const char *one, const char *two, unsigned *ret_status)
{
    const char *const headers[] = {"Host:tests.example", "Accept:*/*", one, two};
    struct framing framing = {0};

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        const char *colon = headers[i] ? strchr(headers[i], ':') : NULL;

        if (colon)
            framing_note(&framing, headers[i], (size_t)(colon - headers[i]), colon + 1,
                         strlen(colon + 1));
    }
    return framing_fault(&framing, http_1_1, ret_status);
}

static unsigned status_of(bool http_1_1, const char *one, const char *two)
{
    unsigned status = 0;

    return fault(http_1_1, one, two, &status) ? status : 200;
}

TEST(a_request_that_can_be_read_in_one_way_is_taken)
{
    ck_assert_uint_eq(status_of(true, NULL, NULL), 200);
    ck_assert_uint_eq(status_of(true, "Content-Length:5", NULL), 200);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding:chunked", NULL), 200);
    ck_assert_uint_eq(status_of(true, "TRANSFER-encoding:Chunked", NULL), 200);
    ck_assert_uint_eq(status_of(false, "Content-Length:5", "X-A:a\tb \xc3\xa4"), 200);
}

TEST(lengths_that_contradict_each_other_are_refused)
{
    ck_assert_uint_eq(status_of(true, "Content-Length:5", "content-length:5"), 400);
    ck_assert_uint_eq(status_of(true, "Content-Length:5", "Transfer-Encoding:chunked"), 400);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding:chunked", "Transfer-Encoding:chunked"),
                      501);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding:identity", NULL), 501);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding:gzip, chunked", NULL), 501);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding:chunked ", NULL), 501);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding:", NULL), 501);
    ck_assert_uint_eq(status_of(false, "Transfer-Encoding:chunked", NULL), 400);
}

TEST(names_and_values_that_others_read_otherwise_are_refused)
{
    struct framing framing = {.hosts = 1};
    unsigned status = 0;

    ck_assert_uint_eq(status_of(true, "Content-Length :5", NULL), 400);
    ck_assert_uint_eq(status_of(true, "Transfer-Encoding\t:chunked", NULL), 400);
    ck_assert_uint_eq(status_of(true, ":5", NULL), 400);
    ck_assert_uint_eq(status_of(true, "X-A:a\rContent-Length:5", NULL), 400);
    ck_assert_uint_eq(status_of(true, "X-A:a\r\n b", NULL), 400);
    ck_assert_uint_eq(status_of(true, "X-A:\x7f", NULL), 400);
    framing_note(&framing, "X-A", 3, "a\0b", 3);
    ck_assert_ptr_nonnull(framing_fault(&framing, true, &status));
    ck_assert_uint_eq(status, 400);
}

TEST(there_is_one_host)
{
    struct framing none = {0};
    unsigned status = 0;

    ck_assert_uint_eq(status_of(true, "host:other.example", NULL), 400);
    ck_assert_uint_eq(status_of(false, "host:other.example", NULL), 400);
    ck_assert_ptr_nonnull(framing_fault(&none, true, &status));
    ck_assert_ptr_null(framing_fault(&none, false, &status));
}
