// SPDX-License-Identifier: GPL-3.0-only
#include "charm/lists.h"

#include "base/file.h"
#include "charm/systemd.h"

#define UPDATE_TIMEOUT_S 300

// The first line of a file of the service's; NULL: there is none.
static char *read_note(const char *root, const char *name)
{
    _cleanup_free_ char *path = str_format("%s" LISTS_DIR "/%s", root, name);
    char *line = NULL;

    return path && file_read_line(path, &line, NULL) == 0 ? line : NULL;
}

char *lists_failure(const char *root)
{
    return read_note(root, ".failed");
}

int lists_update(const char *root, char **ret_commit, struct error *err)
{
    _cleanup_strv_ struct strv service = STRV_INIT;
    _cleanup_free_ char *why = NULL;
    _cleanup_error_ struct error failed = ERROR_INIT;
    int r = strv_add(&service, LISTS_SERVICE);

    if (r < 0)
        return error_oom(err);
    r = systemd_run_timeout("start", &service, UPDATE_TIMEOUT_S, &failed);
    if (r < 0) {
        why = lists_failure(root);
        return error_set(err, r, "%s", why ? why : error_message(&failed));
    }
    *ret_commit = read_note(root, ".commit");
    return *ret_commit ? 0 : error_set(err, -EIO, "%s has told no commit", LISTS_SERVICE);
}
