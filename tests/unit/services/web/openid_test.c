// SPDX-License-Identifier: GPL-3.0-only
#include "web/openid.h"

#include "test.h"

#define NOW INT64_C(1700000000) // 2023-11-14T22:13:20Z
#define SIGNED                                                                                     \
    "op_endpoint,return_to,response_nonce,assoc_handle,claimed_id,identity,ns.s,s.nickname,ns.t,"  \
    "t.is_member"

static char *const asked[] = {(char[]){"testers"}, (char[]){"admins"}, NULL};
static const struct strv teams = {.items = (char **)asked, .len = 2};
static const struct openid_party party = {.endpoint = "https://login.example/+openid",
                                          .return_to = "https://tests.example/login/return?state=1",
                                          .realm = "https://tests.example/",
                                          .teams = &teams};

// An assertion as a provider sends it; `change` is "NAME=VALUE" (an empty value: without it; of a
// name that is not there: with it as well).
static int read_changed(const char *change, struct openid_answer *ret, struct error *err)
{
    static const char *const fields[][2] = {
        {"state", "1"},
        {"openid.ns", "http://specs.openid.net/auth/2.0"},
        {"openid.mode", "id_res"},
        {"openid.op_endpoint", "https://login.example/+openid"},
        {"openid.return_to", "https://tests.example/login/return?state=1"},
        {"openid.response_nonce", "2023-11-14T22:13:20Zabc"},
        {"openid.assoc_handle", "handle"},
        {"openid.claimed_id", "https://login.example/+id/x"},
        {"openid.identity", "https://login.example/+id/x"},
        {"openid.ns.s", "http://openid.net/extensions/sreg/1.1"},
        {"openid.s.nickname", "alice"},
        {"openid.ns.t", "http://ns.launchpad.net/2007/openid-teams"},
        {"openid.t.is_member", "testers,strangers"},
        {"openid.signed", SIGNED},
        {"openid.sig", "c2ln"},
    };
    _cleanup_params_ struct params query = {0};
    const char *equals = strchr(change, '=');
    size_t len = equals ? (size_t)(equals - change) : 0;
    _cleanup_free_ char *name = strndup(change, len);
    bool found = false;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        bool other = strcmp(fields[i][0], name) == 0;

        found = found || other;
        if (!other || equals[1])
            ck_assert_int_eq(params_add(&query, fields[i][0], other ? equals + 1 : fields[i][1]),
                             0);
    }
    if (len > 0 && !found)
        ck_assert_int_eq(params_add(&query, name, equals + 1), 0);
    return openid_read_answer(&query, &party, NOW, ret, err);
}

TEST(an_assertion_tells_the_nickname_and_the_teams_that_were_asked_for)
{
    _cleanup_(openid_answer_release) struct openid_answer a = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(read_changed("", &a, &err), &err);
    ck_assert_str_eq(a.nickname, "alice");
    ck_assert_str_eq(a.nonce, "2023-11-14T22:13:20Zabc");
    ck_assert_uint_eq(a.teams.len, 1);
    ck_assert_str_eq(a.teams.items[0], "testers");
}

TEST(teams_that_are_not_signed_are_none)
{
    _cleanup_(openid_answer_release) struct openid_answer a = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(read_changed("openid.signed=op_endpoint,return_to,response_nonce,assoc_handle,"
                           "claimed_id,identity,ns.s,s.nickname,t.is_member",
                           &a, &err),
              &err);
    ck_assert_uint_eq(a.teams.len, 0);
}

TEST(an_assertion_that_is_off_in_one_place_is_refused)
{
#define ANSWER "the login provider's answer: "
    static const char *const changes[][2] = {
        {"openid.mode=", ANSWER "it has no openid.mode"},
        {"openid.mode=setup_needed", ANSWER "it is no assertion"},
        {"openid.ns=http://openid.net/signon/1.1", ANSWER "it is not of OpenID 2.0"},
        {"openid.ns=", ANSWER "it is not of OpenID 2.0"},
        {"openid.sig=", ANSWER "it is not signed"},
        {"openid.signed=", ANSWER "it is not signed"},
        {"openid.signed=op_endpoint", ANSWER "return_to is not signed"},
        {"openid.signed=op_endpoint,return_to,response_nonce,assoc_handle,identity",
         ANSWER "the identity is not signed"},
        {"openid.op_endpoint=https://evil.example/", ANSWER "it is from another provider"},
        {"openid.return_to=https://evil.example/", ANSWER "it is for another place"},
        {"openid.response_nonce=now", ANSWER "openid.response_nonce does not begin with a date"},
        {"openid.response_nonce=2023-11-14T22:08:19Zabc",
         ANSWER "it was made more than five minutes ago, or the clocks differ"},
        {"openid.response_nonce=2023-11-14T22:18:21Zabc",
         ANSWER "it was made more than five minutes ago, or the clocks differ"},
        {"openid.ns.s=http://other.example/",
         ANSWER "it does not tell your nickname; allow the provider to share it"},
        {"openid.s.fullname=x\ns.nickname:root", ANSWER "a field could be read as another one"},
        {"openid.s.nickname:root=x", ANSWER "a field could be read as another one"},
        {"openid.s.x\n=x", ANSWER "a field could be read as another one"},
        {"openid.sig=c2ln\r", ANSWER "a field could be read as another one"},
        {"openid.s.nickname=",
         ANSWER "it does not tell your nickname; allow the provider to share it"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        struct openid_answer a;
        _cleanup_error_ struct error err = ERROR_INIT;

        ASSERT_FAILS(read_changed(changes[i][0], &a, &err), -EBADMSG, &err, changes[i][1]);
    }
}

TEST(a_cancelled_login_is_told_apart_from_a_bad_one)
{
    struct openid_answer a;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(read_changed("openid.mode=cancel", &a, &err), -ECANCELED, &err,
                 "the login was cancelled");
}

TEST(a_login_is_asked_for_at_the_endpoint_with_all_that_the_provider_needs)
{
    _cleanup_free_ char *url = openid_request_url(&party);
    const struct strv none = STRV_INIT;
    struct openid_party other = {
        .endpoint = "https://x/?a=b", .return_to = "r", .realm = "m", .teams = &none};
    _cleanup_free_ char *short_url = openid_request_url(&other);

    ck_assert(str_starts_with(url, "https://login.example/+openid?openid.ns=http%3A%2F%2F"));
    ck_assert_ptr_nonnull(strstr(url, "&openid.lp.query_membership=testers%2Cadmins"));
    ck_assert_ptr_nonnull(
        strstr(url, "&openid.return_to=https%3A%2F%2Ftests.example%2Flogin%2Freturn%3Fstate%3D1&"));
    ck_assert(str_starts_with(short_url, "https://x/?a=b&openid.ns="));
    ck_assert_ptr_null(strstr(short_url, "lp"));
}

TEST(the_provider_is_asked_with_the_fields_as_they_came)
{
    _cleanup_params_ struct params query = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(4096);

    ck_assert_int_eq(params_add(&query, "state", "1"), 0);
    ck_assert_int_eq(params_add(&query, "openid.mode", "id_res"), 0);
    ck_assert_int_eq(params_add(&query, "openid.x", "a b&=é"), 0);
    ck_assert_int_eq(openid_check_body(&query, &body), 0);
    ck_assert_str_eq(buf_str(&body), "openid.mode=check_authentication&openid.x=a%20b%26%3D%C3%A9");
}

TEST(only_the_word_of_the_provider_makes_it_true)
{
    ck_assert(openid_reply_is_valid("ns:http://specs.openid.net/auth/2.0\nis_valid:true\n"));
    ck_assert(openid_reply_is_valid("is_valid:true"));
    ck_assert(!openid_reply_is_valid("is_valid:false\n"));
    ck_assert(!openid_reply_is_valid("is_valid:true\nis_valid:false\n"));
    ck_assert(!openid_reply_is_valid("is_valid:true or so\n"));
    ck_assert(!openid_reply_is_valid("xis_valid:true\n"));
    ck_assert(!openid_reply_is_valid("<html>is_valid:true</html>"));
    ck_assert(!openid_reply_is_valid(""));
}
