// SPDX-License-Identifier: GPL-3.0-only
#include "worker/testbed.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "worker/command.h"

#define WORDS_MAX 8
#define WAIT_US (30 * USEC_PER_SEC)
#define OUTPUT_MAX ((size_t)1024 * 1024)

// $NAME as in the backend's arguments: letters, digits and hyphens only. Not for LXD, whose remotes
// units share: the name does not say of which unit it is.
static const struct keeper {
    const char *backend;
    const char *list[WORDS_MAX]; // its output has the name when there is such a testbed
    const char *remove[WORDS_MAX];
} keepers[] = {
    {"schroot",
     {"schroot", "--list", "--all-sessions"},
     {"schroot", "--end-session", "--force", "--chroot", "session:$NAME"}},
    {"lxc", {"lxc-ls", "-1", "--filter", "^$NAME$"}, {"lxc-destroy", "--force", "--name", "$NAME"}},
    {"podman",
     {"podman", "ps", "--all", "--format", "{{.Names}}"},
     {"podman", "rm", "--force", "$NAME"}},
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

static bool has_word(const char *text, const char *word)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    return strv_split(&words, text, " \n,:") == 0 && strv_contains(&words, word);
}

int testbed_remove(const struct worker_settings *settings, const char *run_id)
{
    const struct keeper *keeper = find_keeper(settings->backend);
    _cleanup_free_ char *name = command_name(settings->name, run_id), *output = NULL;
    _cleanup_free_ char *line = NULL;
    const struct request request = REQUEST_INIT; // not needed for the names
    struct command_context context = {
        .request = &request, .release = "", .arch = settings->arch, .name = name};
    _cleanup_strv_ struct strv list = STRV_INIT, remove = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    if (!keeper)
        return 0;
    if (!name || expand(&context, keeper->list, &list) < 0 ||
        expand(&context, keeper->remove, &remove) < 0 || !(line = strv_join(&remove, " ")))
        return -ENOMEM;
    r = run(&list, &output, &err);
    if (r == 0 && !has_word(output, name))
        return 0;
    if (r == 0)
        r = run(&remove, NULL, &err);
    if (r == 0)
        log_info("%s: the testbed %s was left behind, and is removed", run_id, name);
    else
        log_warning("%s: a testbed may be left behind; %s removes it: %s", run_id, line,
                    error_message(&err));
    return r < 0 ? r : 1;
}
