// SPDX-License-Identifier: GPL-3.0-only
#include "adt/drain.h"
#include "base/file.h"
#include "cli/cli.h"
#include "data/json.h"

#include <getopt.h>

static const char drain_help[] =
    "autopkgtest-cloud drain [OPTION…]: workers of this unit take no more work\n"
    "\n"
    "Tests that run go on to their end. It holds across restarts and reboots, also for workers "
    "that\n"
    "are added later, until autopkgtest-cloud resume.\n"
    "\n"
    "      --cloud CLOUD        only workers of this cloud\n"
    "      --architecture ARCH  only workers of this architecture\n"
    "      --list               only show what is drained\n"
    "      --format text|json\n"
    "      --help\n";

static const char resume_help[] =
    "autopkgtest-cloud resume [OPTION…]: drained workers of this unit take work again\n"
    "\n"
    "      --cloud CLOUD        take back the drain of this cloud\n"
    "      --architecture ARCH  take back the drain of this architecture\n"
    "                           (without both: all drains)\n"
    "      --format text|json\n"
    "      --help\n";

enum { OPT_CLOUD = 256, OPT_ARCH, OPT_LIST, OPT_FORMAT, OPT_HELP };

static const struct option options[] = {
    {"cloud", required_argument, NULL, OPT_CLOUD},
    {"architecture", required_argument, NULL, OPT_ARCH},
    {"list", no_argument, NULL, OPT_LIST},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct instance {
    char *name, *cloud, *arch;
};

struct call {
    const char *command;
    const char *cloud, *arch; // NULL: any
    bool list, json, help;
    char *dir;
    struct instance *instances; // of worker.conf
    size_t len;
};

static void call_release(struct call *call)
{
    for (size_t i = 0; i < call->len; i++) {
        free(call->instances[i].name);
        free(call->instances[i].cloud);
        free(call->instances[i].arch);
    }
    free(call->instances);
    free(call->dir);
}

static int add_instance(struct call *call, const struct ini *ini, const char *name)
{
    const char *cloud = ini_get(ini, name, "cloud"), *arch = ini_get(ini, name, "arch");
    struct instance *more, *one;

    if (!cloud || !arch)
        return 0;
    more = reallocarray(call->instances, call->len + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    call->instances = more;
    one = &more[call->len++];
    *one = (struct instance){strdup(name), strdup(cloud), strdup(arch)};
    return one->name && one->cloud && one->arch ? 0 : -ENOMEM;
}

static int load(struct call *call, struct error *err)
{
    _cleanup_free_ char *path = path_join(settings_dir(), "worker.conf");
    _cleanup_(ini_freep) struct ini *ini = NULL;
    _cleanup_strv_ struct strv sections = STRV_INIT;
    int r = path ? ini_load(path, &ini, err) : error_oom(err);

    if (r == -ENOENT)
        return error_prefix(err, r, "this unit has no workers");
    if (r < 0 || (r = drain_dir(settings_dir(), &call->dir, err)) < 0)
        return r;
    if (ini_sections(ini, &sections) < 0)
        return error_oom(err);
    STRV_FOREACH (section, &sections)
        if (add_instance(call, ini, section) < 0)
            return error_oom(err);
    return 0;
}

static bool is_meant(const struct call *call, const struct instance *instance)
{
    return (!call->cloud || str_equal(call->cloud, instance->cloud)) &&
           (!call->arch || str_equal(call->arch, instance->arch));
}

// How many workers of this unit the order goes for, and how many of them are drained.
static size_t count(const struct call *call, size_t *ret_drained)
{
    size_t meant = 0;

    *ret_drained = 0;
    for (size_t i = 0; i < call->len; i++) {
        const struct instance *one = &call->instances[i];

        if (!is_meant(call, one))
            continue;
        meant++;
        *ret_drained += drain_covers(call->dir, one->cloud, one->arch);
    }
    return meant;
}

static int print_list(const struct call *call, struct error *err)
{
    _cleanup_strv_ struct strv orders = STRV_INIT;
    size_t drained, all = count(call, &drained);
    int r = drain_list(call->dir, &orders, err);

    if (r < 0)
        return r;
    STRV_FOREACH (order, &orders)
        (void)puts(order);
    (void)printf("%zu of %zu workers are drained\n", drained, all);
    return 0;
}

// {"workers", "drained": of those the call goes for, "orders": in force, "changed"}
static int print_json(const struct call *call, bool changed, struct error *err)
{
    _cleanup_strv_ struct strv orders = STRV_INIT;
    _cleanup_json_ json_t *object = NULL;
    size_t drained, meant = count(call, &drained);
    json_t *list = json_array();
    int r = drain_list(call->dir, &orders, err);

    STRV_FOREACH (order, &orders)
        (void)json_array_append_new(list, json_string(order));
    object = json_pack("{s:I, s:I, s:b, s:o}", "workers", (json_int_t)meant, "drained",
                       (json_int_t)drained, "changed", (int)changed, "orders", list);
    if (r < 0)
        return r;
    if (!object)
        return error_oom(err);
    return cli_print_json(object) == EX_OK ? 0 : error_set(err, -EIO, "cannot print");
}

static int clear_all(const struct call *call, bool *ret_changed, struct error *err)
{
    _cleanup_strv_ struct strv orders = STRV_INIT;
    int r = drain_list(call->dir, &orders, err);

    for (size_t i = 0; r == 0 && i < orders.len; i++) {
        _cleanup_free_ char *path = path_join(call->dir, orders.items[i]);
        bool changed = false;

        r = path ? file_remove(path, &changed, err) : error_oom(err);
        *ret_changed |= changed;
    }
    return r;
}

static int act(const struct call *call, bool *ret_changed, struct error *err)
{
    if (str_equal(call->command, "drain"))
        return drain_set(call->dir, call->cloud, call->arch, ret_changed, err);
    if (call->cloud || call->arch)
        return drain_clear(call->dir, call->cloud, call->arch, ret_changed, err);
    return clear_all(call, ret_changed, err);
}

static void report(const struct call *call, bool changed)
{
    bool drain = str_equal(call->command, "drain");
    size_t drained, meant = count(call, &drained);

    if (drain)
        (void)printf("%zu workers take no more work%s\n", drained,
                     changed ? "; tests that run go on" : ", as before");
    else if (drained == 0)
        (void)printf("%zu workers take work%s\n", meant, changed ? " again" : ", as before");
    else
        (void)printf("%zu of %zu workers are still drained, by: autopkgtest-cloud drain --list\n",
                     drained, meant);
}

static int parse_options(int argc, char **argv, struct call *call)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == OPT_CLOUD)
            call->cloud = optarg;
        else if (option == OPT_ARCH)
            call->arch = optarg;
        else if (option == OPT_LIST)
            call->list = true;
        else if (option == OPT_HELP)
            call->help = true;
        else if (option != OPT_FORMAT || !cli_parse_format(call->command, optarg, &call->json))
            return EX_USAGE;
    }
    if (call->list && str_equal(call->command, "resume"))
        return cli_usage(call->command, "--list is an option of drain");
    if (optind < argc)
        return cli_usage(call->command, "unexpected argument \"%s\"", argv[optind]);
    return EX_OK;
}

static int run(struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool changed = false;
    size_t drained;
    int r = load(call, &err);

    if (r < 0)
        return cli_fail(call->command, r, &err);
    if (count(call, &drained) == 0) {
        (void)fprintf(stderr, "autopkgtest-cloud %s: no worker of this unit is of %s, %s; see %s\n",
                      call->command, call->cloud ? call->cloud : "any cloud",
                      call->arch ? call->arch : "any architecture", "worker.conf");
        return EX_USAGE;
    }
    if (!call->list)
        r = act(call, &changed, &err);
    if (r == 0 && call->json)
        r = print_json(call, changed, &err);
    else if (r == 0 && call->list)
        r = print_list(call, &err);
    else if (r == 0)
        report(call, changed);
    return r < 0 ? cli_fail(call->command, r, &err) : EX_OK;
}

static int command(const char *name, const char *help, int argc, char **argv)
{
    _cleanup_(call_release) struct call call = {.command = name};
    int r = parse_options(argc, argv, &call);

    if (r != EX_OK)
        return r;
    if (call.help)
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    return run(&call);
}

int command_drain(int argc, char **argv)
{
    return command("drain", drain_help, argc, argv);
}

int command_resume(int argc, char **argv)
{
    return command("resume", resume_help, argc, argv);
}
