// SPDX-License-Identifier: GPL-3.0-only
#include "web/session.h"

#include "test.h"

static const struct session_key key = {.bytes = "0123456789abcdef0123456789abcdef"};

static struct session session_of(const char *user, const char *teams)
{
    _cleanup_strv_ struct strv list = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct session s;

    ck_assert_int_eq(strv_split(&list, teams, " "), 0);
    ASSERT_OK(session_new(user, &list, 1000, &s, &err), &err);
    return s;
}

TEST(a_session_is_read_as_it_was_written_until_it_expires)
{
    _cleanup_(session_release) struct session s = session_of("alice", "testers b-team");
    _cleanup_(session_release) struct session got = {0};
    _cleanup_free_ char *cookie = session_write(&key, &s);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(session_read(&key, cookie, 1000 + SESSION_SECONDS - 1, &got, &err), &err);
    ck_assert_str_eq(got.user, "alice");
    ck_assert_str_eq(got.id, s.id);
    ck_assert_uint_eq(got.teams.len, 2);
    ck_assert_str_eq(got.teams.items[1], "b-team");
    session_release(&got);
    ASSERT_FAILS(session_read(&key, cookie, 1000 + SESSION_SECONDS, &got, &err), -ESTALE, &err,
                 "the session has expired");
}

TEST(a_session_of_another_key_or_purpose_is_none)
{
    _cleanup_(session_release) struct session s = session_of("alice", ""), got = {0};
    _cleanup_free_ char *cookie = session_write(&key, &s), *text = NULL, *other = NULL;
    const struct session_key another = {.bytes = "another"};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(session_read(&another, cookie, 1000, &got, &err), -EBADMSG, &err,
                 "it is not signed by this service");
    ASSERT_OK(session_unsign(&key, "session", cookie, &text, &err), &err);
    other = session_sign(&key, "login", text);
    ASSERT_FAILS(session_read(&key, other, 1000, &got, &err), -EBADMSG, &err,
                 "it is not signed by this service");
    ASSERT_FAILS(session_read(&key, "alice", 1000, &got, &err), -EBADMSG, &err, "it is not signed");
}

TEST(a_signed_text_that_is_no_session_is_refused)
{
    static const char *const texts[] = {
        "",
        "1",
        "1:9999:0123456789abcdef0123456789abcdef:alice",
        "2:9999:0123456789abcdef0123456789abcdef:alice:",
        "1:soon:0123456789abcdef0123456789abcdef:alice:",
        "1:9999:short:alice:",
        "1:9999:0123456789abcdef0123456789abcdef:alice::more",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_free_ char *cookie = session_sign(&key, "session", texts[i]);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct session got;

        ASSERT_FAILS(session_read(&key, cookie, 1, &got, &err), -EBADMSG, &err, "it is no session");
    }
}

TEST(names_that_would_break_out_of_the_cookie_are_refused)
{
    static const char *const names[] = {"", "a:b", "a/b", "a;b", "a b", "-a", ".a", "ä", "a\n"};
    const struct strv none = STRV_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct session s;

        ck_assert(!session_name_is_valid(names[i]));
        ck_assert_int_eq(session_new(names[i], &none, 0, &s, NULL), -EINVAL);
    }
    ck_assert(session_name_is_valid("0ad-dev.team+x_y"));
}

TEST(a_signature_is_compared_whole)
{
    _cleanup_free_ char *signed_text = session_sign(&key, "p", "a:b");
    _cleanup_free_ char *more = str_format("%s0", signed_text);
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t len = strlen(signed_text);

    ASSERT_OK(session_unsign(&key, "p", signed_text, &text, &err), &err);
    ck_assert_str_eq(text, "a:b");
    ck_assert_int_eq(session_unsign(&key, "p", more, &text, NULL), -EBADMSG);
    for (size_t i = 0; i < len; i++) { // each character of the text and of its signature counts
        char was = signed_text[i];

        signed_text[i] = was == '0' ? '1' : '0';
        ck_assert_int_eq(session_unsign(&key, "p", signed_text, &text, NULL), -EBADMSG);
        signed_text[i] = was;
    }
    signed_text[len - 1] = '\0';
    ck_assert_int_eq(session_unsign(&key, "p", signed_text, &text, NULL), -EBADMSG);
    ck_assert_int_eq(session_unsign(&key, "p", "a:b:", &text, NULL), -EBADMSG);
}

TEST(names_have_a_longest_and_those_of_teams_are_looked_at_too)
{
    _cleanup_free_ char *longest = str_format("%0*d", SESSION_NAME_MAX, 0);
    _cleanup_free_ char *longer = str_format("%0*d", SESSION_NAME_MAX + 1, 0);
    _cleanup_strv_ struct strv teams = STRV_INIT;
    struct session s;

    ck_assert(session_name_is_valid(longest));
    ck_assert(!session_name_is_valid(longer));
    ck_assert_int_eq(strv_split(&teams, "good b/d", " "), 0);
    ck_assert_int_eq(session_new("alice", &teams, 0, &s, NULL), -EINVAL);
}

TEST(random_numbers_have_the_length_that_was_asked_for)
{
    char text[2 * 64 + 1];

    ck_assert_int_eq(session_random(64, text, NULL), 0);
    ck_assert_uint_eq(strlen(text), 128);
    ck_assert_int_lt(session_random(65, text, NULL), 0);
}

TEST(the_token_of_a_form_is_of_one_session)
{
    _cleanup_(session_release) struct session a = session_of("alice", ""),
                                              b = session_of("alice", "");
    _cleanup_free_ char *token = session_form_token(&key, &a, SESSION_FORM_REQUESTS);

    ck_assert(session_form_token_is(&key, &a, SESSION_FORM_REQUESTS, token));
    ck_assert(!session_form_token_is(&key, &b, SESSION_FORM_REQUESTS, token));
    ck_assert(!session_form_token_is(&key, &a, SESSION_FORM_REQUESTS, ""));
    ck_assert(!session_form_token_is(&key, &a, SESSION_FORM_LOGOUT, token));
    ck_assert_str_ne(a.id, b.id);
}

TEST(a_key_follows_from_a_secret_or_is_random)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct session_key a, b;

    ck_assert_int_eq(session_key_derive("secret", &a), 0);
    ck_assert_int_eq(session_key_derive("secret", &b), 0);
    ck_assert_mem_eq(a.bytes, b.bytes, SESSION_KEY_BYTES);
    ck_assert_int_eq(session_key_derive("secret2", &b), 0);
    ck_assert_mem_ne(a.bytes, b.bytes, SESSION_KEY_BYTES);
    ck_assert_int_eq(session_key_derive("secret3", &a), 0); // each byte of it counts
    ck_assert_mem_ne(a.bytes, b.bytes, SESSION_KEY_BYTES);
    ASSERT_OK(session_key_make(&a, &err), &err);
    ASSERT_OK(session_key_make(&b, &err), &err);
    ck_assert_mem_ne(a.bytes, b.bytes, SESSION_KEY_BYTES);
}
