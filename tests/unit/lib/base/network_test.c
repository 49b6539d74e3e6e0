// SPDX-License-Identifier: GPL-3.0-only
#include "base/network.h"

#include "test.h"

#include <arpa/inet.h>

static bool has(const char *network, const char *address)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct network n;

    ck_assert_int_eq(network_parse(network, &n), 0);
    if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
        return network_has(&n, (const struct sockaddr *)&four);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
    return network_has(&n, (const struct sockaddr *)&six);
}

TEST(a_network_has_its_addresses_and_no_others)
{
    static const char *const inside[][2] = {
        {"10.0.0.7", "10.0.0.7"},          {"10.0.0.7", "::ffff:10.0.0.7"},
        {"10.0.0.0/8", "10.255.255.255"},  {"10.9.8.7/8", "10.1.1.1"},
        {"192.0.2.128/25", "192.0.2.200"}, {"192.0.2.4/31", "192.0.2.5"},
        {"0.0.0.0/0", "198.51.100.1"},     {"fd00::/8", "fdff::1"},
        {"2001:db8::1", "2001:db8::1"},    {"2001:db8:0:8000::/49", "2001:db8:0:ffff::1"},
        {"::/0", "2001:db8::1"},           {"::/0", "198.51.100.1"},
    };
    static const char *const outside[][2] = {
        {"10.0.0.7", "10.0.0.8"},
        {"10.0.0.7", "2001:db8::1"},
        {"10.0.0.0/8", "11.0.0.0"},
        {"192.0.2.128/25", "192.0.2.127"},
        {"192.0.2.4/31", "192.0.2.6"},
        {"0.0.0.0/0", "2001:db8::1"},
        {"fd00::/8", "fe00::1"},
        {"2001:db8::1", "2001:db8::2"},
        {"2001:db8:0:8000::/49", "2001:db8:0:7fff::1"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
        ck_assert_msg(has(inside[i][0], inside[i][1]), "%s %s", inside[i][0], inside[i][1]);
    for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
        ck_assert_msg(!has(outside[i][0], outside[i][1]), "%s %s", outside[i][0], outside[i][1]);
}

TEST(what_is_no_network_is_refused)
{
    static const char *const texts[] = {"",
                                        "/8",
                                        "10.0.0",
                                        "10.0.0.0/33",
                                        "10.0.0.0/",
                                        "10.0.0.0/x",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8/8",
                                        "fd00::/129",
                                        "host",
                                        "10.0.0.1 ",
                                        " 10.0.0.1",
                                        "fe80::1%eth0",
                                        "0000:0000:0000:0000:0000:0000:0000:00000001"};
    struct networks networks = {0};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        ck_assert_msg(networks_add(&networks, texts[i]) == -EINVAL, "%s", texts[i]);
    ck_assert_uint_eq(networks.len, 0);
}

TEST(several_networks_are_looked_through)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct networks networks = {0};
    const struct sockaddr other = {.sa_family = AF_UNIX};

    ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.7", &address.sin_addr), 1);
    ck_assert(!networks_have(&networks, (const struct sockaddr *)&address));
    ck_assert_int_eq(networks_add(&networks, "fd00::/8"), 0);
    ck_assert(!networks_have(&networks, (const struct sockaddr *)&address));
    ck_assert_int_eq(networks_add(&networks, "10.0.0.0/24"), 0);
    ck_assert(networks_have(&networks, (const struct sockaddr *)&address));
    ck_assert_int_eq(networks_add(&networks, "::/0"), 0);
    ck_assert(!networks_have(&networks, &other));
    networks_release(&networks);
    ck_assert_uint_eq(networks.len, 0);
}

TEST(all_addresses_are_told_from_many)
{
    static const char *const all[] = {"0.0.0.0/0", "::/0", "::/1", "10.1.2.3/0"};
    static const char *const many[] = {"0.0.0.0/1", "2000::/3", "::1", "10.0.0.0/8"};
    struct network network;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        ck_assert_int_eq(network_parse(all[i], &network), 0);
        ck_assert_msg(network_is_all(&network), "%s", all[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        ck_assert_int_eq(network_parse(many[i], &network), 0);
        ck_assert_msg(!network_is_all(&network), "%s", many[i]);
    }
}
