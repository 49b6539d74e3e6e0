// SPDX-License-Identifier: GPL-3.0-only
#include "charm/command.h"

#include "base/clock.h"
#include "base/process.h"

#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)
#define GIT_FATAL "fatal: " // git's die(): usage.c

// The line that says why, cut out in place: git's first "fatal: …", behind which it gives advice;
// of others the last one.
static const char *telling_line(char *text)
{
    char *line = str_starts_with(text, GIT_FATAL) ? text : strstr(text, "\n" GIT_FATAL);

    text = str_strip(line ? line : text);
    if (line) {
        text[strcspn(text, "\n")] = '\0';
        return str_strip(text);
    }
    line = strrchr(text, '\n');
    return line ? str_strip(line + 1) : text;
}

int command_output(const char *const *argv, unsigned timeout_s, struct buf *ret, struct error *err)
{
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(OUTPUT_MAX);
    uint64_t timeout_us = timeout_s ? timeout_s * USEC_PER_SEC : USEC_INFINITY;
    int r;

    spec.argv = argv;
    r = process_run(&spec, NULL, 0, timeout_us, &result, err);
    if (r < 0)
        return error_prefix(err, r, "%s", argv[0]);
    if (result.status != 0) {
        _cleanup_free_ char *said = buf_take(result.errors.len ? &result.errors : &result.out);

        if (!said)
            return error_oom(err);
        return error_set(err, -EIO, "%s%s%s: %s", argv[0], argv[1] ? " " : "",
                         argv[1] ? argv[1] : "", *said ? telling_line(said) : "failed");
    }
    return ret && buf_add(ret, buf_str(&result.out), result.out.len) < 0 ? error_oom(err) : 0;
}

int command_run(const char *const *argv, unsigned timeout_s, struct error *err)
{
    return command_output(argv, timeout_s, NULL, err);
}
