// SPDX-License-Identifier: GPL-3.0-only
#include "cli/cowboys.h"

#include "cli/cli.h"
#include "data/json.h"

#include <getopt.h>

#define CHARM_LINK "/opt/autopkgtest-cloud"

static const char help[] =
    "autopkgtest-cloud cowboys [OPTION…]: what was changed by hand in the charm's folder\n"
    "\n"
    "Compares every file with the list that was packed with the charm: content, mode, missing and\n"
    "added ones. An upgrade of the charm replaces what is changed here.\n"
    "\n"
    "      --diff               show the differences of text files\n"
    "      --charm DIR          the folder (default " CHARM_LINK ")\n"
    "      --format text|json\n"
    "      --help\n";

enum { OPT_DIFF = 256, OPT_CHARM, OPT_FORMAT };

static const struct option options[] = {
    {"diff", no_argument, NULL, OPT_DIFF},
    {"charm", required_argument, NULL, OPT_CHARM},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

static int print_json(const struct cowboys *c, bool diff)
{
    _cleanup_json_ json_t *all =
        json_pack("{s:I, s:o, s:o, s:o, s:o}", "files", (json_int_t)c->files, "changed",
                  json_strings(&c->changed), "modes", json_strings(&c->modes), "missing",
                  json_strings(&c->missing), "added", json_strings(&c->added));

    if (!all || (diff && json_put_string(all, "diff", buf_str(&c->diff)) < 0))
        return EX_OSERR;
    return cli_print_json(all);
}

static int print_text(const struct cowboys *c)
{
    const struct {
        const char *word;
        const struct strv *list;
    } kinds[] = {{"changed", &c->changed},
                 {"mode", &c->modes},
                 {"missing", &c->missing},
                 {"added", &c->added}};
    size_t all = 0;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        all += kinds[i].list->len;
        STRV_FOREACH (item, kinds[i].list)
            (void)printf("%-8s %s\n", kinds[i].word, item);
    }
    (void)fputs(buf_str(&c->diff), stdout);
    if (all == 0)
        (void)printf("%zu files, all as they were packed\n", c->files);
    return fflush(stdout) == EOF ? EX_IOERR : EX_OK;
}

int command_cowboys(int argc, char **argv)
{
    _cleanup_(cowboys_release) struct cowboys found = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *charm = CHARM_LINK;
    bool diff = false, json = false;
    int option, r;

    if (argc > 1 && str_equal(argv[1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == OPT_DIFF)
            diff = true;
        else if (option == OPT_CHARM)
            charm = optarg;
        else if (option != OPT_FORMAT || !cli_parse_format("cowboys", optarg, &json))
            return EX_USAGE;
    }
    if (optind < argc)
        return cli_usage("cowboys", "unexpected argument \"%s\"", argv[optind]);
    r = cowboys_check(charm, diff, &found, &err);
    if (r < 0)
        return cli_fail("cowboys", r, &err);
    return json ? print_json(&found, diff) : print_text(&found);
}
