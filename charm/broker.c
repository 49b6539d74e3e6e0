// SPDX-License-Identifier: GPL-3.0-only
#include "charm/broker.h"

#include "base/parse.h"
#include "data/base64.h"

#define PORT_PLAIN 5672

// A value of a unit, "" when it is not set: what is switched off is blanked, not removed.
static const char *value(const json_t *data, const char *key)
{
    const char *text = json_string_value(json_object_get(data, key));

    return text ? text : "";
}

static bool is_true(const char *text)
{
    return *text && strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0 &&
           strcasecmp(text, "none") != 0;
}

static int add_host(struct broker *broker, const char *unit, const json_t *data, struct error *err)
{
    const char *host = value(data, "hostname");
    bool cluster = is_true(value(data, "clustered")) && *value(data, "vip");

    if (cluster)
        host = value(data, "vip");
    else if (!*host)
        host = value(data, "private-address");
    if (!*host || str_has_control(host) || strchr(host, ' '))
        return error_set(err, -EPROTO, "unit %s has set no usable hostname", unit);
    if (cluster)
        strv_release(&broker->hosts);
    if (!strv_contains(&broker->hosts, host) && strv_add(&broker->hosts, host) < 0)
        return error_oom(err);
    return cluster;
}

static int take_tls(struct broker *broker, const char *unit, const json_t *data, struct error *err)
{
    const char *port = value(data, "ssl_port");
    uint64_t number;

    broker->port = PORT_PLAIN;
    if (!*port)
        return 0;
    if (parse_uint(port, 1, 65535, &number, err) < 0)
        return error_prefix(err, -EPROTO, "unit %s: ssl_port", unit);
    broker->tls = true;
    broker->port = (uint16_t)number;
    if (base64_decode(value(data, "ssl_ca"), &broker->ca) < 0)
        return error_set(err, -EPROTO, "unit %s: ssl_ca is not base64", unit);
    return 0;
}

int broker_collect(const json_t *units, struct broker *broker, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    const char *name;
    const json_t *data;

    json_object_foreach ((json_t *)(uintptr_t)units, name, data) {
        if (*value(data, "password") && strv_add(&names, name) < 0)
            return error_oom(err);
    }
    strv_sort(&names);
    broker->state = BROKER_WAITING;
    for (size_t i = 0; i < names.len; i++) {
        int r;

        data = json_object_get(units, names.items[i]);
        r = add_host(broker, names.items[i], data, err);
        if (r < 0)
            return r;
        if (!broker->password) {
            if (str_has_control(value(data, "password")))
                return error_set(err, -EPROTO, "unit %s has set no usable password",
                                 names.items[i]);
            broker->password = strdup(value(data, "password"));
            if (!broker->password)
                return error_oom(err);
            if (take_tls(broker, names.items[i], data, err) < 0)
                return -EPROTO;
        }
        if (r > 0) // the virtual address stands for all
            break;
    }
    if (broker->password)
        broker->state = BROKER_READY;
    return 0;
}

void broker_release(struct broker *broker)
{
    strv_release(&broker->hosts);
    free(broker->relation);
    free(broker->password);
    buf_release(&broker->ca);
    *broker = (struct broker)BROKER_INIT;
}
