// SPDX-License-Identifier: GPL-3.0-only
#include "data/remote.h"

#include "test.h"

TEST(addresses_have_a_name_and_a_url)
{
    static const char *const cases[][3] = {
        {"10.0.0.1", "lxd-10.0.0.1", "https://10.0.0.1:8443"},
        {"10.0.0.1:9443", "lxd-10.0.0.1-9443", "https://10.0.0.1:9443"},
        {"10.0.0.1:8443", "lxd-10.0.0.1", "https://10.0.0.1:8443"},
        {"[fd00::1]:8443", "lxd-fd00--1", "https://[fd00::1]:8443"},
        {"fd00::1:8443", "lxd-fd00--1-8443", "https://[fd00::1:8443]:8443"},
        {"lxd.example", "lxd-lxd.example", "https://lxd.example:8443"},
        {"LXD:1", "lxd-LXD-1", "https://LXD:1"},
        {"fd00::1", "lxd-fd00--1", "https://[fd00::1]:8443"},
        {"[fd00::1]", "lxd-fd00--1", "https://[fd00::1]:8443"},
        {"[fd00::1]:9443", "lxd-fd00--1-9443", "https://[fd00::1]:9443"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *name = remote_name(cases[i][0]), *url = remote_url(cases[i][0]);

        ck_assert_msg(remote_is_address(cases[i][0]), "%s", cases[i][0]);
        ck_assert_str_eq(name, cases[i][1]);
        ck_assert_str_eq(url, cases[i][2]);
    }
}

TEST(hosts_are_without_port_and_brackets)
{
    static const char *const cases[][2] = {{"10.0.0.1", "10.0.0.1"},
                                           {"lxd.example:8443", "lxd.example"},
                                           {"fd00::1", "fd00::1"},
                                           {"[fd00::1]", "fd00::1"},
                                           {"[fd00::1]:9443", "fd00::1"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *host = remote_host(cases[i][0]);

        ck_assert_str_eq(host, cases[i][1]);
    }
}

TEST(what_is_no_address_is_refused)
{
    static const char *const cases[] = {"",           "-oProxy=x",   ".",          "a b",
                                        "a/b",        "10.0.0.1:",   "a:0",        "a:65536",
                                        "a:8443:1",   "[fd00::1",    "[10.0.0.1]", "[fd00::1]8443",
                                        "[fd00::1]:", "https://a:1", "a_b",        "fd00::1%eth0"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        ck_assert_msg(!remote_is_address(cases[i]), "%s", cases[i]);
}
