// SPDX-License-Identifier: GPL-3.0-only
#include "web/requester.h"
#include "web/web.h"

#define KEYS_MAX ((size_t)4 * 1024 * 1024)

bool api_key_valid(const json_t *keys, const char *given, char **ret_user)
{
    const char *colon = strchr(given, ':'), *user;
    size_t user_len = colon ? (size_t)(colon - given) : 0;
    bool valid = false;
    json_t *value;

    if (!colon || !colon[1])
        return false;
    json_object_foreach ((json_t *)keys, user, value) {
        const char *key = json_string_value(value);
        bool same_user = secret_equal(user, strlen(user), given, user_len);
        bool same_key = key && *key && secret_equal(key, strlen(key), colon + 1, strlen(colon + 1));

        valid |= same_user & same_key;
    }
    if (!valid)
        return false;
    *ret_user = strndup(given, user_len);
    return *ret_user != NULL;
}

static int load_keys(const struct web *web, json_t **ret, struct error *err)
{
    int r;

    if (!web->settings.api_keys_file)
        return error_set(err, -ENOENT, "there are no API keys");
    r = json_parse_file(web->settings.api_keys_file, KEYS_MAX, ret, err);
    if (r == 0 && !json_is_object(*ret)) {
        json_decref(*ret);
        r = error_set(err, -EINVAL, "expected an object of users and keys");
    }
    return r;
}

int requester_identify(struct exchange *x, char **ret_user, struct error *err)
{
    const char *given = exchange_header(x, "X-Api-Key");
    bool open = strcmp(x->web->settings.authorization, "open") == 0;
    _cleanup_json_ json_t *keys = NULL;

    if (!given)
        given = MHD_lookup_connection_value(x->connection, MHD_COOKIE_KIND, "X-Api-Key");
    if (!given && open) {
        *ret_user = NULL;
        return 0;
    }
    if (!given)
        return exchange_fail(x, 401, err,
                             "an API key is needed, as header or cookie X-Api-Key: USER:KEY");
    // Whether the keys are absent, unreadable or others: the stranger learns no more than this.
    if (load_keys(x->web, &keys, NULL) < 0 || !api_key_valid(keys, given, ret_user))
        return exchange_fail(x, 403, err, "the API key is not valid");
    return 0;
}

bool requester_same_origin(const struct exchange *x)
{
    const char *site = exchange_header(x, "Sec-Fetch-Site");
    const char *origin = exchange_header(x, "Origin"), *host, *own = exchange_header(x, "Host");

    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    host = strstr(origin, "://");
    return host && own && strcasecmp(host + 3, own) == 0;
}
