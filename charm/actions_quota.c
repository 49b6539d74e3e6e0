// SPDX-License-Identifier: GPL-3.0-only
// What a number of runners needs of a cloud, by the figures in the flavors' names, beside what the
// regions allow.
#include "charm/actions.h"

#include "base/parse.h"
#include "charm/juju.h"
#include "charm/options.h"
#include "charm/unit_command.h"
#include "data/json.h"
#include "data/openrc.h"
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

// Adds workers to those of the .rc file that they use, by its name without the ending.
static int add_runners(json_t *files, const char *region, const char *arch, json_int_t n)
{
    _cleanup_free_ char *name = openrc_file_name(region, arch);

    if (!name)
        return -ENOMEM;
    name[strlen(name) - strlen(".rc")] = '\0';
    return json_put_int(files, name, json_integer_value(json_object_get(files, name)) + n);
}

// The workers of option n-workers, `region: {arch: count}`: of each .rc file, and of all.
static int count_configured(const json_t *config, json_t *files, uint64_t *ret, struct error *err)
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
            if (add_runners(files, region, arch, n) < 0)
                return error_oom(err);
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

// ---- regions

// One figure of a region: needed, allowed, used. What falls short goes to `lacks`.
static int put_figure(struct action *action, const char *region, const json_t *told,
                      const char *figure, uint64_t needed, struct buf *lacks)
{
    const json_t *values = json_object_get(told, figure);
    json_int_t limit = json_integer_value(json_object_get(values, "limit"));
    const struct {
        const char *suffix;
        json_int_t value;
    } results[] = {{"needed", (json_int_t)needed},
                   {"limit", limit},
                   {"used", json_integer_value(json_object_get(values, "used"))}};

    for (size_t i = 0; i < (values ? ARRAY_SIZE(results) : 1); i++) {
        _cleanup_free_ char *key = str_format("%s-%s-%s", region, figure, results[i].suffix);
        bool unlimited = i == 1 && limit < 0;

        if (!key || action_result(action, key, unlimited ? "none" : "%lld",
                                  (long long)results[i].value) < 0)
            return -ENOMEM;
    }
    if (!values || limit < 0 || needed <= (uint64_t)limit)
        return 0;
    return buf_addf(lacks, "%s%s %llu needed, %lld allowed", lacks->len ? "; " : "", figure,
                    (unsigned long long)needed, (long long)limit);
}

static int put_region(struct action *action, const char *region, const json_t *told,
                      uint64_t runners, const struct flavor *usual, struct strv *short_of)
{
    uint64_t margin = (uint64_t)action_number(action, "margin");
    const struct {
        const char *figure;
        uint64_t needed;
    } needs[] = {{"instances", runners},
                 {"cores", with_margin(runners * usual->cores, margin)},
                 {"ram-gb", with_margin(runners * usual->ram_gb, margin)},
                 {"disk-gb", with_margin(runners * usual->disk_gb, margin)}};
    _cleanup_buf_ struct buf lacks = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *key = str_format("%s-short", region);
    const char *error = json_text(told, "error");
    int r = key ? 0 : -ENOMEM;

    for (size_t i = 0; i < ARRAY_SIZE(needs) && r >= 0; i++)
        r = put_figure(action, region, told, needs[i].figure, needs[i].needed, &lacks);
    if (r < 0)
        return r;
    if (*error)
        return action_result(action, key, "unknown: %s", error);
    if (lacks.len > 0 && strv_addf(short_of, "%s: %s", region, buf_str(&lacks)) < 0)
        return -ENOMEM;
    return action_result_text(action, key, lacks.len ? buf_str(&lacks) : "nothing");
}

static int ask_regions(const struct action *action, json_t *files, json_t **ret, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    const char *name;
    json_t *count;
    int r = strv_add_all(&words, (const char *[]){"quota", "--format=json", "--", NULL});

    json_object_foreach (files, name, count)
        if (r >= 0)
            r = strv_add(&words, name);
    return r < 0 ? error_oom(err) : unit_command_json(action, &words, NULL, ret, err);
}

// What the regions of n-workers say, beside what their workers need.
static int put_regions(struct action *action, json_t *files, const struct flavor *usual,
                       struct error *err)
{
    _cleanup_json_ json_t *told = NULL;
    _cleanup_strv_ struct strv short_of = STRV_INIT;
    _cleanup_free_ char *all = NULL;
    const char *name;
    json_t *count;
    int r = ask_regions(action, files, &told, err);

    if (r < 0)
        return r;
    json_object_foreach (files, name, count)
        if (put_region(action, name, json_object_get(told, name),
                       (uint64_t)json_integer_value(count), usual, &short_of) < 0)
            return error_oom(err);
    all = strv_join(&short_of, ", ");
    return all && action_result_text(action, "short", *all ? all : "nothing") >= 0 ? 0
                                                                                   : error_oom(err);
}

static int run_quota(struct action *action, struct error *err)
{
    _cleanup_json_ json_t *config = NULL, *files = json_object();
    struct flavor usual = {0}, big = {0};
    uint64_t runners = (uint64_t)action_number(action, "runners");
    int r = juju_config_get(&config, err);

    if (r < 0 || (r = read_flavor(action, config, "worker-default-flavor", &usual, err)) < 0 ||
        (r = read_flavor(action, config, "worker-big-flavor", &big, err)) < 0)
        return r;
    if (!files)
        return error_oom(err);
    if (!action_has(action, "runners") && (r = count_configured(config, files, &runners, err)) < 0)
        return r;
    if (runners == 0)
        return error_set(err, -EINVAL, "n-workers has no workers: say for how many, runners=100");
    if (put_quota(action, runners, &usual, &big) < 0)
        return error_oom(err);
    return json_object_size(files) > 0 ? put_regions(action, files, &usual, err) : 0;
}

const struct action_definition action_quota = {.name = "quota",
                                               .params = quota_params,
                                               .params_len = ARRAY_SIZE(quota_params),
                                               .run = run_quota};
