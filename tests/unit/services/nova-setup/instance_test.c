// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"
#include "nova-setup/setup.h"
#include "test.h"

static json_t *json(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *value = NULL;

    ASSERT_OK(json_parse(text, strlen(text), "test", &value, &err), &err);
    return value;
}

// The address of a server with these; the caller frees. NULL: none.
static char *address_of(const char *addresses)
{
    _cleanup_free_ char *text = str_format("{\"id\": \"a\", \"addresses\": %s}", addresses);
    _cleanup_json_ json_t *server = json(text);
    _cleanup_(instance_release) struct instance i = {0};

    ck_assert_int_eq(instance_parse(server, &i, NULL), 0);
    return TAKE_PTR(i.address);
}

TEST(the_best_address_is_chosen)
{
    static const char *const cases[][2] = {
        {"{\"n\": [{\"addr\": \"fe80::1\", \"version\": 6}, {\"addr\": \"10.0.0.1\","
         "\"version\": 4}]}",
         "10.0.0.1"},
        {"{\"a\": [{\"addr\": \"10.0.0.1\", \"version\": 4, \"OS-EXT-IPS:type\": \"fixed\"}],"
         "\"b\": [{\"addr\": \"192.0.2.1\", \"version\": 4, \"OS-EXT-IPS:type\": \"floating\"}]}",
         "192.0.2.1"},
        {"{\"n\": [{\"addr\": \"2001:db8::1\", \"version\": 6}]}", "2001:db8::1"},
        {"{\"n\": [{\"addr\": \"-oProxyCommand=x\", \"version\": 4}]}", NULL},
        {"{\"n\": []}", NULL},
        {"[]", NULL},
        {"{\"n\": {\"addr\": \"10.0.0.1\"}}", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *address = address_of(cases[i][0]);

        ck_assert_pstr_eq(address, cases[i][1]);
    }
}

TEST(a_server_needs_an_id_that_fits_a_path)
{
    static const char *const bad[] = {"{}", "[]", "{\"id\": \"a/b\"}", "{\"id\": 5}",
                                      "{\"id\": \"a?b\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_json_ json_t *server = json(bad[i]);
        struct instance instance = {0};

        ck_assert_int_eq(instance_parse(server, &instance, NULL), -EIO);
    }
}

TEST(state_fault_and_boot_are_read)
{
    _cleanup_json_ json_t *server = json("{\"id\": \"a-1\", \"name\": \"n\", \"status\": \"ERROR\","
                                         "\"fault\": {\"message\": \"No valid host\"},"
                                         "\"metadata\": {\"autopkgtest-cloud-boot\": \"b\"}}");
    _cleanup_(instance_release) struct instance i = {0};

    ck_assert_int_eq(instance_parse(server, &i, NULL), 0);
    ck_assert_str_eq(i.id, "a-1");
    ck_assert_str_eq(i.status, "ERROR");
    ck_assert_str_eq(i.fault, "No valid host");
    ck_assert_str_eq(i.boot, "b");
}

TEST(only_the_workers_own_are_its_own)
{
    struct setup s = {.model = "m", .unit = "app/0", .worker = "w"};
    _cleanup_json_ json_t *one =
        json("{\"metadata\": {\"autopkgtest-cloud-model\": \"m\","
             "\"autopkgtest-cloud-unit\": \"app/0\", \"autopkgtest-cloud-worker\": \"w\","
             "\"autopkgtest-cloud-run\": \"r\"}}");
    _cleanup_json_ json_t *bare = json("{}");

    ck_assert(instance_is_ours(&s, one));
    ck_assert(!instance_is_ours(&s, bare));
    s.keep = "r";
    ck_assert(!instance_is_ours(&s, one));
    s.keep = "other";
    s.run = "r";
    ck_assert(instance_is_ours(&s, one));
    s.run = "r2";
    ck_assert(!instance_is_ours(&s, one));
    s.run = NULL;
    s.unit = "app/1";
    ck_assert(!instance_is_ours(&s, one));
    s.unit = "app/0";
    s.model = "m2";
    ck_assert(!instance_is_ours(&s, one));
}

static void look(struct image_choice *choice, const char *id, const char *name, const char *created,
                 const char *status)
{
    _cleanup_json_ json_t *image = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "name", name,
                                             "created_at", created, "status", status);

    ck_assert_int_eq(image_choice_look(image, choice), 0);
}

TEST(the_newest_active_image_that_fits_is_chosen)
{
    _cleanup_(image_choice_release) struct image_choice choice = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(image_choice_open("ubuntu-noble-.*\\.img", &choice, &err), &err);
    look(&choice, "1", "ubuntu-noble-1.img", "2026-11-02T00:00:00Z", "active");
    look(&choice, "2", "ubuntu-noble-2.img", "2026-11-03T00:00:00Z", "active");
    look(&choice, "3", "ubuntu-noble-3.img", "2026-11-04T00:00:00Z", "queued");
    look(&choice, "4", "old-ubuntu-noble-4.img", "2026-11-05T00:00:00Z", "active");
    look(&choice, "5", "ubuntu-noble-5.img.bak", "2026-11-05T00:00:00Z", "active");
    look(&choice, "6", "ubuntu-noble-0.img", "2026-11-01T00:00:00Z", "active");
    ck_assert_str_eq(choice.id, "2");
}

TEST(a_pattern_may_be_an_id_and_may_be_wrong)
{
    _cleanup_(image_choice_release) struct image_choice choice = {0}, wrong = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(image_choice_open("0f9c", &choice, &err), &err);
    look(&choice, "0f9c", "any", "2026-11-02T00:00:00Z", "active");
    ck_assert_str_eq(choice.name, "any");
    ASSERT_FAILS(image_choice_open("a(", &wrong, &err), -EINVAL, &err,
                 "the image's name: missing closing parenthesis, at character 2 of \"a(\"");
}

TEST(a_pattern_that_never_ends_matches_nothing)
{
    _cleanup_(image_choice_release) struct image_choice choice = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(image_choice_open("(a+)+(a+)+(a+)+$b", &choice, &err), &err);
    look(&choice, "1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "2026",
         "active");
    ck_assert_ptr_null(choice.id);
}
