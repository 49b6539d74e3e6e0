// SPDX-License-Identifier: GPL-3.0-only
#include "adt/github.h"

#include "base/file.h"
#include "test.h"

// The example of GitHub's documentation, "Validating webhook deliveries".
#define SECRET "It's a Secret to Everybody"
#define BODY "Hello, World!"
#define SHA256 "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
// openssl dgst -sha1 -hmac
#define SHA1 "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"

static bool is_valid(const char *sha256, const char *sha1)
{
    return github_signature_is_valid(SECRET, BODY, strlen(BODY), sha256, sha1);
}

TEST(a_signature_is_checked_the_older_one_only_without_the_newer)
{
    ck_assert(is_valid(SHA256, NULL));
    ck_assert(is_valid(NULL, SHA1));
    ck_assert(!is_valid("sha256=00", SHA1));
    ck_assert(!is_valid(NULL, NULL));
    ck_assert(!is_valid(SHA256 "0", NULL));
    ck_assert(!is_valid(SHA256 + 7, NULL));
    ck_assert(!is_valid(SHA1, NULL));
    ck_assert(!github_signature_is_valid("", BODY, strlen(BODY), SHA256, NULL));
    ck_assert(!github_signature_is_valid(SECRET, BODY, strlen(BODY) - 1, SHA256, NULL));
}

static int parse(const char *text, struct github_pull *pull, struct error *err)
{
    return github_pull_parse(text, strlen(text), pull, err);
}

#define EVENT(action)                                                                              \
    "{\"action\":\"" action                                                                        \
    "\",\"number\":12,\"repository\":{\"full_name\":\"o/r\",\"clone_url\":"                        \
    "\"https://github.com/o/r.git\"},\"pull_request\":{\"statuses_url\":"                          \
    "\"https://api.github.com/repos/o/r/statuses/abc\"}}"

TEST(new_code_is_tested)
{
    static const char *const events[] = {EVENT("opened"), EVENT("synchronize"), EVENT("reopened")};

    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        _cleanup_(github_pull_release) struct github_pull pull = {0};
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_int_eq(parse(events[i], &pull, &err), 1);
        ck_assert_uint_eq(pull.number, 12);
        ck_assert_str_eq(pull.repository, "o/r");
        ck_assert_str_eq(pull.clone_url, "https://github.com/o/r.git");
        ck_assert_str_eq(pull.statuses_url, "https://api.github.com/repos/o/r/statuses/abc");
    }
}

TEST(what_brings_no_new_code_is_not)
{
    struct github_pull pull = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(parse(EVENT("closed"), &pull, &err), 0);
    ck_assert_int_eq(parse(EVENT("labeled"), &pull, &err), 0);
}

TEST(what_is_no_event_is_refused)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"action\":\"opened\",\"pull_request\":{},\"repository\":{}}",
        "{\"action\":\"opened\",\"number\":-1,\"pull_request\":{},\"repository\":{}}",
        "{\"action\":\"opened\",\"number\":1,\"pull_request\":{},\"repository\":{\"full_name\":1}"
        "}"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct github_pull pull = {0};
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_int_eq(parse(texts[i], &pull, &err), -EBADMSG);
        ck_assert_ptr_null(pull.repository);
    }
}

TEST(credentials_go_to_the_statuses_of_the_api_only)
{
    static const char api[] = "https://api.github.com/";
    static const char *const bad[] = {
        "https://api.github.com.evil.example/repos/o/r/statuses/a",
        "https://api.github.com/user",
        "https://api.github.com/repos/o/r/issues/1",
        "http://api.github.com/repos/o/r/statuses/a",
        "https://api.github.com/repos/../statuses/a",
        "https://api.github.com/repos/o/r/statuses/a?x=y",
        "https://api.github.com/repos/o/r/statuses/a@evil.example",
        "",
    };

    ck_assert(github_statuses_url_is_valid(api, "https://api.github.com/repos/o/r/statuses/a1"));
    ck_assert(github_statuses_url_is_valid("https://api.github.com",
                                           "https://api.github.com/repos/o/r/statuses/a1"));
    ck_assert(!github_statuses_url_is_valid("", "/repos/o/r/statuses/a1"));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(!github_statuses_url_is_valid(api, bad[i]), "%s", bad[i]);
}

TEST(exit_codes_become_states)
{
    static const struct {
        int code;
        const char *state;
    } cases[] = {{0, "success"}, {2, "success"}, {4, "failure"}, {6, "failure"}, {12, "failure"},
                 {8, "error"},   {14, "error"},  {16, "error"},  {20, "error"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        ck_assert_str_eq(github_state_of(cases[i].code), cases[i].state);
}

TEST(a_status_names_its_context)
{
    _cleanup_buf_ struct buf body = BUF_INIT(4096);
    const struct github_status status = {.state = "success",
                                         .release = "noble",
                                         .arch = "amd64",
                                         .testname = "smoke",
                                         .description = "it passed",
                                         .target_url = "http://x/"};

    ck_assert_int_eq(github_status_format(&status, &body), 0);
    ck_assert_str_eq(buf_str(&body),
                     "{\"context\":\"noble/amd64 smoke\",\"description\":\"it passed\","
                     "\"state\":\"success\",\"target_url\":\"http://x/\"}");
}

TEST(credentials_are_of_the_first_user)
{
    const char *path = test_path(test_dir(), "credentials.json");
    static const char text[] = "{\"Aladdin\": \"open sesame\"}"; // RFC 7617
    _cleanup_free_ char *credentials = NULL, *header = NULL;

    ck_assert_ptr_null(github_credentials(path));
    ck_assert_int_eq(file_replace(path, text, strlen(text), &FILE_ATTRIBUTES(0600), NULL, NULL), 0);
    credentials = github_credentials(path);
    ck_assert_str_eq(credentials, "Aladdin:open sesame");
    header = github_authorization(credentials);
    ck_assert_str_eq(header, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(limits_and_trouble_pass_and_refusals_do_not)
{
    static const long temporary[] = {408, 429, 500, 502, 503}, final[] = {301, 400, 401, 404, 422};

    for (size_t i = 0; i < ARRAY_SIZE(temporary); i++)
        ck_assert(github_answer_is_temporary(temporary[i], NULL, "4999"));
    for (size_t i = 0; i < ARRAY_SIZE(final); i++)
        ck_assert(!github_answer_is_temporary(final[i], "60", "0"));
    ck_assert(!github_answer_is_temporary(403, NULL, "4999")); // the token may not
    ck_assert(github_answer_is_temporary(403, "60", NULL));    // the secondary limit
    ck_assert(github_answer_is_temporary(403, NULL, "0"));     // the primary one
}

TEST(an_answer_says_how_long_to_wait)
{
    const uint64_t second = 1000000, now = 1700000000 * second;

    ck_assert_uint_eq(github_answer_wait_us("90", NULL, NULL, now), 90 * second);
    ck_assert_uint_eq(github_answer_wait_us("90", "0", "1700000999", now), 90 * second);
    ck_assert_uint_eq(github_answer_wait_us("999999", NULL, NULL, now), 3600 * second);
    ck_assert_uint_eq(github_answer_wait_us(NULL, "0", "1700000060", now), 61 * second);
    ck_assert_uint_eq(github_answer_wait_us(NULL, "0", "1700099999", now), 3600 * second);
    ck_assert_uint_eq(github_answer_wait_us(NULL, "0", "1699999999", now), 0); // over
    ck_assert_uint_eq(github_answer_wait_us(NULL, "7", "1700000060", now), 0);
    ck_assert_uint_eq(github_answer_wait_us("soon", NULL, NULL, now), 0);
    ck_assert_uint_eq(github_answer_wait_us(NULL, NULL, NULL, now), 0);
}

TEST(a_variable_is_found_among_the_others)
{
    _cleanup_free_ char *first = github_env_value("A=1,AB=2=3,B=", "AB");
    _cleanup_free_ char *last = github_env_value("A=1,AB=2", "AB");

    ck_assert_str_eq(first, "2=3");
    ck_assert_str_eq(last, "2");
    ck_assert_ptr_null(github_env_value("A=1,ABC=2", "AB"));
    ck_assert_ptr_null(github_env_value("", "AB"));
}

static bool is_of_one(const char *repository, const char *clone_url, const char *statuses_url)
{
    char *texts[] = {strdup(repository), strdup(clone_url), strdup(statuses_url)};
    struct github_pull pull = {
        .repository = texts[0], .clone_url = texts[1], .statuses_url = texts[2]};
    bool one = github_pull_is_of_one(&pull);

    github_pull_release(&pull);
    return one;
}

TEST(the_addresses_of_a_pull_request_are_of_its_repository)
{
    static const char api[] = "https://api.github.com/repos/o/r/statuses/a1";
    static const char git[] = "https://github.com/o/r.git";

    ck_assert(is_of_one("o/r", git, api));
    ck_assert(is_of_one("O/R", git, api));
    ck_assert(!is_of_one("o/other", git, api));
    ck_assert(!is_of_one("o/r", "https://github.com/o/other.git", api));
    ck_assert(!is_of_one("o/r", "https://github.com/oo/r.git", api));
    ck_assert(!is_of_one("o/r", "/o/r.git", "x"));
    ck_assert(!is_of_one("o/r", git, "https://api.github.com/repos/o/other/statuses/a1"));
    ck_assert(
        !is_of_one("o/r", git, "https://api.github.com/repos/e/x/statuses/repos/o/r/statuses/a1"));
    ck_assert(
        !is_of_one("r", "https://github.com/r.git", "https://api.github.com/repos/r/statuses/a1"));
}

TEST(a_secret_is_for_the_repositories_before_it)
{
    static const struct {
        const char *text, *secret, *repository;
        bool good;
    } rows[] = {
        {"secret", "secret", "any/one", true},
        {"o/r secret", "secret", "o/r", true},
        {"o/r secret", "secret", "O/R", true},
        {"o/r secret", "secret", "o/other", false},
        {"o/r secret", "secret", "", false},
        {"o/r,o/other  with blanks", "with blanks", "o/other", true},
        // what is none is part of the secret, as it was before there were any
        {"the shared secret", "the shared secret", "any/one", true},
        {"a/b/c secret", "a/b/c secret", "any/one", true},
        {"o/r,x secret", "o/r,x secret", "any/one", true},
        {"/r secret", "/r secret", "any/one", true},
        {"o/ secret", "o/ secret", "any/one", true},
        {"o/r", "o/r", "any/one", true},
    };
    struct github_secret none;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(github_secret_release) struct github_secret secret = {0};

        ck_assert_int_eq(github_secret_parse(rows[i].text, &secret), 0);
        ck_assert_str_eq(secret.secret, rows[i].secret);
        ck_assert_msg(github_secret_is_for(&secret, rows[i].repository) == rows[i].good, "%s: %s",
                      rows[i].text, rows[i].repository);
    }
    ck_assert_int_eq(github_secret_parse("", &none), -EINVAL);
    ck_assert_int_eq(github_secret_parse("o/r ", &none), -EINVAL);
}
