// SPDX-License-Identifier: GPL-3.0-only
// Many downloads at once, the list of containers, and reading as anybody.
#include "net/swift_internal.h"
#include "server.h"

#define SERVER "tests/unit/lib/net/fake_store.py"
#define OBJECTS 20

struct fixture {
    struct server server;
    struct swift *swift;
    struct error err;
};

static void fixture_stop(struct fixture *f)
{
    swift_free(f->swift);
    error_clear(&f->err);
    server_stop(&f->server);
}

// Tokens are good for `life` requests; "" for any number.
static void fixture_start(struct fixture *f, const char *life)
{
    struct swift_settings settings = {0};

    (void)unsetenv("http_proxy");
    f->server = server_start(SERVER, life);
    settings.auth_url = str_format("http://127.0.0.1:%u/auth/v1.0", f->server.port);
    settings.username = strdup("u");
    settings.password = strdup("secret");
    ASSERT_OK(swift_new(&settings, &f->swift, &f->err), &f->err);
    swift_settings_release(&settings);
}

#define FIXTURE(f, life)                                                                           \
    _cleanup_(fixture_stop) struct fixture f = {0};                                                \
    fixture_start(&f, life)

static void fill(struct fixture *f, struct strv *ret_names)
{
    ASSERT_OK(swift_ensure_container(f->swift, "c", NULL, &f->err), &f->err);
    for (int i = 0; i < OBJECTS; i++) {
        _cleanup_free_ char *name = str_format("o %d", i), *text = str_format("text %d", i);

        ASSERT_OK(swift_put(f->swift, "c", name, text, strlen(text), NULL, &f->err), &f->err);
        ck_assert_int_eq(strv_add(ret_names, name), 0);
    }
}

struct seen {
    size_t n[OBJECTS + 1];
    int r[OBJECTS + 1];
    size_t end_after, total;
};

static int note(const struct swift_got *got, void *userdata)
{
    struct seen *seen = userdata;
    _cleanup_free_ char *text = str_format("text %zu", got->place);

    ck_assert_uint_le(got->place, OBJECTS);
    seen->n[got->place]++;
    seen->r[got->place] = got->r;
    if (got->r == 0)
        ck_assert_str_eq(buf_str(got->content), text);
    else
        ck_assert_str_ne(error_message(got->why), "unknown error");
    return ++seen->total == seen->end_after ? -ECANCELED : 0;
}

TEST(each_object_comes_once)
{
    FIXTURE(f, "");
    _cleanup_strv_ struct strv names = STRV_INIT, none = STRV_INIT;
    struct seen seen = {0};

    fill(&f, &names);
    ck_assert_int_eq(strv_add(&names, "absent"), 0);
    ASSERT_OK(swift_get_many(f.swift, "c", &names, 4, 4096, note, &seen, &f.err), &f.err);
    for (size_t i = 0; i <= OBJECTS; i++) {
        ck_assert_uint_eq(seen.n[i], 1);
        ck_assert_int_eq(seen.r[i], i < OBJECTS ? 0 : -ENOENT);
    }
    ASSERT_OK(swift_get_many(f.swift, "c", &none, 4, 4096, note, &seen, &f.err), &f.err);
    ck_assert_uint_eq(seen.total, OBJECTS + 1);
}

TEST(tokens_that_expire_in_between_are_renewed)
{
    FIXTURE(f, "3");
    _cleanup_strv_ struct strv names = STRV_INIT;
    struct seen seen = {0};

    fill(&f, &names);
    ASSERT_OK(swift_get_many(f.swift, "c", &names, 4, 4096, note, &seen, &f.err), &f.err);
    for (size_t i = 0; i < OBJECTS; i++) {
        ck_assert_uint_eq(seen.n[i], 1);
        ck_assert_int_eq(seen.r[i], 0);
    }
}

TEST(who_takes_them_can_end_it_and_begin_again)
{
    FIXTURE(f, "");
    _cleanup_strv_ struct strv names = STRV_INIT;
    struct seen seen = {.end_after = 3};

    fill(&f, &names);
    ck_assert_int_eq(swift_get_many(f.swift, "c", &names, 4, 4096, note, &seen, &f.err),
                     -ECANCELED);
    ck_assert_uint_eq(seen.total, 3);
    ASSERT_OK(swift_get_many(f.swift, "c", &names, 4, 4096, note, &seen, &f.err), &f.err);
}

TEST(what_is_refused_or_too_large_is_told)
{
    FIXTURE(f, "");
    _cleanup_strv_ struct strv names = STRV_INIT, one = STRV_INIT;
    struct seen seen = {0};

    fill(&f, &names);
    ck_assert_int_eq(strv_add(&one, "o 0"), 0);
    ASSERT_OK(swift_get_many(f.swift, "closed", &one, 2, 4096, note, &seen, &f.err), &f.err);
    ck_assert_int_eq(seen.r[0], -EACCES);
    ASSERT_OK(swift_get_many(f.swift, "down", &one, 2, 4096, note, &seen, &f.err), &f.err);
    ck_assert_int_eq(seen.r[0], -EAGAIN);
}

TEST(containers_are_listed_to_the_end)
{
    FIXTURE(f, "");
    _cleanup_strv_ struct strv names = STRV_INIT;

    for (int i = 0; i < 5; i++) {
        _cleanup_free_ char *name = str_format("x%d", i);

        ASSERT_OK(swift_ensure_container(f.swift, name, NULL, &f.err), &f.err);
    }
    ASSERT_OK(swift_ensure_container(f.swift, "y", NULL, &f.err), &f.err);
    ASSERT_OK(swift_list_containers(f.swift, "x", &names, &f.err), &f.err);
    ck_assert_uint_eq(names.len, 5);
    ck_assert_str_eq(names.items[4], "x4");
}

TEST(without_credentials_no_token_is_asked_for)
{
    FIXTURE(f, "");
    _cleanup_free_ char *url = str_format("http://127.0.0.1:%u/v1", f.server.port);
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(100);

    swift_free(TAKE_PTR(f.swift));
    ASSERT_OK(swift_new_anonymous(url, &f.swift, &f.err), &f.err);
    ASSERT_FAILS(swift_get(f.swift, "c", "o", &b, &f.err), -EACCES, &f.err,
                 "store: GET c/o: access is refused (HTTP status 401)");
    ck_assert_int_eq(swift_list_containers(f.swift, "", &names, &f.err), -EACCES);
}
