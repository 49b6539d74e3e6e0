// SPDX-License-Identifier: GPL-3.0-only
#include "web/request_order.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define NAME_FIRST LOWER DIGITS
#define NAME_REST NAME_FIRST ".+-"
#define VERSION_CHARS LOWER UPPER DIGITS ".+:~-"
#define REFERENCE "migration-reference/0"
#define VALUE_MAX ((size_t)4096) // bytes of one parameter

// Whether the first `len` bytes are one of `first` and then at least `least` of `rest`.
static bool fits(const char *s, size_t len, const char *first, const char *rest, size_t least)
{
    if (len < 1 + least || !strchr(first, *s))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!s[i] || !strchr(rest, s[i]))
            return false;
    return true;
}

static bool is_name(const char *s, size_t len)
{
    return name_is_package_len(s, len) &&
           fits(s, len, NAME_FIRST, NAME_REST, 1); // (what workers take, and less)
}

static bool is_trigger(const char *s)
{
    const char *slash = strchr(s, '/');

    return slash && is_name(s, (size_t)(slash - s)) &&
           fits(slash + 1, strlen(slash + 1), VERSION_CHARS, VERSION_CHARS, 0);
}

static bool is_env(const char *s)
{
    const char *equals = strchr(s, '=');
    const char *value = equals ? equals + 1 : "";

    return equals && fits(s, (size_t)(equals - s), LOWER UPPER, LOWER UPPER DIGITS "_", 1) &&
           value[strspn(value, LOWER UPPER DIGITS ".:~/ -=")] == '\0';
}

static bool is_git(const char *s)
{
    const char *hash = strchr(s, '#');
    size_t scheme = str_starts_with(s, "https://") ? 8 : str_starts_with(s, "http://") ? 7 : 0;
    const char *end = hash ? hash : s + strlen(s);

    if (!scheme || end == s + scheme ||
        strspn(s + scheme, LOWER UPPER DIGITS "._/~+-") != (size_t)(end - s) - scheme)
        return false;
    return !hash || (hash[1] && hash[1 + strspn(hash + 1, LOWER UPPER DIGITS "._/-")] == '\0');
}

static bool is_test_name(const char *s)
{
    return fits(s, strlen(s), LOWER UPPER DIGITS, LOWER UPPER DIGITS "._+/-", 0);
}

static int expected(struct error *err, const char *name, const char *what, const char *value)
{
    return error_set(err, -EINVAL, "%s: expected %s, got \"%s\"", name, what, value);
}

// ---- one reader for each parameter

static int read_string(char **ret, const char *name, const char *value, struct error *err)
{
    if (*ret)
        return error_set(err, -EINVAL, "%s: given more than once", name);
    *ret = strdup(value);
    return *ret ? 0 : error_oom(err);
}

static int read_release(struct request_order *o, const char *value, struct error *err)
{
    return read_string(&o->release, "release", value, err);
}

static int read_arch(struct request_order *o, const char *value, struct error *err)
{
    if (strv_contains(&o->archs, value))
        return 0;
    return strv_add(&o->archs, value) < 0 ? error_oom(err) : 0;
}

static int read_package(struct request_order *o, const char *value, struct error *err)
{
    if (!is_name(value, strlen(value)))
        return expected(err, "package", "the name of a source package", value);
    return read_string(&o->request.package, "package", value, err);
}

static int read_trigger(struct request_order *o, const char *value, struct error *err)
{
    if (!is_trigger(value))
        return expected(err, "trigger", "SOURCE/VERSION", value);
    return strv_add(&o->request.triggers, value) < 0 ? error_oom(err) : 0;
}

static int read_ppa(struct request_order *o, const char *value, struct error *err)
{
    _cleanup_free_ char *user = NULL, *name = NULL;
    int r = request_ppa_name(value, &user, &name, NULL);

    if (r < 0 || !is_name(user, strlen(user)) || !is_name(name, strlen(name)))
        return error_set(err, -EINVAL, "ppa: expected USER/NAME"); // not repeated: may have a token
    return strv_add(&o->request.ppas, value) < 0 ? error_oom(err) : 0;
}

static int read_env(struct request_order *o, const char *value, struct error *err)
{
    _cleanup_strv_ struct strv parts = STRV_INIT;

    if (strv_split(&parts, value, ";") < 0)
        return error_oom(err);
    if (parts.len == 0)
        return expected(err, "env", "VARIABLE=value", value);
    STRV_FOREACH (part, &parts) {
        if (!is_env(part))
            return expected(err, "env", "VARIABLE=value", part);
        if (strv_add(&o->request.env, part) < 0)
            return error_oom(err);
    }
    return 0;
}

static int read_all_proposed(struct request_order *o, const char *value, struct error *err)
{
    if (strcmp(value, "1") != 0)
        return expected(err, "all-proposed", "1", value);
    o->request.all_proposed = true;
    return 0;
}

static int read_readable_by(struct request_order *o, const char *value, struct error *err)
{
    _cleanup_strv_ struct strv parts = STRV_INIT;

    if (strv_split(&parts, value, ", ") < 0)
        return error_oom(err);
    if (parts.len == 0)
        return expected(err, "readable-by", "a user or team", value);
    STRV_FOREACH (part, &parts) {
        if (!is_name(part, strlen(part)))
            return expected(err, "readable-by", "a user or team", part);
        if (strv_add(&o->request.readable_by, part) < 0)
            return error_oom(err);
    }
    return 0;
}

static int read_testname(struct request_order *o, const char *value, struct error *err)
{
    if (!is_test_name(value))
        return expected(err, "testname", "the name of a test", value);
    return read_string(&o->request.testname, "testname", value, err);
}

static int read_test_git(struct request_order *o, const char *value, struct error *err)
{
    if (!is_git(value))
        return expected(err, "test-git", "http(s)://HOST/PATH[#BRANCH]", value);
    return read_string(&o->request.test_git, "test-git", value, err);
}

static int read_build_git(struct request_order *o, const char *value, struct error *err)
{
    if (!is_git(value))
        return expected(err, "build-git", "http(s)://HOST/PATH[#BRANCH]", value);
    return read_string(&o->request.build_git, "build-git", value, err);
}

static int read_nothing(struct request_order *o _unused_, const char *value _unused_,
                        struct error *err _unused_)
{
    return 0;
}

enum member { MEMBER_NONE, MEMBER_STRING, MEMBER_STRINGS, MEMBER_FLAG }; // as JSON

static const struct reader {
    const char *name;
    int (*read)(struct request_order *o, const char *value, struct error *err);
    enum member member;
} readers[] = {
    {"release", read_release, MEMBER_STRING},
    {"arch", read_arch, MEMBER_STRINGS},
    {"package", read_package, MEMBER_STRING},
    {"trigger", read_trigger, MEMBER_STRINGS},
    {"ppa", read_ppa, MEMBER_STRINGS},
    {"env", read_env, MEMBER_STRINGS},
    {"all-proposed", read_all_proposed, MEMBER_FLAG},
    {"readable-by", read_readable_by, MEMBER_STRINGS},
    {"testname", read_testname, MEMBER_STRING},
    {"test-git", read_test_git, MEMBER_STRING},
    {"build-git", read_build_git, MEMBER_STRING},
    {"format", read_nothing, MEMBER_NONE}, // of the answer
    {"token", read_nothing, MEMBER_NONE},  // of the form
};

static const struct reader *find_reader(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
        if (strcmp(readers[i].name, name) == 0)
            return &readers[i];
    return NULL;
}

static int read_param(struct request_order *o, const struct param *param, struct error *err)
{
    const struct reader *reader = find_reader(param->name);

    if (strlen(param->value) > VALUE_MAX)
        return error_set(err, -EINVAL, "%.40s: longer than %zu bytes", param->name, VALUE_MAX);
    if (!reader)
        return error_set(err, -EINVAL, "%.40s: there is no such parameter", param->name);
    return *param->value ? reader->read(o, param->value, err) : 0; // an empty field
}

// ---- the whole

static int check_complete(const struct request_order *o, struct error *err)
{
    const struct request *q = &o->request;

    if (!o->release)
        return error_set(err, -EINVAL, "release: missing");
    if (o->archs.len == 0)
        return error_set(err, -EINVAL, "arch: missing");
    if (!q->package)
        return error_set(err, -EINVAL, "package: missing");
    if (q->test_git && q->build_git)
        return error_set(err, -EINVAL, "test-git: cannot be used together with build-git");
    if ((q->test_git || q->build_git) && q->ppas.len == 0)
        return error_set(err, -EINVAL,
                         "ppa: missing, requests from git need one to keep their results apart");
    if (q->triggers.len == 0 && q->ppas.len == 0)
        return error_set(err, -EINVAL, "trigger: missing, the request needs a trigger or a ppa");
    if (strv_contains(&q->triggers, REFERENCE) &&
        (q->triggers.len > 1 || q->all_proposed || q->ppas.len > 0))
        return error_set(err, -EINVAL,
                         "trigger: " REFERENCE
                         " stands alone, without other triggers, all-proposed and ppa");
    return 0;
}

static int check_known(const struct request_order *o, const struct request_limits *limits,
                       struct error *err)
{
    if (!strv_contains(limits->releases, o->release))
        return error_set(err, -ENOENT, "release: %s is not tested here", o->release);
    STRV_FOREACH (arch, &o->archs)
        if (!strv_contains(limits->architectures, arch))
            return error_set(err, -ENOENT, "arch: %s is not tested here", arch);
    return 0;
}

int request_order_read(const struct params *params, const struct request_limits *limits,
                       struct request_order *ret, struct error *err)
{
    struct request_order o = {.request = REQUEST_INIT};
    int r = 0;

    for (size_t i = 0; i < params->len && r == 0; i++)
        r = read_param(&o, &params->items[i], err);
    if (r == 0)
        r = check_complete(&o, err);
    if (r == 0)
        r = check_known(&o, limits, err);
    if (r < 0) {
        request_order_release(&o);
        return r;
    }
    o.context = o.request.ppas.len > 0 ? CONTEXT_PPA : CONTEXT_NORMAL;
    *ret = o;
    return 0;
}

// ---- as JSON

// Nothing may stand for nothing: who sends an empty `readable-by` does not mean everybody.
static int add_text(struct params *params, const char *name, const json_t *value, struct error *err)
{
    const char *text = json_string_value(value);
    int r;

    if (!text)
        return error_set(err, -EINVAL, "%s: expected a string, got %s", name,
                         json_type_name(value));
    if (!*text)
        return error_set(err, -EINVAL, "%s: is empty", name);
    r = params_add(params, name, text);
    return r == -E2BIG ? error_set(err, r, "%s: more than %d values in all", name, PARAMS_MAX)
           : r < 0     ? error_oom(err)
                       : 0;
}

static int add_list(struct params *params, const char *name, const json_t *list, struct error *err)
{
    size_t i;
    json_t *item;
    int r = 0;

    if (json_array_size(list) == 0)
        return error_set(err, -EINVAL, "%s: is empty", name);
    json_array_foreach ((json_t *)list, i, item) {
        if (r == 0 && !json_is_string(item))
            r = error_set(err, -EINVAL, "%s: item %zu: expected a string, got %s", name, i + 1,
                          json_type_name(item));
        if (r == 0)
            r = add_text(params, name, item, err);
    }
    return r;
}

static int add_member(struct params *params, const char *name, const json_t *value,
                      struct error *err)
{
    const struct reader *reader = find_reader(name);

    if (!reader || reader->member == MEMBER_NONE)
        return error_set(err, -EINVAL, "%.40s: there is no such member", name);
    if (json_is_array(value) && reader->member == MEMBER_STRINGS)
        return add_list(params, name, value, err);
    if (json_is_true(value) && reader->member == MEMBER_FLAG)
        return params_add(params, name, "1") < 0 ? error_oom(err) : 0;
    if (json_is_false(value) && reader->member == MEMBER_FLAG)
        return 0;
    return add_text(params, name, value, err);
}

int request_order_read_json(const json_t *object, const struct request_limits *limits,
                            struct request_order *ret, struct error *err)
{
    _cleanup_params_ struct params params = {0};
    const char *name;
    json_t *value;
    int r = 0;

    if (!json_is_object(object))
        return error_set(err, -EINVAL, "expected an object, got %s", json_type_name(object));
    json_object_foreach ((json_t *)object, name, value) {
        if (r == 0)
            r = add_member(&params, name, value, err);
    }
    return r < 0 ? r : request_order_read(&params, limits, ret, err);
}

void request_order_release(struct request_order *order)
{
    request_release(&order->request);
    free(order->release);
    strv_release(&order->archs);
    order->release = NULL;
}
