// SPDX-License-Identifier: GPL-3.0-only
#include "web/accept.h"

#include "test.h"

static enum accepted choose(const char *list)
{
    struct accept_types types = ACCEPT_TYPES_INIT;

    accept_types_read(&types, list);
    return accept_types_choose(&types);
}

static void all_are(enum accepted expected, const char *const *lists, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(choose(lists[i]) == expected, "%s", lists[i]);
}

TEST(browsers_and_those_who_prefer_html_get_it)
{
    static const char *const lists[] = {
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        "application/json, text/html",
        "application/json;q=0.9, text/html;q=0.9",
        "TEXT/HTML; charset=utf-8",
        "text/html;level=1;q=0.4, application/json;q=0.3",
        "application/json;q=0.1, */*",
        "application/json;q=0, text/html;q=0.001",
        "text/*, */*;q=0.1",
        "text/*",
    };

    all_are(ACCEPTS_HTML, lists, ARRAY_SIZE(lists));
}

TEST(those_who_prefer_json_get_it)
{
    static const char *const lists[] = {
        "application/json",
        "application/json, text/plain, */*",
        "text/html;q=0.5, application/json",
        "text/html;q=0.5, application/json ; Q=0.6",
        "text/html;q=0, application/json;q=0.1",
        "application/json;version=1;q=0.3, text/html;q=0.2",
        "text/html;q=0, */*",
        "text/*;q=0.2, application/*;q=0.3",
        "*/*;q=0.1, application/json",
    };

    all_are(ACCEPTS_JSON, lists, ARRAY_SIZE(lists));
}

TEST(others_say_nothing_of_it)
{
    static const char *const lists[] = {
        "",
        "*/*",
        "image/png",
        "*/*;q=0.5",
        "text/html;q=0",
        "text/html;q=x",
        "text/htm",
        "application/jsonx",
        "xtext/html",
        ",,;q=1, ;",
        "application/xml",
    };

    all_are(ACCEPTS_EITHER, lists, ARRAY_SIZE(lists));
}

TEST(several_headers_are_one_list_of_types)
{
    struct accept_types types = ACCEPT_TYPES_INIT;

    accept_types_read(&types, "text/html;q=0.5");
    accept_types_read(&types, "application/json");
    ck_assert_int_eq(accept_types_choose(&types), ACCEPTS_JSON);
}
