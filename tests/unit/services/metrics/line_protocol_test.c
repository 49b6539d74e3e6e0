// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/line_protocol.h"

#include "test.h"

static char *lines_of(const char *text, const char *unit, const char *context)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct buf lines = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(line_protocol_add(text, unit, context, 1700000000, &lines, &err), &err);
    return buf_take(&lines);
}

TEST(samples_become_lines)
{
    _cleanup_free_ char *lines =
        lines_of("# HELP autopkgtest_broker_up Whether.\n# TYPE autopkgtest_broker_up gauge\n"
                 "autopkgtest_broker_up 1\n\n"
                 "autopkgtest_queue_requests{context=\"ppa\",release=\"noble\",arch=\"amd64\"} 17\n"
                 "autopkgtest_queue_look_seconds 0.001234\n",
                 "web/0", "production");

    ck_assert_str_eq(
        lines, "autopkgtest_broker_up,unit=web/0,context=production value=1 1700000000\n"
               "autopkgtest_queue_requests,unit=web/0,context=production,queue=ppa,release=noble,"
               "arch=amd64 value=17 1700000000\n"
               "autopkgtest_queue_look_seconds,unit=web/0,context=production value=0.001234 "
               "1700000000\n");
}

TEST(what_would_break_a_line_is_escaped_and_nothing_has_no_tag)
{
    _cleanup_free_ char *lines = lines_of("a{b=\"c, d=e\",f=\"\"} 1", "", "my site, a=b");

    ck_assert_str_eq(lines, "a,context=my\\ site\\,\\ a\\=b,b=c\\,\\ d\\=e value=1 1700000000\n");
}

TEST(what_is_no_sample_is_refused)
{
    static const char *const bad[] = {"a",           "a NaN",       "a{b=\"c\"",
                                      "a{b=c} 1",    "a{b=\"c} 1",  "a{b=\"\\\"\"} 1",
                                      "{b=\"c\"} 1", "a{=\"c\"} 1", "a 1 x"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_buf_ struct buf lines = BUF_INIT(BUF_OWN_MAX);

        ck_assert_msg(line_protocol_add(bad[i], "u", "", 1, &lines, NULL) == -EBADMSG, "%s",
                      bad[i]);
    }
}
