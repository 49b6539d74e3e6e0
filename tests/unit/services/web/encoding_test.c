// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "web/encoding.h"

static bool wants_gzip(const char *first, const char *second)
{
    struct accept_encoding a = ACCEPT_ENCODING_INIT;

    if (first)
        accept_encoding_read(&a, first);
    if (second)
        accept_encoding_read(&a, second);
    return accept_encoding_is_gzip(&a);
}

TEST(gzip_is_for_those_who_ask_for_it)
{
    static const char *const wanted[] = {
        "gzip",           "GZIP",
        "x-gzip",         "gzip, deflate, br, zstd",
        "br;q=1.0, gzip", "gzip;q=0.001",
        "gzip ; q=0.5",   "*",
        "*;q=0.1",        "identity;q=0, *;q=0.5",
        "gzip;q=1.000",   ",, gzip",
        "gzip;Q=0.5",     "gzip;q=0.5, identity;q=0.5",
        "gzip;level=9",
    };
    static const char *const refused[] = {
        "",           "identity",
        "gzip;q=0",   "gzip;q=0.000",
        "*;q=0",      "gzip;q=0, *",
        "br",         "gzipped",
        "gzip;q=2",   "gzip;q=-1",
        "gzip;q=x",   "gzip;q=0.5, identity",
        "gzip;q=",    "gzip;level=9;q=0",
        "gzip;q=.5",  "gzip;q=0.1234",
        "xgzip, gzi", "identity;q=0, gzip;q=0",
    };

    ck_assert(!wants_gzip(NULL, NULL));
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        ck_assert_msg(wants_gzip(wanted[i], NULL), "%s", wanted[i]);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        ck_assert_msg(!wants_gzip(refused[i], NULL), "%s", refused[i]);
}

TEST(several_headers_are_one_list)
{
    ck_assert(wants_gzip("br", "gzip"));
    ck_assert(!wants_gzip("*", "gzip;q=0"));
}

TEST(text_of_some_size_is_compressed)
{
    static const char *const text[] = {"text/html; charset=utf-8",
                                       "text/plain",
                                       "TEXT/CSS",
                                       "application/json",
                                       "application/atom+xml; charset=utf-8",
                                       "image/svg+xml"};
    static const char *const other[] = {"image/png",         "application/gzip",
                                        "text/event-stream", "application/octet-stream",
                                        "application/jsonx", ""};

    for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
        ck_assert_msg(encoding_is_for(text[i], ENCODING_SIZE_MIN), "%s", text[i]);
        ck_assert(encoding_is_for(text[i], ENCODING_SIZE_UNKNOWN));
        ck_assert(!encoding_is_for(text[i], ENCODING_SIZE_MIN - 1));
    }
    for (size_t i = 0; i < ARRAY_SIZE(other); i++)
        ck_assert_msg(!encoding_is_for(other[i], ENCODING_SIZE_UNKNOWN), "%s", other[i]);
    ck_assert(!encoding_is_for(NULL, ENCODING_SIZE_UNKNOWN));
}
