// SPDX-License-Identifier: GPL-3.0-only
// mustache: renders a template of this project's dialect (lib/data/template.h) from the command
// line, to try templates and to use them in scripts.
#include "base/file.h"
#include "data/template.h"

#include <getopt.h>
#include <string.h>
#include <sysexits.h>

enum {
    INPUT_MAX = 64 * 1024 * 1024,
};

static const char usage[] =
    "usage: mustache [--strict] TEMPLATE DATA.json [PARTIALS-DIR]\n"
    "\n"
    "Renders the Mustache template TEMPLATE with the values of DATA.json to standard output.\n"
    "TEMPLATE or DATA.json may be \"-\" for standard input.\n"
    "\n"
    "  PARTIALS-DIR   every *.mustache file below it is a partial, named by its path in there\n"
    "                 without the ending (html/page)\n"
    "  -s, --strict   a name that the data do not have, or a partial that is not there, is an\n"
    "                 error\n"
    "  -h, --help     this text\n"
    "\n"
    "Exit status: 0 done, 64 wrong use, 65 template or data are wrong, 66 an input cannot be "
    "read,\n"
    "71 no memory, 74 the output cannot be written.\n";

struct arguments {
    const char *template, *data, *partials;
    bool strict, help;
};

// 0 or an exit status.
static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
    static const struct option options[] = {
        {"strict", no_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct arguments a = {0};
    int c;

    while ((c = getopt_long(argc, argv, "sh", options, NULL)) != -1)
        switch (c) {
        case 's':
            a.strict = true;
            break;
        case 'h':
            a.help = true;
            break;
        default:
            (void)fputs("mustache: try --help\n", stderr);
            return EX_USAGE;
        }
    if (!a.help && (argc - optind < 2 || argc - optind > 3)) {
        (void)fprintf(stderr, "mustache: expected 2 or 3 arguments, got %d; try --help\n",
                      argc - optind);
        return EX_USAGE;
    }
    if (!a.help) {
        a.template = argv[optind];
        a.data = argv[optind + 1];
        a.partials = argv[optind + 2];
    }
    *ret = a;
    return 0;
}

static int fail(const struct error *err, int r, int status)
{
    (void)fprintf(stderr, "mustache: %s\n", error_message(err));
    return r == -ENOMEM ? EX_OSERR : status;
}

static int read_input(const char *path, struct buf *b, struct error *err)
{
    if (strcmp(path, "-") == 0)
        return file_read_fd(STDIN_FILENO, "standard input", b, err);
    return file_read(path, b, err);
}

static int load_data(const char *path, json_t **ret)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(INPUT_MAX);
    json_error_t problem;
    int r = read_input(path, &text, &err);

    if (r < 0)
        return fail(&err, r, EX_NOINPUT);
    *ret = json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (*ret)
        return 0;
    (void)fprintf(stderr, "mustache: %s: line %d: %s\n", path, problem.line, problem.text);
    return EX_DATAERR;
}

static int load_template(const char *path, struct template **ret)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(INPUT_MAX);
    int r = read_input(path, &text, &err);

    if (r < 0)
        return fail(&err, r, EX_NOINPUT);
    r = template_parse(buf_str(&text), text.len, path, ret, &err);
    return r < 0 ? fail(&err, r, EX_DATAERR) : 0;
}

static int load_partials(const char *dir, struct template_set *set)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = template_set_load(set, dir, &err);

    return r < 0 ? fail(&err, r, r == -EINVAL ? EX_DATAERR : EX_NOINPUT) : 0;
}

static int render(const struct template *t, const json_t *data,
                  const struct template_options *options)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);
    int r = template_render(t, data, options, &out, &err);

    if (r < 0)
        return fail(&err, r, EX_DATAERR);
    r = fd_write_all(STDOUT_FILENO, buf_str(&out), out.len);
    if (r == 0)
        return 0;
    (void)error_errno(&err, r, "cannot write the output");
    return fail(&err, r, EX_IOERR);
}

int main(int argc, char **argv)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    _cleanup_(json_decrefp) json_t *data = NULL;
    struct arguments arguments;
    int status = parse_arguments(argc, argv, &arguments);

    if (status)
        return status;
    if (arguments.help)
        return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? EX_IOERR : 0;
    if (!set)
        return EX_OSERR;
    status = load_template(arguments.template, &t);
    if (status == 0)
        status = load_data(arguments.data, &data);
    if (status == 0 && arguments.partials)
        status = load_partials(arguments.partials, set);
    if (status)
        return status;
    return render(t, data, &(struct template_options){.partials = set, .strict = arguments.strict});
}
