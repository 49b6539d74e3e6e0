// SPDX-License-Identifier: GPL-3.0-only
#include "web/connections.h"

#include "test.h"

#include <arpa/inet.h>

static const struct sockaddr *address(const char *text)
{
    static struct sockaddr_in6 six;
    static struct sockaddr_in four;

    four = (struct sockaddr_in){.sin_family = AF_INET};
    six = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        return (const struct sockaddr *)&four;
    ck_assert_int_eq(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return (const struct sockaddr *)&six;
}

struct all {
    sd_event *event;
    struct connections *connections;
    struct connection *last;
};

static struct all begin(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct all all = {0};

    ck_assert_int_ge(sd_event_new(&all.event), 0);
    ASSERT_OK(connections_new(all.event, 60, &all.connections, &err), &err);
    return all;
}

static void end(struct all *all)
{
    connections_free(all->connections);
    (void)sd_event_unref(all->event);
}

// Opens as many as may come, at most 1000.
static unsigned fill(struct all *all, const char *text)
{
    unsigned n = 0;

    while (n < 1000 && connections_may_come(all->connections, address(text))) {
        all->last = connections_add(all->connections, -1, address(text));
        ck_assert_ptr_nonnull(all->last);
        n++;
    }
    return n;
}

TEST(one_client_does_not_take_all_there_are)
{
    struct all all = begin();

    ck_assert_uint_eq(fill(&all, "198.51.100.7"), CONNECTIONS_OF_ONE);
    ck_assert_uint_eq(fill(&all, "::ffff:198.51.100.7"), 0);
    ck_assert_uint_eq(fill(&all, "198.51.100.8"), CONNECTIONS_OF_ONE);
    connection_remove(all.last);
    ck_assert_uint_eq(fill(&all, "198.51.100.8"), 1);
    end(&all);
}

TEST(a_client_with_a_network_of_its_own_is_one)
{
    struct all all = begin();

    ck_assert_uint_eq(fill(&all, "2001:db8:1:2::1"), CONNECTIONS_OF_ONE);
    ck_assert_uint_eq(fill(&all, "2001:db8:1:2:ffff::9"), 0);
    ck_assert_uint_eq(fill(&all, "2001:db8:1:3::1"), CONNECTIONS_OF_ONE);
    end(&all);
}

TEST(a_proxy_that_is_near_has_as_many_as_it_likes)
{
    struct all all = begin();

    ck_assert_uint_eq(fill(&all, "10.0.0.1"), 1000);
    ck_assert_uint_eq(fill(&all, "127.0.0.1"), 1000);
    ck_assert_uint_eq(fill(&all, "203.0.113.5"), CONNECTIONS_OF_ONE);
    end(&all);
}

TEST(nothing_is_no_connection)
{
    connection_remove(NULL);
    connection_enter(NULL, CONNECTION_RECEIVING);
    connections_free(NULL);
}
