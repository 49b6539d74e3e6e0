// SPDX-License-Identifier: GPL-3.0-only
#include "charm/broker.h"
#include "data/json.h"
#include "test.h"

static void broker_clear(struct broker *broker)
{
    broker_release(broker);
}

#define BROKER(name) _cleanup_(broker_clear) struct broker name = BROKER_INIT

static int collect(const char *units, struct broker *broker, struct error *err)
{
    _cleanup_json_ json_t *value = NULL;

    ASSERT_OK(json_parse(units, strlen(units), "test", &value, err), err);
    return broker_collect(value, broker, err);
}

TEST(no_password_yet_is_waiting)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    BROKER(b);

    ASSERT_OK(collect("{\"r/0\": {\"private-address\": \"10.0.0.1\"}}", &b, &err), &err);
    ck_assert_int_eq(b.state, BROKER_WAITING);
    ASSERT_OK(collect("{}", &b, &err), &err);
    ck_assert_int_eq(b.state, BROKER_WAITING);
}

TEST(every_unit_with_a_password_is_a_host)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    BROKER(b);

    ASSERT_OK(
        collect("{\"r/1\": {\"password\": \"p\", \"private-address\": \"10.0.0.2\"},"
                "\"r/0\": {\"password\": \"p\", \"hostname\": \"a\", \"private-address\": \"b\"},"
                "\"r/2\": {\"private-address\": \"10.0.0.3\"}}",
                &b, &err),
        &err);
    ck_assert_int_eq(b.state, BROKER_READY);
    ck_assert_uint_eq(b.hosts.len, 2);
    ck_assert_str_eq(b.hosts.items[0], "a");
    ck_assert_str_eq(b.hosts.items[1], "10.0.0.2");
    ck_assert_uint_eq(b.port, 5672);
    ck_assert(!b.tls);
    ck_assert_str_eq(b.password, "p");
}

TEST(the_virtual_address_stands_for_a_cluster)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    BROKER(b);

    ASSERT_OK(collect("{\"r/0\": {\"password\": \"p\", \"hostname\": \"a\"},"
                      "\"r/1\": {\"password\": \"p\", \"hostname\": \"b\", \"clustered\": \"true\","
                      "\"vip\": \"10.0.0.100\"}}",
                      &b, &err),
              &err);
    ck_assert_uint_eq(b.hosts.len, 1);
    ck_assert_str_eq(b.hosts.items[0], "10.0.0.100");
}

TEST(tls_comes_with_port_and_authority)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    BROKER(b);

    ASSERT_OK(collect("{\"r/0\": {\"password\": \"p\", \"hostname\": \"a\", \"ssl_port\": \"5671\","
                      "\"ssl_ca\": \"UEVN\\nCg==\"}}",
                      &b, &err),
              &err);
    ck_assert(b.tls);
    ck_assert_uint_eq(b.port, 5671);
    ck_assert_str_eq(buf_str(&b.ca), "PEM\n");
}

TEST(blanked_keys_are_switched_off)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    BROKER(b);

    ASSERT_OK(collect("{\"r/0\": {\"password\": \"p\", \"hostname\": \"a\", \"ssl_port\": \"\","
                      "\"ssl_ca\": \"\", \"clustered\": \"\", \"vip\": \"\"}}",
                      &b, &err),
              &err);
    ck_assert(!b.tls);
    ck_assert_uint_eq(b.port, 5672);
    ck_assert_uint_eq(b.ca.len, 0);
}

TEST(what_cannot_be_used_is_named_without_its_value)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    BROKER(a);
    BROKER(b);
    BROKER(c);
    BROKER(d);

    ASSERT_FAILS(collect("{\"r/0\": {\"password\": \"p\"}}", &a, &err), -EPROTO, &err,
                 "unit r/0 has set no usable hostname");
    ASSERT_FAILS(collect("{\"r/0\": {\"password\": \"a\\nb\", \"hostname\": \"x\"}}", &b, &err),
                 -EPROTO, &err, "unit r/0 has set no usable password");
    ASSERT_FAILS(
        collect("{\"r/0\": {\"password\": \"p\", \"hostname\": \"x\", \"ssl_port\": \"x\"}}", &c,
                &err),
        -EPROTO, &err, "unit r/0: ssl_port: expected a whole number, got \"x\"");
    ASSERT_FAILS(collect("{\"r/0\": {\"password\": \"p\", \"hostname\": \"x\", \"ssl_port\": \"1\","
                         "\"ssl_ca\": \"*\"}}",
                         &d, &err),
                 -EPROTO, &err, "unit r/0: ssl_ca is not base64");
}
