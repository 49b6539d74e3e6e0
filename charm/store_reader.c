// SPDX-License-Identifier: GPL-3.0-only
#include "charm/store_reader.h"

#include "charm/option_values.h"

#define OPTION "public-swift-creds"
#define KEYS                                                                                       \
    "username, password, auth-url, project-name, project-domain-name, user-domain-name or region"

struct field {
    const char *key, *fallback; // NULL: it has to be in the secret
    char **place;
};

static int read_field(const json_t *secret, const struct field *field, struct error *err)
{
    const char *text = json_text(secret, field->key);

    if (!*text && !field->fallback)
        return error_set(err, -EINVAL, OPTION ": the secret has no key %s", field->key);
    if (str_has_control(text)) // a line break at its end, mostly
        return error_set(err, -EINVAL, OPTION ": %s: expected one line of text", field->key);
    free(*field->place);
    *field->place = strdup(*text ? text : field->fallback);
    return *field->place ? 0 : error_oom(err);
}

// A key that nobody reads is a mistake in one of the others.
static int check_keys(const json_t *secret, const struct field *fields, size_t n, struct error *err)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)secret, key, value) {
        bool known = false;

        for (size_t i = 0; i < n; i++)
            known |= str_equal(key, fields[i].key);
        if (!known)
            return error_set(err, -EINVAL, OPTION ": %s: expected keys " KEYS, key);
    }
    return 0;
}

// Its value is part of a secret, and not shown.
static int check_address(struct settings *settings, struct error *err)
{
    static const struct option address = {.name = "auth-url", .offset = OPTION_NOT_STORED};
    const char *url = settings->reader.auth_url;

    if (option_auth_url(&address, url, settings, NULL) < 0)
        return error_set(err, -EINVAL,
                         OPTION ": auth-url: expected an address that ends in /v3 or /auth/v1.0");
    if (!str_ends_with(url, "/v1.0") && str_empty(settings->reader.project_name))
        return error_set(err, -EINVAL, OPTION ": the secret has no key project-name");
    return 0;
}

int store_reader_read(const json_t *secret, struct settings *settings, struct error *err)
{
    const struct swift_options *swift = &settings->swift;
    struct swift_options *to = &settings->reader;
    const struct field fields[] = {
        {"username", NULL, &to->username},
        {"password", NULL, &to->password},
        {"auth-url", swift->auth_url, &to->auth_url},
        {"project-name", swift->project_name, &to->project_name},
        {"project-domain-name", swift->project_domain_name, &to->project_domain_name},
        {"user-domain-name", swift->user_domain_name, &to->user_domain_name},
        {"region", swift->region, &to->region},
    };
    int r = check_keys(secret, fields, ARRAY_SIZE(fields), err);

    for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++)
        r = read_field(secret, &fields[i], err);
    return r < 0 ? r : check_address(settings, err);
}

const struct swift_options *store_reader_of(const struct settings *settings)
{
    if (!settings_use_swift(settings))
        return NULL;
    return settings->reader.username ? &settings->reader : &settings->swift;
}
