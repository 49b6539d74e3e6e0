// SPDX-License-Identifier: GPL-3.0-only
// Input: lines of a per-package list. What stands behind `#` and around the rest does not matter,
// and a line without wildcards speaks of the packages, architectures and releases that it names.
#include "worker/lists.h"

#include "base/buf.h"
#include "base/log.h"
#include "scratch.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_any_or(const char *part, const char *value)
{
    return str_equal(part, "all") || str_equal(part, value);
}

// The meaning of PACKAGE[/ARCH[/RELEASE]], from the words of the line.
static bool should_match(const struct strv *parts, const char *package)
{
    return is_any_or(parts->items[0], package) &&
           (parts->len < 2 || is_any_or(parts->items[1], "amd64")) &&
           (parts->len < 3 || is_any_or(parts->items[2], "noble"));
}

static void check_line(const char *line, const char *package)
{
    bool matches = lists_line_matches(line, package, "amd64", "noble");
    _cleanup_free_ char *padded = str_format(" \t%s # all", line);
    _cleanup_free_ char *bare = strndup(line, strcspn(line, "#"));
    _cleanup_strv_ struct strv parts = STRV_INIT;
    const char *text;

    if (!padded || !bare)
        return;
    if (lists_line_matches(padded, package, "amd64", "noble") != matches)
        abort();
    text = str_strip(bare);
    if (!*text) {
        if (matches)
            abort();
        return;
    }
    // Splitting leaves empty parts out, which only a line of a simple shape does not have.
    if (strpbrk(text, "*?[\\") || strv_split(&parts, text, "/") < 0 || parts.len > 3 ||
        text[0] == '/' || strstr(text, "//") || str_ends_with(text, "/"))
        return;
    if (should_match(&parts, package) != matches)
        abort();
}

// As a whole file: what counts of it is lines that match by themselves, and all of those.
static void check_file(const char *text, const char *package)
{
    _cleanup_(lists_release) struct lists lists = {0};
    bool some = false;

    scratch_put("never_run", text, strlen(text));
    if (lists_load(&lists, scratch_dir(), NULL) < 0)
        abort();
    STRV_FOREACH (line, &lists.lines[LIST_NEVER_RUN]) {
        if (strpbrk(line, " \t#\n"))
            abort();
        some |= lists_line_matches(line, package, "amd64", "noble");
    }
    if (lists_contain(&lists, LIST_NEVER_RUN, package, "amd64", "noble") != some ||
        lists_contain(&lists, LIST_BIG, package, "amd64", "noble"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_free_ char *text = strndup(size ? (const char *)bytes : "", size);
    char *line;

    log_open("fuzz", LOG_LEVEL_ERROR); // a line that does not count is a warning
    if (text)
        check_file(text, "gzip");
    for (char *rest = text; rest && (line = strsep(&rest, "\n"));) {
        check_line(line, "gzip");
        check_line(line, "libaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-perl");
    }
    return 0;
}
