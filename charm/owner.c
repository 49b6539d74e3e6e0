// SPDX-License-Identifier: GPL-3.0-only
#include "charm/owner.h"

#include "base/file.h"
#include "charm/state.h"

// First line: the unit; second: its charm's folder, which Juju removes with the unit.
static int read_owner(const char *path, char **ret_unit, char **ret_dir, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64 * 1024);
    _cleanup_strv_ struct strv lines = STRV_INIT;
    int r;

    r = file_read(path, &text, err);
    if (r < 0)
        return r;
    if (strv_split(&lines, buf_str(&text), "\n") < 0)
        return error_oom(err);
    *ret_unit = strdup(lines.len > 0 ? lines.items[0] : "");
    *ret_dir = strdup(lines.len > 1 ? lines.items[1] : "");
    return *ret_unit && *ret_dir ? 0 : error_oom(err);
}

static bool is_alive(const char *root, const char *charm_dir)
{
    _cleanup_free_ char *path = str_format("%s%s/metadata.yaml", root, charm_dir);

    return path && *charm_dir && access(path, F_OK) == 0;
}

int owner_other(const char *root, const struct model *model, char **ret_other, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" STATE_DIR "/unit", root);
    _cleanup_free_ char *unit = NULL, *charm_dir = NULL;
    int r;

    if (!path)
        return error_oom(err);
    *ret_other = NULL;
    r = read_owner(path, &unit, &charm_dir, NULL);
    if (r < 0 && r != -ENOENT)
        return error_errno(err, r, "cannot read %s", path);
    if (r == 0 && strcmp(unit, model->unit) != 0 && strcmp(charm_dir, model->charm_dir) != 0 &&
        is_alive(root, charm_dir))
        *ret_other = TAKE_PTR(unit);
    return 0;
}

int owner_claim(const char *root, const struct model *model, char **ret_other, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" STATE_DIR "/unit", root);
    _cleanup_free_ char *dir = str_format("%s" STATE_DIR, root);
    _cleanup_free_ char *text = str_format("%s\n%s\n", model->unit, model->charm_dir);
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    int r;

    if (!path || !dir || !text)
        return error_oom(err);
    r = owner_other(root, model, ret_other, err);
    if (r < 0 || *ret_other)
        return r;
    r = dir_make(dir, 0755, err);
    return r < 0 ? r : file_replace_alone(path, text, strlen(text), &attributes, NULL, err);
}
