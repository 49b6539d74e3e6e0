// SPDX-License-Identifier: GPL-3.0-only
#include "data/openrc.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/utf8.h"

#define BLANKS " \t"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
// What a word without quotes may have: nothing that a shell would look at.
#define WORD UPPER DIGITS "abcdefghijklmnopqrstuvwxyz%+,-./:=@_^"

#define AT(member) offsetof(struct openrc, member)

// Variables that are used. Others that begin with OS_ are left out of account.
static const struct variable {
    const char *name;
    size_t offset;
} variables[] = {
    {"OS_AUTH_URL", AT(auth_url)},
    {"OS_USERNAME", AT(username)},
    {"OS_USER_ID", AT(user_id)},
    {"OS_PASSWORD", AT(password)},
    {"OS_USER_DOMAIN_NAME", AT(user_domain_name)},
    {"OS_USER_DOMAIN_ID", AT(user_domain_id)},
    {"OS_PROJECT_NAME", AT(project_name)},
    {"OS_TENANT_NAME", AT(project_name)},
    {"OS_PROJECT_ID", AT(project_id)},
    {"OS_PROJECT_DOMAIN_NAME", AT(project_domain_name)},
    {"OS_PROJECT_DOMAIN_ID", AT(project_domain_id)},
    {"OS_APPLICATION_CREDENTIAL_ID", AT(application_id)},
    {"OS_APPLICATION_CREDENTIAL_SECRET", AT(application_secret)},
    {"OS_REGION_NAME", AT(region)},
    {"OS_INTERFACE", AT(interface)},
    {"OS_ENDPOINT_TYPE", AT(interface)},
    {"OS_CACERT", AT(ca_file)},
};

static char **place_of(struct openrc *rc, size_t offset)
{
    return (char **)(void *)((char *)rc + offset);
}

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(TAKE_PTR(*text));
}

void openrc_release(struct openrc *rc)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
        wipe(place_of(rc, variables[i].offset));
}

static int store(struct openrc *rc, const char *name, size_t name_len, const char *value,
                 size_t value_len)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        char **place = place_of(rc, variables[i].offset);

        if (strlen(variables[i].name) != name_len || memcmp(variables[i].name, name, name_len) != 0)
            continue;
        wipe(place);
        if (value_len == 0) // as not set
            return 0;
        *place = strndup(value, value_len);
        return *place ? 0 : -ENOMEM;
    }
    return 0;
}

// How long a value is that begins with a quote, without both; -1: it has no end, or has something
// in it that a shell would look at.
static ssize_t quoted_len(const char *value)
{
    size_t len = strcspn(value + 1, *value == '"' ? "\"$`\\" : "'");

    return value[1 + len] == *value ? (ssize_t)len : -1;
}

static int take_value(struct openrc *rc, const char *name, size_t name_len, const char *value,
                      struct error *err)
{
    bool quoted = *value == '"' || *value == '\'';
    ssize_t len = quoted ? quoted_len(value) : (ssize_t)strspn(value, WORD);
    const char *rest;

    if (len < 0)
        return error_set(err, -EINVAL, "%.*s: expected a value in quotes without $, ` and \\",
                         (int)name_len, name);
    rest = value + len + (quoted ? 2 : 0);
    if (*rest && !strchr(BLANKS, *rest))
        return error_set(err, -EINVAL, "%.*s: expected one word or a value in single quotes",
                         (int)name_len, name);
    rest += strspn(rest, BLANKS);
    if (*rest && *rest != '#')
        return error_set(err, -EINVAL, "%.*s: expected nothing behind the value", (int)name_len,
                         name);
    return store(rc, name, name_len, quoted ? value + 1 : value, (size_t)len) < 0 ? error_oom(err)
                                                                                  : 0;
}

static int take_line(struct openrc *rc, const char *line, struct error *err)
{
    size_t name_len;

    line += strspn(line, BLANKS);
    if (!*line || *line == '#')
        return 0;
    if (str_starts_with(line, "export") && line[6] && strchr(BLANKS, line[6]))
        line += 6 + strspn(line + 6, BLANKS);
    name_len = strspn(line, UPPER DIGITS "_");
    if (!str_starts_with(line, "OS_") || line[name_len] != '=')
        return error_set(err, -EINVAL, "expected export OS_NAME=value");
    return take_value(rc, line, name_len, line + name_len + 1, err);
}

static int read_lines(struct openrc *rc, char *text, struct error *err)
{
    unsigned number = 0;

    while (text) {
        char *line = strsep(&text, "\n");
        size_t len = strlen(line);
        int r;

        number++;
        if (len > 0 && line[len - 1] == '\r')
            line[len - 1] = '\0';
        for (const char *c = line; *c; c++)
            if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
                return error_set(err, -EINVAL, "line %u: expected text, got a control character",
                                 number);
        r = take_line(rc, line, err);
        if (r < 0)
            return error_prefix(err, r, "line %u", number);
    }
    return 0;
}

// The address with /v3 at its end: of a Keystone that speaks older versions too, often the one
// without any is given.
static int complete_address(struct openrc *rc, struct error *err)
{
    const char *url = rc->auth_url;
    size_t len = strlen(url);
    const char *host = strstr(url, "://");
    char *whole;

    if ((!str_starts_with(url, "http://") && !str_starts_with(url, "https://")) || !host[3] ||
        strpbrk(url, " \"'<>?#"))
        return error_set(err, -EINVAL, "OS_AUTH_URL: expected an address http://… or https://…");
    if (memchr(host + 3, '@', strcspn(host + 3, "/")))
        return error_set(err, -EINVAL,
                         "OS_AUTH_URL: expected an address without user and password");
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (len >= 5 && memcmp(url + len - 5, "/v2.0", 5) == 0)
        return error_set(err, -EINVAL, "OS_AUTH_URL: expected Keystone v3, got v2.0");
    whole = str_format("%.*s%s", (int)len, url,
                       len >= 3 && memcmp(url + len - 3, "/v3", 3) == 0 ? "" : "/v3");
    if (!whole)
        return error_oom(err);
    free(rc->auth_url);
    rc->auth_url = whole;
    return 0;
}

static int complete_interface(struct openrc *rc, struct error *err)
{
    static const char *const known[] = {"public", "internal", "admin"};

    if (!rc->interface && !(rc->interface = strdup("public")))
        return error_oom(err);
    if (str_ends_with(rc->interface, "URL")) // "publicURL", the older word
        rc->interface[strlen(rc->interface) - 3] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(rc->interface, known[i]) == 0)
            return 0;
    return error_set(err, -EINVAL, "OS_INTERFACE: expected public, internal or admin");
}

static bool is_utf8(const char *text)
{
    size_t len = strlen(text), n;

    for (; len > 0; text += n, len -= n)
        if ((n = utf8_sequence(text, len)) == 0)
            return false;
    return true;
}

static int check(struct openrc *rc, struct error *err)
{
    bool application = rc->application_id != NULL;
    const struct {
        const char *name;
        bool missing;
    } needs[] = {
        {"OS_AUTH_URL", !rc->auth_url},
        {"OS_APPLICATION_CREDENTIAL_SECRET", application && !rc->application_secret},
        {"OS_USERNAME", !application && !rc->username && !rc->user_id},
        {"OS_PASSWORD", !application && !rc->password},
        {"OS_PROJECT_NAME", !application && !rc->project_name && !rc->project_id},
    };
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
        if (needs[i].missing)
            return error_set(err, -EINVAL, "%s is missing", needs[i].name);
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        const char *value = *place_of(rc, variables[i].offset);

        if (value && !is_utf8(value))
            return error_set(err, -EINVAL, "%s: expected UTF-8 text", variables[i].name);
    }
    if (rc->ca_file && rc->ca_file[0] != '/')
        return error_set(err, -EINVAL, "OS_CACERT: expected the path of a file, /…");
    r = complete_address(rc, err);
    return r < 0 ? r : complete_interface(rc, err);
}

int openrc_parse(const char *text, size_t len, const char *name, struct openrc *ret,
                 struct error *err)
{
    _cleanup_openrc_ struct openrc rc = {0};
    char *copy;
    int r;

    if (len > OPENRC_MAX)
        return error_set(err, -EINVAL, "%s: expected at most %zu bytes", name, OPENRC_MAX);
    if (memchr(text, '\0', len))
        return error_set(err, -EINVAL, "%s: expected text, got a NUL byte", name);
    copy = strndup(text, len);
    if (!copy)
        return error_oom(err);
    r = read_lines(&rc, copy, err);
    explicit_bzero(copy, len);
    free(copy);
    if (r >= 0)
        r = check(&rc, err);
    if (r < 0)
        return error_prefix(err, r, "%s", name);
    *ret = rc;
    rc = (struct openrc){0};
    return 0;
}

int openrc_load(const char *path, struct openrc *ret, struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct buf text = BUF_INIT(OPENRC_MAX);
    int r = file_read(path, &text, err);

    if (r >= 0)
        r = openrc_parse(buf_str(&text), text.len, slash ? slash + 1 : path, ret, err);
    if (text.data)
        explicit_bzero(text.data, text.len);
    buf_release(&text);
    return r;
}

char *openrc_file_name(const char *region, const char *arch)
{
    if (strcmp(arch, "amd64") == 0 || strcmp(arch, "i386") == 0)
        return str_format("%s.rc", region);
    return str_format("%s-%s.rc", region, arch);
}
