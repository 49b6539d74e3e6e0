// SPDX-License-Identifier: GPL-3.0-only
#include "charm/website.h"
#include "data/json.h"
#include "data/yaml.h"
#include "test.h"

static json_t *data_of(const char *address)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *data = NULL;

    ASSERT_OK(website_data("web", "web/12", address, 8080, &data, &err), &err);
    return data;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

TEST(proxies_that_know_addresses_and_ports_only_have_them)
{
    _cleanup_json_ json_t *data = data_of("10.0.0.9");

    ck_assert_str_eq(text(data, "hostname"), "10.0.0.9");
    ck_assert_str_eq(text(data, "private-address"), "10.0.0.9");
    ck_assert_str_eq(text(data, "port"), "8080");
}

TEST(haproxy_reads_a_service_with_this_unit_as_a_server)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *data = data_of("fd00::9"), *services = NULL;
    const char *yaml = text(data, "services");
    const json_t *service, *server;

    ASSERT_OK(yaml_parse(yaml, strlen(yaml), "services", &services, &err), &err);
    ck_assert_uint_eq(json_array_size(services), 1);
    service = json_array_get(services, 0);
    ck_assert_str_eq(text(service, "service_name"), "web");
    ck_assert_str_eq(text(service, "service_host"), "0.0.0.0");
    ck_assert_int_eq(json_integer_value(json_object_get(service, "service_port")), 8080);
    server = json_array_get(json_object_get(service, "servers"), 0);
    ck_assert_str_eq(json_string_value(json_array_get(server, 0)), "web-12-8080");
    ck_assert_str_eq(json_string_value(json_array_get(server, 1)), "fd00::9");
    ck_assert_int_eq(json_integer_value(json_array_get(server, 2)), 8080);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(server, 3)), "check"));
}

TEST(services_are_no_json_or_haproxy_cannot_read_them)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *data = data_of("10.0.0.9"), *json = NULL;
    const char *yaml = text(data, "services");

    ck_assert_int_lt(json_parse(yaml, strlen(yaml), "services", &json, &err), 0);
}

TEST(without_a_web_service_the_keys_go_away)
{
    _cleanup_json_ json_t *data = data_of(NULL);

    ck_assert_uint_eq(json_object_size(data), 3);
    ck_assert_str_eq(text(data, "hostname"), "");
    ck_assert_str_eq(text(data, "port"), "");
    ck_assert_str_eq(text(data, "services"), "");
}
