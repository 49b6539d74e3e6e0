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
} keepers[] = {
    {"schroot",
     {"schroot", "--list", "--all-sessions"},
     false,
     {"schroot", "--end-session", "--force", "--chroot", "session:$NAME"}},
    {"lxc",
     {"lxc-ls", "-1", "--filter", "^$NAME$"},
     false,
     {"lxc-destroy", "--force", "--name", "$NAME"}},
    {"podman",
     {"podman", "ps", "--all", "--format", "{{.Names}}"},
     false,
     {"podman", "rm", "--force", "$NAME"}},
    {"lxd",
     {"lxc", "list", "--format=csv", "--columns=n", "$LXD_REMOTE:", COMMAND_LXD_MARK},
     true,
     {"lxc", "delete", "--force", "$LXD_REMOTE:$NAME"}},
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
        _cleanup_free_ char *word = command_expand(context, words[i]);

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

int testbed_remove(const struct worker_settings *settings, const char *run_id, struct error *err)
{
    const struct keeper *keeper = find_keeper(settings->backend);
    _cleanup_free_ char *name = command_name(settings->name, run_id), *output = NULL;
    const struct request request = REQUEST_INIT; // not needed for the names
    struct command_context context = {.request = &request,
                                      .release = "",
                                      .arch = settings->arch,
                                      .unit = settings->unit,
                                      .remote = settings->cloud,
                                      .name = name};
    _cleanup_strv_ struct strv found = STRV_INIT;
    int r, removed = 0;

    if (!keeper)
        return 0;
    if (!name)
        return error_oom(err);
    if ((r = run_expanded(&context, keeper->list, &output, err)) < 0)
        return r;
    if (strv_split(&found, output, " \n,:") < 0)
        return error_oom(err);
    STRV_FOREACH (testbed, &found) {
        if (!keeper->only_ours && !str_equal(testbed, name))
            continue;
        context.name = testbed;
        if ((r = run_expanded(&context, keeper->remove, NULL, err)) < 0)
            return r;
        removed = 1;
    }
    return removed;
}
