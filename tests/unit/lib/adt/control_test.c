// SPDX-License-Identifier: GPL-3.0-only
#include "adt/control.h"
#include "test.h"

TEST(an_order_is_read_as_it_was_written)
{
    struct control_kill kill = {.uuid = (char[]){"u-1"}, .requeue = true}, got = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(1000);

    ASSERT_OK(control_kill_format(&kill, &body, &err), &err);
    ck_assert_str_eq(buf_str(&body), "{\"command\":\"kill\",\"requeue\":true,\"uuid\":\"u-1\"}");
    ASSERT_OK(control_kill_parse(buf_str(&body), body.len, &got, &err), &err);
    ck_assert_str_eq(got.uuid, "u-1");
    ck_assert(got.requeue);
    control_kill_release(&got);
}

TEST(an_order_need_not_say_requeue)
{
    const char *text = "{\"command\":\"kill\",\"uuid\":\"u\",\"more\":[1]}";
    _cleanup_error_ struct error err = ERROR_INIT;
    struct control_kill got = {0};

    ASSERT_OK(control_kill_parse(text, strlen(text), &got, &err), &err);
    ck_assert(!got.requeue);
    control_kill_release(&got);
}

TEST(an_order_may_be_of_one_requester)
{
    struct control_kill kill = {.uuid = (char[]){"u"}, .requester = (char[]){"alice"}}, got = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(1000);

    ASSERT_OK(control_kill_format(&kill, &body, &err), &err);
    ASSERT_OK(control_kill_parse(buf_str(&body), body.len, &got, &err), &err);
    ck_assert_str_eq(got.requester, "alice");
    control_kill_release(&got);
}

TEST(malformed_orders_are_refused)
{
    static const struct {
        const char *text;
        int r;
        const char *says;
    } cases[] = {
        {"", -EBADMSG, "order"},
        {"[]", -EBADMSG, "expected an object"},
        {"{}", -EBADMSG, "command"},
        {"{\"command\":\"dance\"}", -EOPNOTSUPP, "dance"},
        {"{\"command\":\"kill\"}", -EBADMSG, "uuid"},
        {"{\"command\":\"kill\",\"uuid\":\"\"}", -EBADMSG, "uuid: is empty"},
        {"{\"command\":\"kill\",\"uuid\":1}", -EBADMSG, "expected a string"},
        {"{\"command\":\"kill\",\"uuid\":\"u\",\"requeue\":1}", -EBADMSG, "requeue"},
        {"{\"command\":\"kill\",\"uuid\":\"u\",\"requester\":1}", -EBADMSG, "requester"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct control_kill got = {0};

        ck_assert_int_eq(control_kill_parse(cases[i].text, strlen(cases[i].text), &got, &err),
                         cases[i].r);
        ck_assert(strstr(error_message(&err), cases[i].says));
        ck_assert_ptr_null(got.uuid);
    }
}

TEST(an_answer_is_read_as_it_was_written)
{
    for (int i = CONTROL_ENDING; i <= CONTROL_FINISHED; i++) {
        struct control_answer answer = {.worker = (char[]){"a/0/w"},
                                        .uuid = (char[]){"u"},
                                        .package = (char[]){"gzip"},
                                        .outcome = (enum control_outcome)i},
                              got = {0};
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_buf_ struct buf body = BUF_INIT(1000);

        ASSERT_OK(control_answer_format(&answer, &body, &err), &err);
        ASSERT_OK(control_answer_parse(buf_str(&body), body.len, &got, &err), &err);
        ck_assert(got.outcome == answer.outcome && str_equal(got.worker, "a/0/w") &&
                  str_equal(got.uuid, "u") && str_equal(got.package, "gzip"));
        control_answer_release(&got);
    }
}

TEST(malformed_answers_are_refused)
{
    static const char *const texts[] = {
        "", "7", "{}", "{\"worker\":\"w\",\"uuid\":\"u\",\"package\":\"p\",\"outcome\":\"gone\"}",
        "{\"worker\":\"w\",\"uuid\":\"u\",\"outcome\":\"killed\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct control_answer got = {0};

        ck_assert_int_eq(control_answer_parse(texts[i], strlen(texts[i]), &got, &err), -EBADMSG);
        ck_assert_ptr_null(got.worker);
    }
}
