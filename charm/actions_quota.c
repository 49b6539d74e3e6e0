// SPDX-License-Identifier: GPL-3.0-only
// What a number of runners needs of a cloud, by the figures in the flavors' names.
#include "charm/actions.h"

#include "base/parse.h"
#include "charm/juju.h"
#include "charm/options.h"
#include "data/json.h"
#include "data/yaml.h"

#define RUNNERS_MAX 100000

static const struct param quota_params[] = {
    {.name = "margin", .type = PARAM_NUMBER, .number = 10, .min = 0, .max = 100},
    {.name = "runners", .type = PARAM_NUMBER, .min = 1, .max = RUNNERS_MAX},
};

struct flavor {
    uint64_t cores, ram_gb, disk_gb;
};

// "cpu2-ram4-disk20", or the same with more behind it.
static bool parse_flavor(const char *name, struct flavor *ret)
{
    static const char *const words[] = {"cpu", "-ram", "-disk"};
    uint64_t *const figures[] = {&ret->cores, &ret->ram_gb, &ret->disk_gb};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        _cleanup_free_ char *digits = NULL;
        size_t len;

        if (!str_starts_with(name, words[i]))
            return false;
        name += strlen(words[i]);
        len = strspn(name, "0123456789");
        digits = strndup(name, len);
        if (!digits || parse_uint(digits, 1, 1000000, figures[i], NULL) < 0)
            return false;
        name += len;
    }
    return *name == '\0' || *name == '-';
}

static const char *default_of(const char *name)
{
    for (size_t i = 0; i < options_table_len; i++)
        if (str_equal(options_table[i].name, name))
            return options_table[i].text;
    return "";
}

static int read_flavor(const struct action *action, const json_t *config, const char *option,
                       struct flavor *ret, struct error *err)
{
    const char *name = json_text(config, option);

    if (!*name)
        name = default_of(option);
    if (parse_flavor(name, ret))
        return 0;
    return error_set(err, -EINVAL,
                     "%s: \"%s\" does not tell its size: expected a name such as cpu2-ram4-disk20 "
                     "(juju config %s %s=…)",
                     option, name, action->model.app, option);
}

// The workers of option n-workers, `region: {arch: count}`.
static int count_configured(const json_t *config, uint64_t *ret, struct error *err)
{
    const char *text = json_text(config, "n-workers");
    _cleanup_json_ json_t *regions = NULL;
    const char *region, *arch;
    json_t *archs, *count;
    int r = yaml_parse(text, strlen(text), "n-workers", &regions, err);

    *ret = 0;
    if (r < 0)
        return r;
    json_object_foreach (regions, region, archs) {
        json_object_foreach (archs, arch, count) {
            json_int_t n = json_integer_value(count);

            if (!json_is_integer(count) || n < 0 || n > RUNNERS_MAX)
                return error_set(err, -EINVAL, "n-workers: %s.%s: expected a whole number", region,
                                 arch);
            *ret += (uint64_t)n;
        }
    }
    return 0;
}

static int put_needs(struct action *action, const char *suffix, uint64_t cores, uint64_t ram,
                     uint64_t disk)
{
    const struct {
        const char *key;
        uint64_t value;
    } figures[] = {{"cores", cores}, {"ram-gb", ram}, {"disk-gb", disk}};

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        _cleanup_free_ char *key = str_format("%s%s", figures[i].key, suffix);

        if (!key || action_result(action, key, "%llu", (unsigned long long)figures[i].value) < 0)
            return -ENOMEM;
    }
    return 0;
}

static uint64_t with_margin(uint64_t value, uint64_t percent)
{
    return value + (value * percent + 99) / 100;
}

static int put_quota(struct action *action, uint64_t runners, const struct flavor *usual,
                     const struct flavor *big)
{
    uint64_t margin = (uint64_t)action_number(action, "margin");
    uint64_t cores = runners * usual->cores, ram = runners * usual->ram_gb,
             disk = runners * usual->disk_gb;
    uint64_t large = (runners * margin + 99) / 100, rest = runners - large;

    if (action_result(action, "runners", "%llu", (unsigned long long)runners) < 0 ||
        action_result(action, "margin", "%llu", (unsigned long long)margin) < 0 ||
        action_result(action, "big-runners", "%llu", (unsigned long long)large) < 0 ||
        put_needs(action, "", cores, ram, disk) < 0 ||
        put_needs(action, "-with-margin", with_margin(cores, margin), with_margin(ram, margin),
                  with_margin(disk, margin)) < 0)
        return -ENOMEM;
    // What so many of the big flavor beside the usual one take in fact.
    return put_needs(action, "-with-big", rest * usual->cores + large * big->cores,
                     rest * usual->ram_gb + large * big->ram_gb,
                     rest * usual->disk_gb + large * big->disk_gb);
}

static int run_quota(struct action *action, struct error *err)
{
    _cleanup_json_ json_t *config = NULL;
    struct flavor usual = {0}, big = {0};
    uint64_t runners = (uint64_t)action_number(action, "runners");
    int r = juju_config_get(&config, err);

    if (r < 0 || (r = read_flavor(action, config, "worker-default-flavor", &usual, err)) < 0 ||
        (r = read_flavor(action, config, "worker-big-flavor", &big, err)) < 0)
        return r;
    if (!action_has(action, "runners") && (r = count_configured(config, &runners, err)) < 0)
        return r;
    if (runners == 0)
        return error_set(err, -EINVAL, "n-workers has no workers: say for how many, runners=100");
    return put_quota(action, runners, &usual, &big) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_quota = {.name = "quota",
                                               .params = quota_params,
                                               .params_len = ARRAY_SIZE(quota_params),
                                               .run = run_quota};
