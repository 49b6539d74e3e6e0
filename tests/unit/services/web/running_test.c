// SPDX-License-Identifier: GPL-3.0-only
#include "web/running.h"

#include "base/cleanup.h"
#include "base/strv.h"
#include "data/json.h"
#include "test.h"

DEFINE_CLEANUP(struct running *, running_free)

static void tell(struct running *running, const char *release, const char *arch, int number)
{
    struct test_status status = {.release = strdup(release),
                                 .arch = strdup(arch),
                                 .package = str_format("p%d", number),
                                 .running = true,
                                 .params = json_object(),
                                 .logtail = strdup("")};

    ck_assert_int_eq(running_update(running, &status, 1), 0);
    test_status_release(&status);
}

TEST(running_tests_are_counted_at_their_places_in_one_walk)
{
    static const char *const releases[] = {"jammy", "noble", NULL};
    static const char *const archs[] = {"amd64", "arm64", "s390x", NULL};
    static const size_t expected[] = {1, 0, 3, 0, 2, 0};
    _cleanup_strv_ struct strv r = STRV_INIT, a = STRV_INIT;
    _cleanup_(running_freep) struct running *running = NULL;
    size_t counted[ARRAY_SIZE(expected)] = {0};

    ck_assert_int_eq(strv_add_all(&r, releases), 0);
    ck_assert_int_eq(strv_add_all(&a, archs), 0);
    ck_assert_int_eq(running_new(&running), 0);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        for (int n = 0; n < (int)expected[i]; n++)
            tell(running, releases[i / a.len], archs[i % a.len], n);
    tell(running, "noble", "riscv64", 1); // places that the settings do not name
    tell(running, "trusty", "amd64", 1);
    ck_assert_int_eq(running_count_places(running, &r, &a, counted), 0);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const struct running_filter here = {.release = releases[i / a.len],
                                            .arch = archs[i % a.len]};

        ck_assert_uint_eq(counted[i], expected[i]);
        ck_assert_uint_eq(running_count(running, &here), expected[i]);
    }
    ck_assert_int_eq(running_count_places(running, &r, &a, counted), 0);
    ck_assert_uint_eq(counted[2], 2 * expected[2]); // they are added to what was there
}

TEST(what_lists_say_of_a_test_is_of_its_newest_status)
{
    const struct running_filter all = {.limit = 10}, elsewhere = {.release = "jammy", .limit = 10};
    _cleanup_(running_freep) struct running *running = NULL;
    _cleanup_json_ json_t *first = NULL, *again = NULL, *later = NULL, *ids = NULL, *none = NULL;
    struct test_status newer = {.release = strdup("noble"),
                                .arch = strdup("amd64"),
                                .package = strdup("p1"),
                                .running = true,
                                .params = json_object(),
                                .duration_s = 62,
                                .logtail = strdup("more")};

    ck_assert_int_eq(running_new(&running), 0);
    tell(running, "noble", "amd64", 1);
    first = running_list(running, &all);
    again = running_list(running, &all);
    ck_assert(json_equal(first, again));
    ck_assert_int_eq(running_update(running, &newer, 2), 0);
    later = running_list(running, &all);
    ck_assert_str_eq(json_text(json_array_get(first, 0), "logtail"), "");
    ck_assert_str_eq(json_text(json_array_get(first, 0), "url"), "/packages/p1/noble/amd64");
    ck_assert_str_eq(json_text(json_array_get(later, 0), "logtail"), "more");
    ck_assert_str_eq(json_text(json_array_get(later, 0), "duration_text"), "1m 02s");
    ids = running_ids(running, &all);
    none = running_ids(running, &elsewhere);
    ck_assert_uint_eq(json_array_size(ids), 1);
    ck_assert_str_eq(json_string_value(json_array_get(ids, 0)),
                     json_text(json_array_get(later, 0), "id"));
    ck_assert_uint_eq(json_array_size(none), 0);
    test_status_release(&newer);
}
