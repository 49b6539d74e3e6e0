// SPDX-License-Identifier: GPL-3.0-only
#include "charm/option_values.h"

#include "base/buf.h"
#include "base/network.h"
#include "data/json.h"
#include "data/remote.h"
#include "data/yaml.h"

#define WORKERS_MAX 1000 // of one place; more is a slip of the finger

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_made_of(const char *text, const char *allowed)
{
    return *text && strspn(text, allowed) == strlen(text);
}

OPTION_PARSER(option_store)
{
    char **place = (char **)(void *)((char *)settings + option->offset);
    char *copy;

    if (option->offset == OPTION_NOT_STORED)
        return 0;
    copy = strdup(text);
    if (!copy)
        return error_oom(err);
    free(*place);
    *place = copy;
    return 0;
}

OPTION_PARSER(option_roles)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    (void)option;
    if (strv_split(&words, text, " \t\n,") < 0)
        return error_oom(err);
    for (size_t i = 0; i < words.len; i++) {
        if (strcmp(words.items[i], "worker") == 0)
            settings->worker = true;
        else if (strcmp(words.items[i], "web") == 0)
            settings->web = true;
        else
            return error_set(err, -EINVAL, "expected worker, web or both, got \"%s\"",
                             words.items[i]);
    }
    if (words.len == 0)
        return error_set(err, -EINVAL, "expected worker, web or both, got nothing");
    return 0;
}

static bool is_release(const char *text)
{
    return *text >= 'a' && *text <= 'z' && is_made_of(text, LOWER DIGITS ".-") &&
           strlen(text) <= 64;
}

OPTION_PARSER(option_releases)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    (void)option;
    if (strv_split(&words, text, " \t\n") < 0)
        return error_oom(err);
    for (size_t i = 0; i < words.len; i++) {
        if (!is_release(words.items[i]))
            return error_set(err, -EINVAL,
                             "expected names of releases separated by blanks, got \"%s\"",
                             words.items[i]);
        if (!strv_contains(&settings->releases, words.items[i]) &&
            strv_add(&settings->releases, words.items[i]) < 0)
            return error_oom(err);
    }
    if (words.len == 0)
        return error_set(err, -EINVAL, "expected at least one release, got nothing");
    return 0;
}

// ---- YAML: outer: {inner: count}

struct counts {
    const char *outer, *inner; // what the keys are, for messages
    bool (*outer_ok)(const char *), (*inner_ok)(const char *);
    // May be NULL.
    int (*add)(struct settings *settings, const char *outer, const char *inner, unsigned count,
               struct error *err);
};

static bool is_arch(const char *text)
{
    return is_made_of(text, LOWER DIGITS) && strlen(text) <= 16;
}

// Instances are called after it, as they are after the unit itself and after LXD hosts.
static bool is_region(const char *text)
{
    return is_made_of(text, LOWER UPPER DIGITS "._-") && strlen(text) <= 64 && *text != '-' &&
           *text != '.' && strcmp(text, "local") != 0 && !str_starts_with(text, "lxd-");
}

// Instances are called after it, "lxd-10.0.0.1-armhf-12", in the name of a systemd unit.
static bool is_address(const char *text)
{
    return strlen(text) <= 200 && remote_is_address(text);
}

static bool is_backend(const char *text)
{
    return backend_from_name(text) != BACKEND_COUNT;
}

static int bad_value(const json_t *value, const char *expected, struct error *err)
{
    if (json_is_string(value))
        return error_set(err, -EINVAL, "expected %s, got \"%s\"", expected,
                         json_string_value(value));
    if (json_is_integer(value))
        return error_set(err, -EINVAL, "expected %s, got %lld", expected,
                         (long long)json_integer_value(value));
    return error_set(err, -EINVAL, "expected %s, got %s", expected, json_type_name(value));
}

static int parse_inner(const struct counts *counts, const char *outer, json_t *map,
                       struct settings *settings, struct error *err)
{
    const char *inner;
    json_t *value;

    if (!json_is_object(map))
        return bad_value(map, "a mapping", err);
    json_object_foreach (map, inner, value) {
        json_int_t n = json_integer_value(value);
        int r;

        if (!counts->inner_ok(inner))
            return error_set(err, -EINVAL, "expected %s, got \"%s\"", counts->inner, inner);
        if (!json_is_integer(value))
            return error_prefix(err, bad_value(value, "a whole number", err), "%s", inner);
        if (n < 0 || n > WORKERS_MAX) {
            (void)bad_value(value, "a whole number from 0 to 1000", err);
            return error_prefix(err, -EINVAL, "%s", inner);
        }
        r = counts->add ? counts->add(settings, outer, inner, (unsigned)n, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

// "WORKERS: A: B" is shown as "WORKERS: A.B".
static int join_place(const char *outer, int r, struct error *err)
{
    _cleanup_free_ char *message = strdup(error_message(err));
    char *colon;

    if (!message)
        return error_oom(err);
    colon = strstr(message, ": ");
    return error_set(err, r, "%s%s%s", outer, colon ? "." : ": ", message);
}

static int parse_counts(const struct counts *counts, const char *text, struct settings *settings,
                        struct error *err)
{
    _cleanup_json_ json_t *root = NULL;
    const char *outer;
    json_t *map;
    int r;

    r = yaml_parse(text, strlen(text), "YAML", &root, err);
    if (r < 0)
        return r;
    if (json_is_null(root))
        return 0;
    if (!json_is_object(root))
        return bad_value(root, "a mapping", err);
    json_object_foreach (root, outer, map) {
        if (!counts->outer_ok(outer))
            return error_set(err, -EINVAL, "expected %s, got \"%s\"", counts->outer, outer);
        r = parse_inner(counts, outer, map, settings, err);
        if (r == -EINVAL)
            return join_place(outer, r, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_region(struct settings *settings, const char *region, const char *arch,
                      unsigned count, struct error *err)
{
    return settings_set_cloud(settings, CLOUD_OPENSTACK, region, arch, count) < 0 ? error_oom(err)
                                                                                  : 0;
}

OPTION_PARSER(option_region_workers)
{
    static const struct counts counts = {.outer = "the name of a region",
                                         .inner = "an architecture",
                                         .outer_ok = is_region,
                                         .inner_ok = is_arch,
                                         .add = add_region};

    (void)option;
    return parse_counts(&counts, text, settings, err);
}

// Two ways to write the address of one host would make two sets of workers of one name.
static int add_remote(struct settings *settings, const char *arch, const char *address,
                      unsigned count, struct error *err)
{
    _cleanup_free_ char *cloud = remote_name(address);
    const struct cloud_workers *other = cloud ? settings_find_cloud(settings, cloud, NULL) : NULL;

    if (!cloud)
        return error_oom(err);
    if (other && strcmp(other->address, address) != 0)
        return error_set(err, -EINVAL, "%s: is the same host as %s: write it in one way", address,
                         other->address);
    return settings_set_remote(settings, arch, address, count) < 0 ? error_oom(err) : 0;
}

OPTION_PARSER(option_remotes)
{
    static const struct counts counts = {.outer = "an architecture",
                                         .inner = "an address such as 10.0.0.1 or lxd.example:8443",
                                         .outer_ok = is_arch,
                                         .inner_ok = is_address,
                                         .add = add_remote};

    (void)option;
    return parse_counts(&counts, text, settings, err);
}

static int add_local(struct settings *settings, const char *arch, const char *virt, unsigned count,
                     struct error *err)
{
    if (count == 0)
        return 0;
    return settings_set_local(settings, arch, backend_from_name(virt), count) < 0 ? error_oom(err)
                                                                                  : 0;
}

OPTION_PARSER(option_local_workers)
{
    static const struct counts counts = {
        .outer = "an architecture",
        .inner = "null, unshare, qemu, schroot, podman or lxc",
        .outer_ok = is_arch,
        .inner_ok = is_backend,
        .add = add_local,
    };

    (void)option;
    return parse_counts(&counts, text, settings, err);
}

// ---- single values

OPTION_PARSER(option_base64)
{
    size_t n = 0;
    size_t padding = 0;

    for (const char *c = text; *c; c++) {
        if (strchr(" \t\r\n", *c))
            continue;
        n++;
        if (*c == '=')
            padding++;
        else if (padding || !strchr(UPPER LOWER DIGITS "+/", *c))
            return error_set(err, -EINVAL, "expected base64");
    }
    if (n % 4 || padding > 2)
        return error_set(err, -EINVAL, "expected base64, got a length that it cannot have");
    return option_store(option, text, settings, err);
}

static bool is_url_of(const char *text, const char *const *schemes)
{
    for (; *text && *schemes; schemes++)
        if (str_starts_with(text, *schemes) && text[strlen(*schemes)] != '\0')
            break;
    if (!*text || !*schemes)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == 0x7f || strchr("\"'<>\\^`{}|", *text))
            return false;
    return true;
}

// A password in an address would show up in the list of processes and in logs.
static bool has_credentials(const char *url)
{
    const char *host = strstr(url, "://") + 3;

    return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

// A wrong address is shown, unless it may have a password in it.
static int bad_address(const char *expected, const char *text, struct error *err)
{
    if (strchr(text, '@'))
        return error_set(err, -EINVAL, "expected %s", expected);
    return error_set(err, -EINVAL, "expected %s, got \"%s\"", expected, text);
}

OPTION_PARSER(option_url)
{
    static const char *const schemes[] = {"http://", "https://", NULL};

    if (!*text)
        return option_store(option, text, settings, err);
    if (!is_url_of(text, schemes))
        return bad_address("an address http://… or https://…", text, err);
    if (has_credentials(text))
        return error_set(err, -EINVAL, "expected an address without user and password");
    return option_store(option, text, settings, err);
}

OPTION_PARSER(option_auth_url)
{
    int r = option_url(option, text, settings, err);

    if (r < 0 || !*text || str_ends_with(text, "/v3") || str_ends_with(text, "/v3/") ||
        str_ends_with(text, "/auth/v1.0"))
        return r;
    return bad_address("an address that ends in /v3 or /auth/v1.0", text, err);
}

static int check_git_url(const char *text, struct error *err)
{
    static const char *const schemes[] = {"https://", "http://", "git://", "file:///", NULL};
    const char *hash = strchr(text, '#');

    if (!is_url_of(text, schemes))
        return bad_address("a git URL https://…", text, err);
    if (has_credentials(text))
        return error_set(err, -EINVAL, "expected a git URL without user and password");
    if (hash && (!is_made_of(hash + 1, LOWER UPPER DIGITS "._/+-") || hash[1] == '-'))
        return error_set(err, -EINVAL, "expected the name of a branch behind '#', got \"%s\"",
                         hash + 1);
    return 0;
}

// URL#BRANCH, *ret_branch NULL where there is none.
static int split_git_url(const char *text, char **ret_url, char **ret_branch, struct error *err)
{
    const char *hash = strchr(text, '#');
    int r = check_git_url(text, err);

    if (r < 0)
        return r;
    *ret_url = hash ? strndup(text, (size_t)(hash - text)) : strdup(text);
    *ret_branch = hash ? strdup(hash + 1) : NULL;
    return *ret_url && (!hash || *ret_branch) ? 0 : error_oom(err);
}

OPTION_PARSER(option_lists_source)
{
    (void)option;
    return *text ? split_git_url(text, &settings->lists_url, &settings->lists_branch, err) : 0;
}

OPTION_PARSER(option_source)
{
    (void)option;
    if (strcmp(text, "archive") == 0)
        return 0;
    if (!*text)
        return error_set(err, -EINVAL, "expected archive or a git URL, got nothing");
    return split_git_url(text, &settings->source_url, &settings->source_branch, err);
}

OPTION_PARSER(option_hostname)
{
    if (!is_made_of(text, LOWER UPPER DIGITS ".-:[]") || strlen(text) > 253)
        return error_set(err, -EINVAL, "expected the name of a host, got \"%s\"", text);
    return option_store(option, text, settings, err);
}

OPTION_PARSER(option_authorization)
{
    static const char *const modes[] = {"launchpad", "login", "api-key", "open"};

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (strcmp(text, modes[i]) != 0)
            continue;
        return option_store(option, text, settings, err);
    }
    return error_set(err, -EINVAL, "expected launchpad, login, api-key or open, got \"%s\"", text);
}

OPTION_PARSER(option_login_url)
{
    if (!*text)
        return error_set(err, -EINVAL, "expected the address of an OpenID 2.0 provider, got \"\"");
    return option_url(option, text, settings, err);
}

OPTION_PARSER(option_teams)
{
    (void)option;
    if (strv_split(&settings->allowed_requestors, text, ", \n") < 0)
        return error_oom(err);
    STRV_FOREACH (team, &settings->allowed_requestors)
        if (!is_made_of(team, LOWER DIGITS "+-."))
            return error_set(err, -EINVAL,
                             "expected names of teams, separated by commas, got \"%s\"", team);
    return 0;
}

OPTION_PARSER(option_proxies)
{
    struct network network;

    (void)option;
    if (strv_split(&settings->trusted_proxies, text, " \t\n") < 0)
        return error_oom(err);
    STRV_FOREACH (proxy, &settings->trusted_proxies)
        if (network_parse(proxy, &network) < 0)
            return error_set(err, -EINVAL,
                             "expected addresses such as 10.0.0.7 or 10.0.0.0/24, separated by "
                             "blanks, got \"%s\"",
                             proxy);
    return 0;
}

// More than a line would break out of the line of a settings file.
OPTION_PARSER(option_line)
{
    if (str_has_control(text))
        return error_set(err, -EINVAL, "expected one line of text, got a control character in it");
    return option_store(option, text, settings, err);
}

OPTION_PARSER(option_word)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return error_set(err, -EINVAL, "expected one word, got \"%s\"", text);
    if (!*text && *option->text)
        return error_set(err, -EINVAL, "expected a name, got nothing");
    return option_store(option, text, settings, err);
}

OPTION_PARSER(option_secret)
{
    if (*text && !str_starts_with(text, "secret:"))
        return error_set(err, -EINVAL, "expected the address of a secret, secret:…");
    return option_store(option, text, settings, err);
}
