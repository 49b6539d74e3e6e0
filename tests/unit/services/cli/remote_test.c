// SPDX-License-Identifier: GPL-3.0-only
// What is stale on an LXD host, and what is a token. tests/integration/backends has a real host.
#include "cli/remote.h"

#include "data/json.h"
#include "test.h"

#define NOW 1700000000 // 2023-11-14T22:13:20Z
#define HOUR 3600

static json_t *instance(const char *mark, const char *model, const char *made, const char *alive)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s*, s:s*}}", "name", "autopkgtest-lxd-a", "created_at",
                     made, "config", "user.autopkgtest-cloud", mark, "user.autopkgtest-cloud-model",
                     model, "user.autopkgtest-cloud-alive", alive);
}

#define RUN "lxd-1-amd64-1-20231114-200000-b9b95"
#define OLD "2023-11-14T20:00:00Z"

TEST(what_old_tests_of_the_application_have_left_is_stale)
{
    static const struct {
        const char *case_, *mark, *model, *made;
        bool stale;
        const char *alive;
    } cases[] = {
        {"ours", "a/0/" RUN, "m1", OLD, true, NULL},
        {"ours, however young", "a/0/" RUN, "m1", "2023-11-14T22:13:00Z", true, "1699999990"},
        {"an image that this unit may be making", "a/0/lxd-1-noble-amd64", "m1",
         "2023-11-14T22:13:00Z", false, NULL},
        {"an image that it has not made", "a/0/lxd-1-noble-amd64", "m1", OLD, true, NULL},
        {"a long test of another unit", "a/1/" RUN, "m1", OLD, false, "1699999400"},
        {"a dead test of another unit", "a/1/" RUN, "m1", OLD, true, "1699996400"},
        {"a sign that is none", "a/1/" RUN, "m1", OLD, true, "soon"},
        {"a unit whose number begins as ours", "a/01/" RUN, "m1", "2023-11-14T22:13:00Z", false,
         NULL},
        {"a gone unit's", "a/7/" RUN, "m1", OLD, true, NULL},
        {"another unit may be at work in it", "a/1/" RUN, "m1", "2023-11-14T21:30:00.123456789Z",
         false, NULL},
        {"a long test of ours", "a/0/lxd-1-amd64-1-20231114-100000-abcde", "m1",
         "2023-11-14T10:00:00Z", false, NULL},
        {"another application's", "b/0/" RUN, "m1", OLD, false, NULL},
        {"one whose name begins as ours", "a-lxd/0/" RUN, "m1", OLD, false, NULL},
        {"a unit of that name of another model", "a/0/" RUN, "m2", OLD, false, NULL},
        {"of no model", "a/0/" RUN, NULL, OLD, false, NULL},
        {"of somebody", "", NULL, "2020-01-01T00:00:00Z", false, NULL},
        {"without a date", "a/1/" RUN, "m1", "", false, NULL},
        {"before all dates", "a/1/" RUN, "m1", "0001-01-01T00:00:00Z", false, NULL},
    };
    _cleanup_strv_ struct strv runs = STRV_INIT;
    const struct remote_stale stale = {
        .unit = "a/0", .app = "a", .model = "m1", .runs = &runs, .now = NOW, .older_s = HOUR};

    ck_assert_int_eq(strv_add(&runs, "20231114_100000_abcde@"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ json_t *one =
            instance(cases[i].mark, cases[i].model, cases[i].made, cases[i].alive);

        ck_assert_msg(one && remote_instance_is_stale(one, &stale) == cases[i].stale, "%s",
                      cases[i].case_);
    }
}

TEST(images_without_their_name_are_stale)
{
#define UPLOADED(when) "\"uploaded_at\": \"" when "\", "
#define NAMELESS                                                                                   \
    "\"properties\": {\"description\": \"autopkgtest Ubuntu noble armhf\"}, \"aliases\": []}"
    static const struct {
        const char *case_, *text;
        uint64_t older_s;
        bool stale;
    } cases[] = {
        {"an old one", "{" UPLOADED(OLD) NAMELESS, 48 * HOUR, true},
        {"one that may be getting its name", "{" UPLOADED("2023-11-14T21:30:00.5Z") NAMELESS,
         48 * HOUR, false},
        {"unless that is told to be old", "{" UPLOADED("2023-11-14T21:30:00.5Z") NAMELESS, 600,
         true},
        {"without a date", "{" NAMELESS, HOUR, false},
        {"with a name",
         "{" UPLOADED(OLD) "\"properties\": {\"description\": \"autopkgtest Ubuntu noble armhf\"}, "
                           "\"aliases\": [{\"name\": \"autopkgtest/ubuntu/noble/armhf\"}]}",
         HOUR, false},
        {"somebody's",
         "{" UPLOADED(OLD) "\"properties\": {\"description\": \"Ubuntu noble\"}, \"aliases\": []}",
         HOUR, false},
        {"without properties", "{" UPLOADED(OLD) "\"properties\": {}, \"aliases\": []}", HOUR,
         false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct remote_stale stale = {.now = NOW, .older_s = cases[i].older_s};
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *image = NULL;

        ASSERT_OK(json_parse(cases[i].text, strlen(cases[i].text), "image", &image, &err), &err);
        ck_assert_msg(remote_image_is_stale(image, &stale) == cases[i].stale, "%s", cases[i].case_);
    }
}

// {"fingerprint":"ab","secret":"s","addresses":["10.0.0.1:8443"]}
#define TOKEN "eyJmaW5nZXJwcmludCI6ImFiIiwic2VjcmV0IjoicyIsImFkZHJlc3NlcyI6WyIxMC4wLjAuMTo4NDQzIl19"

TEST(a_token_tells_who_made_it_and_where)
{
    _cleanup_remote_token_ struct remote_token token = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(remote_token_parse(" " TOKEN "\n", &token, &err), &err);
    ck_assert_str_eq(token.text, TOKEN);
    ck_assert_str_eq(token.fingerprint, "ab");
    ck_assert_uint_eq(token.addresses.len, 1);
    ck_assert_str_eq(token.addresses.items[0], "10.0.0.1:8443");
}

TEST(what_is_no_token_is_refused)
{
    static const char *const cases[] = {
        "",
        "x",
        "bm8=",
        "e30=",                                             // {}
        "eyJmaW5nZXJwcmludCI6ICJ4eSIsICJzZWNyZXQiOiAicyJ9", // a fingerprint of other letters
        "eyJmaW5nZXJwcmludCI6ICJhYiIsICJzZWNyZXQiOiAicyIsICJhZGRyZXNzZXMiOiBbIi1vIl19",
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_remote_token_ struct remote_token token = {0};
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_msg(remote_token_parse(cases[i], &token, &err) == -EBADMSG, "%s", cases[i]);
    }
}
