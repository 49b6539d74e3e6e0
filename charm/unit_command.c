// SPDX-License-Identifier: GPL-3.0-only
#include "charm/unit_command.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "data/json.h"

#include <sysexits.h>

#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)
#define PROGRAM "autopkgtest-cloud"

// The last line, without "autopkgtest-cloud COMMAND: ".
static const char *last_words(char *text, const char *command)
{
    char *line = strrchr(str_strip(text), '\n');

    line = line ? line + 1 : str_strip(text);
    if (str_starts_with(line, PROGRAM " ")) {
        char *rest = line + strlen(PROGRAM " ");

        if (str_starts_with(rest, command) && str_starts_with(rest + strlen(command), ": "))
            return rest + strlen(command) + 2;
    }
    return line;
}

static int failed(const struct action *action, const char *command, int status, char *text,
                  struct error *err)
{
    const char *words = last_words(text, command);

    if (status < 0)
        return error_set(err, -EIO, "%s: killed by signal %d", command, -status);
    if (status == 127) // the dynamic linker's
        return error_set(err, -EIO,
                         "%s; the unit has not got its packages yet: wait for its install hook, "
                         "juju status %s",
                         words, action->model.app);
    return error_set(err, -EIO, "%s%s", *words ? words : "failed without a word",
                     status == EX_TEMPFAIL ? "; try again later" : "");
}

int unit_command(const struct action *action, const struct strv *words, const struct buf *input,
                 struct buf *ret, struct error *err)
{
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(OUTPUT_MAX);
    _cleanup_strv_ struct strv argv = STRV_INIT;
    _cleanup_free_ char *text = NULL;
    int r;

    if (strv_take(&argv, path_join(action->model.charm_dir, "bin/" PROGRAM)) < 0 ||
        strv_add_list(&argv, words) < 0)
        return error_oom(err);
    spec.argv = (const char *const *)argv.items;
    r = process_run(&spec, input ? buf_str(input) : NULL, input ? input->len : 0, USEC_INFINITY,
                    &result, err);
    if (r < 0)
        return error_prefix(err, r, PROGRAM " %s", words->items[0]);
    if (result.status != EX_OK) {
        text = buf_take(&result.errors);
        return text ? failed(action, words->items[0], result.status, text, err) : error_oom(err);
    }
    return buf_add(ret, buf_str(&result.out), result.out.len) < 0 ? error_oom(err) : 0;
}

int unit_command_json(const struct action *action, const struct strv *words,
                      const struct buf *input, json_t **ret, struct error *err)
{
    _cleanup_buf_ struct buf out = BUF_INIT(OUTPUT_MAX);
    int r = unit_command(action, words, input, &out, err);

    if (r < 0)
        return r;
    return json_parse(buf_str(&out), out.len, words->items[0], ret, err);
}
