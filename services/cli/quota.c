// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "cli/cli.h"
#include "data/json.h"
#include "data/openrc.h"
#include "net/openstack.h"

#include <getopt.h>

static const char help[] = "autopkgtest-cloud quota [OPTION…] [NAME…]: what OpenStack regions "
                           "allow, and what is used there\n"
                           "\n"
                           "NAME is an .rc file of the unit without its ending, such as lcy02 or "
                           "bos01-arm64; default: all.\n"
                           "\n"
                           "      --format text|json\n"
                           "      --help\n";

enum { OPT_FORMAT = 256, OPT_HELP };

static const struct option options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

// Figures of the absolute limits that Nova and Cinder tell (Compute API: "Limits"; Block Storage
// API: "Limits"). -1 is no limit.
static const struct figure {
    const char *key;
    enum openstack_service service;
    const char *limit, *used;
    int64_t unit; // of theirs in one of ours
} figures[] = {
    {"instances", OPENSTACK_COMPUTE, "maxTotalInstances", "totalInstancesUsed", 1},
    {"cores", OPENSTACK_COMPUTE, "maxTotalCores", "totalCoresUsed", 1},
    {"ram-gb", OPENSTACK_COMPUTE, "maxTotalRAMSize", "totalRAMUsed", 1024},
    {"volume-gb", OPENSTACK_VOLUME, "maxTotalVolumeGigabytes", "totalGigabytesUsed", 1},
};

static int put_figure(const struct figure *figure, const json_t *absolute, json_t *region)
{
    const json_t *limit = json_object_get(absolute, figure->limit),
                 *used = json_object_get(absolute, figure->used);
    json_int_t most = json_integer_value(limit), now = json_integer_value(used);

    if (!json_is_integer(limit)) // this cloud does not tell
        return 0;
    return json_put(region, figure->key,
                    json_pack("{s:I, s:I}", "limit", most < 0 ? -1 : most / figure->unit, "used",
                              (now + figure->unit - 1) / figure->unit));
}

// A cloud need not have volumes.
static int ask(struct openstack *cloud, enum openstack_service service, json_t *region,
               struct error *err)
{
    const struct openstack_call call = {.service = service, .path = "/limits"};
    _cleanup_json_ json_t *answer = NULL;
    const json_t *absolute;
    int r = openstack_call(cloud, &call, &answer, err);

    if (r == -ENXIO && service == OPENSTACK_VOLUME) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    absolute = json_object_get(json_object_get(answer, "limits"), "absolute");
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        if (figures[i].service == service && put_figure(&figures[i], absolute, region) < 0)
            return error_oom(err);
    return 0;
}

static int look(const char *name, json_t *region, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/novarcs/%s.rc", settings_dir(), name);
    _cleanup_(openstack_freep) struct openstack *cloud = NULL;
    _cleanup_openrc_ struct openrc rc = {0};
    int r;

    if (!path)
        return error_oom(err);
    if ((r = openrc_load(path, &rc, err)) < 0 || (r = openstack_new(&rc, &cloud, err)) < 0 ||
        (r = ask(cloud, OPENSTACK_COMPUTE, region, err)) < 0)
        return r;
    return ask(cloud, OPENSTACK_VOLUME, region, err);
}

// A region that does not answer is told, and does not keep the others from answering.
static int look_all(const struct strv *names, json_t *regions)
{
    STRV_FOREACH (name, names) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *region = json_object();
        int r;

        if (json_put(regions, name, region) < 0)
            return -ENOMEM;
        r = look(name, region, &err);
        if (r == -ENOMEM || (r < 0 && json_put_string(region, "error", error_message(&err)) < 0))
            return -ENOMEM;
    }
    return 0;
}

static int list_files(struct strv *names, struct error *err)
{
    _cleanup_free_ char *dir = path_join(settings_dir(), "novarcs");
    _cleanup_strv_ struct strv files = STRV_INIT;
    int r = dir ? dir_list(dir, &files, err) : error_oom(err);

    if (r == -ENOENT || (r == 0 && files.len == 0))
        return error_set(err, -ENOENT,
                         "this unit has no .rc file of a cloud: see the option novarcs");
    STRV_FOREACH (file, &files)
        if (r == 0 && str_ends_with(file, ".rc"))
            r = strv_addf(names, "%.*s", (int)(strlen(file) - strlen(".rc")), file);
    return r;
}

static int print_text(const json_t *regions)
{
    const json_t *region;
    const char *name;

    json_object_foreach ((json_t *)(uintptr_t)regions, name, region) {
        const char *error = json_text(region, "error");

        printf("%s:%s%s\n", name, *error ? " " : "", error);
        for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
            const json_t *figure = json_object_get(region, figures[i].key);
            json_int_t limit = json_integer_value(json_object_get(figure, "limit"));

            if (figure && limit < 0)
                printf("  %-10s %lld used, no limit\n", figures[i].key,
                       (long long)json_integer_value(json_object_get(figure, "used")));
            else if (figure)
                printf("  %-10s %lld of %lld used\n", figures[i].key,
                       (long long)json_integer_value(json_object_get(figure, "used")),
                       (long long)limit);
        }
    }
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static bool is_name(const char *text)
{
    return *text && *text != '.' && *text != '-' && !strchr(text, '/');
}

// EX_OK, or how the program ends; *ret_told: it has done what it was asked for.
static int read_options(int argc, char **argv, bool *ret_json, bool *ret_told)
{
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        if (c == OPT_HELP || c == 'h') {
            *ret_told = true;
            return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
        }
        if (c != OPT_FORMAT)
            return cli_usage("quota", "no such option, or its value is missing");
        if (!cli_parse_format("quota", optarg, ret_json))
            return EX_USAGE;
    }
    for (int i = optind; i < argc; i++)
        if (!is_name(argv[i]))
            return cli_usage("quota", "expected the name of an .rc file, got \"%s\"", argv[i]);
    return EX_OK;
}

int command_quota(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_json_ json_t *regions = json_object();
    bool json = false, told = false;
    int r = read_options(argc, argv, &json, &told);

    if (r != EX_OK || told)
        return r;
    r = strv_add_all(&names, (const char *const *)argv + optind);
    if (r == 0 && names.len == 0 && (r = list_files(&names, &err)) < 0)
        return cli_fail("quota", r, &err);
    if (r < 0 || !regions || look_all(&names, regions) < 0)
        return cli_fail("quota", error_oom(&err), &err);
    return json ? cli_print_json(regions) : print_text(regions);
}
