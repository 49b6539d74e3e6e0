// SPDX-License-Identifier: GPL-3.0-only
#include "web/client.h"

#include "test.h"

#include <arpa/inet.h>

static bool near(const char *text, bool *ret_own)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        return client_is_near((const struct sockaddr *)&four, ret_own);
    ck_assert_int_eq(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return client_is_near((const struct sockaddr *)&six, ret_own);
}

TEST(private_networks_are_near_and_others_are_not)
{
    static const char *const inside[] = {"10.1.2.3",    "172.16.0.1",        "172.31.255.255",
                                         "192.168.7.1", "::ffff:10.0.0.1",   "fd00::1",
                                         "fe80::1",     "::ffff:192.168.0.1"};
    static const char *const outside[] = {"8.8.8.8",        "172.15.0.1",  "172.32.0.1",
                                          "192.167.1.1",    "11.0.0.1",    "2001:db8::1",
                                          "::ffff:8.8.8.8", "192.169.0.1", "::"};
    bool own = false;

    for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
        ck_assert_msg(near(inside[i], &own), "%s", inside[i]);
        ck_assert_msg(!own, "%s", inside[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
        ck_assert_msg(!near(outside[i], &own) && !own, "%s", outside[i]);
    ck_assert(near("127.0.0.1", &own) && own);
    ck_assert(near("::1", &own) && own);
    ck_assert(near("::ffff:127.9.9.9", NULL));
}

TEST(whoever_has_a_network_is_one_client)
{
    static const char *const pairs[][2] = {
        {"198.51.100.7", "198.51.100.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2::", "2001:db8:1:2::/64"},
        {"::ffff:198.51.100.7", "::ffff:198.51.100.7"},
        {"unknown", "unknown"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        _cleanup_free_ char *network = client_network_of(pairs[i][0]);

        ck_assert_str_eq(network, pairs[i][1]);
    }
}

TEST(the_last_address_of_a_proxys_header_counts)
{
    static const char *const pairs[][2] = {
        {"198.51.100.7", "198.51.100.7"},
        {"127.0.0.1, 198.51.100.7 ", "198.51.100.7"},
        {"a,\tb", "b"},
        {"a,", ""},
        {"a, ", ""},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        _cleanup_free_ char *last = client_last_address(pairs[i][0]);

        ck_assert_str_eq(last, pairs[i][1]);
    }
}
