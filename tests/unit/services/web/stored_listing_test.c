// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_swift.h"

#include "test.h"

static int note(const struct stored_entry *entry, void *userdata)
{
    struct buf *seen = userdata;

    if (strcmp(entry->name, "end") == 0)
        return -ECANCELED;
    return buf_addf(seen, "%s%s %llu %lld\n", entry->name, entry->is_prefix ? " (folder)" : "",
                    (unsigned long long)entry->size, (long long)entry->modified_s);
}

static int read_listing(const char *text, struct buf *seen, struct error *err)
{
    return stored_listing_read(text, strlen(text), note, seen, err);
}

TEST(names_folders_sizes_and_dates_are_read)
{
    _cleanup_buf_ struct buf seen = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(read_listing("[{\"name\": \"a/log.gz\", \"bytes\": 123, \"hash\": \"x\","
                           "\"last_modified\": \"2026-01-15T10:15:00.123450\"},"
                           "{\"subdir\": \"a/b/\"}]",
                           &seen, &err),
              &err);
    ck_assert_str_eq(buf_str(&seen), "a/log.gz 123 1768472100\na/b/ (folder) 0 0\n");
}

TEST(what_is_odd_in_an_entry_does_no_harm)
{
    _cleanup_buf_ struct buf seen = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(read_listing("[1, null, {}, {\"name\": 1}, {\"name\": \"a\", \"bytes\": -1,"
                           "\"last_modified\": \"yesterday\"}]",
                           &seen, &err),
              &err);
    ck_assert_str_eq(buf_str(&seen), "a 0 0\n");
    ASSERT_OK(read_listing("", &seen, &err), &err);
}

TEST(something_else_is_a_store_in_trouble_and_a_visitor_may_end_it)
{
    static const char *const texts[] = {"{}", "[{", "<html>", "\"x\""};
    _cleanup_buf_ struct buf seen = BUF_INIT(BUF_OWN_MAX);

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_int_eq(read_listing(texts[i], &seen, &err), -EAGAIN);
        ck_assert_str_eq(error_message(&err),
                         "the object store answers something that is no listing");
    }
    ck_assert_int_eq(read_listing("[{\"name\": \"end\"}, {\"name\": \"b\"}]", &seen, NULL),
                     -ECANCELED);
    ck_assert_uint_eq(seen.len, 0);
}
