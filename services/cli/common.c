// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"

#include <poll.h>

int cli_fail(const char *command, int r, const struct error *err)
{
    (void)fprintf(stderr, "autopkgtest-cloud %s: %s\n", command, error_message(err));
    switch (r) {
    case -ENOENT:
    case -EINVAL:
        return EX_CONFIG;
    case -EACCES:
    case -EPERM:
        return EX_NOPERM;
    case -EBADMSG:
        return EX_DATAERR;
    case -ENOMEM:
        return EX_OSERR;
    default:
        return EX_TEMPFAIL;
    }
}

int cli_usage(const char *command, const char *format, ...)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    va_list args;

    va_start(args, format);
    (void)error_setv(&err, 0, format, args);
    va_end(args);
    (void)fprintf(stderr, "autopkgtest-cloud %s: %s (see autopkgtest-cloud %s --help)\n", command,
                  error_message(&err), command);
    return EX_USAGE;
}

int cli_connect(const struct amqp_handlers *handlers, struct amqp_link **ret, struct error *err)
{
    struct amqp_settings settings = {0};
    int r = settings_load_broker(settings_dir(), &settings, err);

    if (r == -EACCES)
        return error_prefix(err, r,
                            "the broker's credentials are readable by root and the group "
                            "autopkgtest only");
    if (r == -ENOENT)
        return error_prefix(err, r,
                            "this unit has no broker: juju integrate APPLICATION:amqp "
                            "rabbitmq-server");
    if (r < 0)
        return r;
    r = amqp_link_open(&settings, "autopkgtest-cloud", handlers, NULL, ret, err);
    amqp_settings_release(&settings);
    return r;
}

static int add_words(const struct ini *ini, const char *section, const char *key, struct strv *to)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    const char *value = ini_get(ini, section, key);

    if (value && strv_split(&words, value, " \t") < 0)
        return -ENOMEM;
    STRV_FOREACH (word, &words)
        if (!strv_contains(to, word) && strv_add(to, word) < 0)
            return -ENOMEM;
    return 0;
}

static int add_worker_archs(const struct ini *ini, struct strv *archs)
{
    _cleanup_strv_ struct strv sections = STRV_INIT;

    if (ini_sections(ini, &sections) < 0)
        return -ENOMEM;
    STRV_FOREACH (section, &sections)
        if (add_words(ini, section, "arch", archs) < 0)
            return -ENOMEM;
    return 0;
}

static int load_optional(const char *name, struct ini **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(settings_dir(), name);
    int r = path ? ini_load(path, ret, err) : error_oom(err);

    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    return r;
}

int cli_known(struct strv *ret_releases, struct strv *ret_archs, struct error *err)
{
    _cleanup_(ini_freep) struct ini *worker = NULL;
    _cleanup_(ini_freep) struct ini *web = NULL;
    int r;

    if ((r = load_optional("worker.conf", &worker, err)) < 0 ||
        (r = load_optional("web.conf", &web, err)) < 0)
        return r;
    if (!worker && !web)
        return error_set(err, -ENOENT,
                         "neither worker.conf nor web.conf is in %s: name the release and the "
                         "architecture with --release and --architecture",
                         settings_dir());
    if ((worker && (add_words(worker, "worker", "releases", ret_releases) < 0 ||
                    add_worker_archs(worker, ret_archs) < 0)) ||
        (web && (add_words(web, "web", "releases", ret_releases) < 0 ||
                 add_words(web, "web", "architectures", ret_archs) < 0)))
        return error_oom(err);
    strv_sort(ret_releases);
    strv_sort(ret_archs);
    return 0;
}

bool cli_parse_format(const char *command, const char *value, bool *ret_json)
{
    if (str_equal(value, "json") || str_equal(value, "text")) {
        *ret_json = str_equal(value, "json");
        return true;
    }
    (void)cli_usage(command, "--format: expected text or json, got \"%s\"", value);
    return false;
}

int cli_print_json(const json_t *value)
{
    if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY) < 0 ||
        putchar('\n') == EOF || fflush(stdout) == EOF)
        return EX_IOERR;
    return EX_OK;
}

int cli_open_store(struct swift **ret, struct error *err)
{
    _cleanup_(swift_settings_release) struct swift_settings store = {0};
    int r = settings_load_store(settings_dir(), &store, err);

    if (r == -ENOENT)
        return error_prefix(err, r, "this unit has no credentials of a store");
    return r < 0 ? r : swift_new(&store, ret, err);
}

int cli_wait(struct amqp_link *link, uint64_t until_us, struct error *err)
{
    struct pollfd fd = {.fd = amqp_link_fd(link), .events = POLLIN};
    uint64_t at = amqp_link_deadline(link);
    struct timespec left;

    (void)ppoll(&fd, 1, clock_left(at < until_us ? at : until_us, &left), NULL);
    return amqp_link_dispatch(link, err);
}
