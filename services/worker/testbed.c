// SPDX-License-Identifier: GPL-3.0-only
#include "worker/testbed.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "worker/command.h"

#define WORDS_MAX 8
#define WAIT_US (30 * USEC_PER_SEC)
#define OUTPUT_MAX ((size_t)1024 * 1024)

// Of a run's testbed, $NAME as in the backend's arguments (letters, digits and hyphens only). The
// remotes of LXD are shared, by other models' units too: there the mark tells whose an instance is.
static const struct keeper {
    const char *backend;
    const char *list[WORDS_MAX];   // prints the names of testbeds, others' among them
    bool only_ours;                // … no: only the run's
    const char *remove[WORDS_MAX]; // $NAME: one of those names
    const char *sign[WORDS_MAX];   // the same, in use at $TIMESTAMP; none: nobody else removes it
} keepers[] = {
    {"schroot",
     {"schroot", "--list", "--all-sessions"},
     false,
     {"schroot", "--end-session", "--force", "--chroot", "session:$NAME"},
     {0}},
    {"lxc",
     {"lxc-ls", "-1", "--filter", "^$NAME$"},
     false,
     {"lxc-destroy", "--force", "--name", "$NAME"},
     {0}},
    {"podman",
     {"podman", "ps", "--all", "--format", "{{.Names}}"},
     false,
     {"podman", "rm", "--force", "$NAME"},
     {0}},
    {"lxd",
     {"lxc", "list", "--format=csv", "--columns=n", "$LXD_REMOTE:", COMMAND_LXD_MARK,
      COMMAND_LXD_MODEL},
     true,
     {"lxc", "delete", "--force", "$LXD_REMOTE:$NAME"},
     {"lxc", "config", "set", "$LXD_REMOTE:$NAME", COMMAND_LXD_ALIVE}},
};

static const struct keeper *find_keeper(const char *backend)
{
    for (size_t i = 0; i < ARRAY_SIZE(keepers); i++)
        if (str_equal(keepers[i].backend, backend))
            return &keepers[i];
    return NULL;
}

static int expand(const struct command_context *context, const char *const *words, struct strv *ret)
{
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++) {
        bool absent = str_empty(context->model) && str_equal(words[i], COMMAND_LXD_MODEL);
        _cleanup_free_ char *word = command_expand(context, words[i]);

        if (absent)
            continue;
        if (!word || strv_add(ret, word) < 0)
            return -ENOMEM;
    }
    return 0;
}

// *ret_output: what it said, on standard output.
static int run(const struct strv *argv, char **ret_output, struct error *err)
{
    const char *program = argv->len ? argv->items[0] : "";
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(OUTPUT_MAX);
    int r;

    spec.argv = (const char *const *)argv->items;
    spec.die_with_parent = true;
    r = process_run(&spec, NULL, 0, WAIT_US, &result, err);
    if (r == 0 && result.status != 0)
        return error_set(err, -EIO, "%s ended with %d: %s", program, result.status,
                         buf_str(&result.errors));
    if (r == 0 && ret_output)
        *ret_output = buf_take(&result.out);
    return r < 0 || !ret_output || *ret_output ? r : error_oom(err);
}

// Runs the program; the message of an error has the whole line, for a person to run.
static int run_expanded(const struct command_context *context, const char *const *words,
                        char **ret_output, struct error *err)
{
    _cleanup_strv_ struct strv argv = STRV_INIT;
    _cleanup_free_ char *line = NULL;
    int r;

    if (expand(context, words, &argv) < 0 || !(line = strv_join(&argv, " ")))
        return error_oom(err);
    r = run(&argv, ret_output, err);
    return r < 0 ? error_prefix(err, r, "%s", line) : 0;
}

bool testbed_takes_name(const char *autopkgtest)
{
    // Beside the program as packages have it, or in a checkout.
    static const char *const places[] = {"autopkgtest-virt-lxd", "../virt/autopkgtest-virt-lxd"};
    _cleanup_free_ char *dir = path_parent(autopkgtest);

    for (size_t i = 0; dir && i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *path = path_join(dir, places[i]);
        _cleanup_buf_ struct buf text = BUF_INIT(OUTPUT_MAX);

        if (path && file_read(path, &text, NULL) == 0)
            return strstr(buf_str(&text), "--name") != NULL;
    }
    return true;
}

// ---------------------------------------------------------------- setup scripts of ssh

#define OUR_SCRIPT "/autopkgtest-nova-setup"

// The script behind -s, when it is ours; NULL: another, or none.
static const char *our_script(const struct worker_settings *settings)
{
    const struct strv *args = &settings->backend_args;

    if (!str_equal(settings->backend, "ssh"))
        return NULL;
    for (size_t i = 0; i + 1 < args->len; i++)
        if (str_equal(args->items[i], "-s") || str_equal(args->items[i], "--setup-script"))
            return str_ends_with(args->items[i + 1], OUR_SCRIPT) ? args->items[i + 1] : NULL;
    return NULL;
}

// SCRIPT sweep and the options that a test gets; without a run none is named.
static int sweep_words(const struct worker_settings *settings, bool of_run, const char *keep,
                       struct strv *ret)
{
    const struct strv *args = &settings->backend_args;
    size_t i = 0;

    if (strv_add(ret, our_script(settings)) < 0 || strv_add(ret, "sweep") < 0)
        return -ENOMEM;
    while (i < args->len && !str_equal(args->items[i], "--"))
        i++;
    for (i++; i < args->len; i++)
        if ((of_run || !str_starts_with(args->items[i], "--name=")) &&
            strv_add(ret, args->items[i]) < 0)
            return -ENOMEM;
    return keep ? strv_addf(ret, "--keep=%s", keep) : 0;
}

static int sweep(const struct worker_settings *settings, const char *name, const char *keep,
                 struct error *err)
{
    const struct request request = REQUEST_INIT;
    const struct command_context context = {.request = &request,
                                            .release = "",
                                            .arch = settings->arch,
                                            .unit = settings->unit,
                                            .model = settings->model,
                                            .mirror = settings->mirror,
                                            .remote = settings->cloud,
                                            .name = name ? name : ""};
    _cleanup_strv_ struct strv words = STRV_INIT, argv = STRV_INIT;
    _cleanup_free_ char *output = NULL;
    int r = sweep_words(settings, name != NULL, keep, &words);

    STRV_FOREACH (word, &words) {
        char *expanded = command_expand(&context, word);

        if (r < 0 || !expanded || strv_take(&argv, expanded) < 0)
            return error_oom(err);
    }
    if (r < 0)
        return error_oom(err);
    r = run(&argv, &output, err);
    return r < 0 ? r : !str_empty(output) && !str_equal(output, "0\n");
}

bool testbed_can_sweep(const struct worker_settings *settings)
{
    return our_script(settings) != NULL;
}

int testbed_sweep(const struct worker_settings *settings, const char *keep, struct error *err)
{
    _cleanup_free_ char *name = keep ? command_name(settings->name, keep) : NULL;

    if (keep && !name)
        return error_oom(err);
    return our_script(settings) ? sweep(settings, NULL, name, err) : 0;
}

// Runs words of the keeper for every testbed of the run: 1, or 0 where there is none.
static int for_each(const struct keeper *keeper, const struct worker_settings *settings,
                    const char *name, const char *const *words, struct error *err)
{
    const struct request request = REQUEST_INIT; // not needed for the names
    struct command_context context = {.request = &request,
                                      .release = "",
                                      .arch = settings->arch,
                                      .unit = settings->unit,
                                      .model = settings->model,
                                      .remote = settings->cloud,
                                      .timestamp = (int64_t)(clock_realtime_us() / USEC_PER_SEC),
                                      .name = name};
    _cleanup_strv_ struct strv found = STRV_INIT;
    _cleanup_free_ char *output = NULL;
    int r, any = 0;

    if ((r = run_expanded(&context, keeper->list, &output, err)) < 0)
        return r;
    if (strv_split(&found, output, " \n,:") < 0)
        return error_oom(err);
    STRV_FOREACH (testbed, &found) {
        if (!keeper->only_ours && !str_equal(testbed, name))
            continue;
        context.name = testbed;
        if ((r = run_expanded(&context, words, NULL, err)) < 0)
            return r;
        any = 1;
    }
    return any;
}

int testbed_remove(const struct worker_settings *settings, const char *run_id, struct error *err)
{
    const struct keeper *keeper = find_keeper(settings->backend);
    _cleanup_free_ char *name = command_name(settings->name, run_id);

    if (!name)
        return error_oom(err);
    if (our_script(settings))
        return sweep(settings, name, NULL, err);
    return keeper ? for_each(keeper, settings, name, keeper->remove, err) : 0;
}

bool testbed_takes_signs(const struct worker_settings *settings)
{
    const struct keeper *keeper = find_keeper(settings->backend);

    return keeper && keeper->sign[0];
}

int testbed_sign(const struct worker_settings *settings, const char *run_id, struct error *err)
{
    const struct keeper *keeper = find_keeper(settings->backend);
    _cleanup_free_ char *name = command_name(settings->name, run_id);
    int r;

    if (!name)
        return error_oom(err);
    r = testbed_takes_signs(settings) ? for_each(keeper, settings, name, keeper->sign, err) : 0;
    return r < 0 ? r : 0;
}
