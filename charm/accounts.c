// SPDX-License-Identifier: GPL-3.0-only
#include "charm/accounts.h"

#include "base/buf.h"
#include "base/parse.h"
#include "charm/command.h"

#define SUBIDS 65536
#define SUBIDS_FIRST 100000 // as login.defs has it

// The line of FILE that starts with `NAME:`, cut into `n` fields in place. NULL when there is none;
// the caller frees.
static char *find_line(const char *root, const char *file, const char *name, char **fields,
                       size_t n)
{
    _cleanup_free_ char *path = str_format("%s%s", root, file);
    _cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
    char *line = NULL;
    size_t size = 0;

    while (f && getline(&line, &size, f) > 0) {
        size_t len = strlen(name);
        char *at = line;

        if (strncmp(line, name, len) != 0 || line[len] != ':')
            continue;
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < n; i++)
            fields[i] = at ? strsep(&at, ":") : NULL;
        return line;
    }
    free(line);
    return NULL;
}

int account_user(const char *root, const char *name, uid_t *ret_uid, char **ret_home,
                 struct error *err)
{
    char *fields[6] = {0};
    _cleanup_free_ char *line = NULL;
    uint64_t id = 0;

    if (!ret_home && strcmp(name, "root") == 0) { // of hundreds of files
        *ret_uid = 0;
        return 0;
    }
    line = find_line(root, "/etc/passwd", name, fields, ARRAY_SIZE(fields));
    if (!line && strcmp(name, "root") != 0)
        return error_set(err, -ENOENT, "there is no user %s", name);
    if (line && parse_uint(fields[2] ? fields[2] : "", 0, UINT32_MAX - 1, &id, err) < 0)
        return error_prefix(err, -EINVAL, "user %s", name);
    if (ret_home) {
        *ret_home = strdup(fields[5] ? fields[5] : "");
        if (!*ret_home)
            return error_oom(err);
    }
    *ret_uid = (uid_t)id;
    return 0;
}

int account_group(const char *root, const char *name, gid_t *ret_gid, struct error *err)
{
    char *fields[3] = {0};
    _cleanup_free_ char *line = NULL;
    uint64_t id = 0;

    if (strcmp(name, "root") == 0) {
        *ret_gid = 0;
        return 0;
    }
    line = find_line(root, "/etc/group", name, fields, ARRAY_SIZE(fields));
    if (!line)
        return error_set(err, -ENOENT, "there is no group %s", name);
    if (parse_uint(fields[2] ? fields[2] : "", 0, UINT32_MAX - 1, &id, err) < 0)
        return error_prefix(err, -EINVAL, "group %s", name);
    *ret_gid = (gid_t)id;
    return 0;
}

// The first number above every range that is given away.
static uint64_t free_range(const char *root, const char *file)
{
    _cleanup_free_ char *path = str_format("%s%s", root, file);
    _cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
    _cleanup_free_ char *line = NULL;
    uint64_t next = SUBIDS_FIRST;
    size_t size = 0;

    while (f && getline(&line, &size, f) > 0) {
        uint64_t first, count;
        char *at = line;
        const char *fields[3];

        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
            fields[i] = at ? strsep(&at, ":") : "";
        if (parse_uint(fields[1], 0, UINT32_MAX, &first, NULL) == 0 &&
            parse_uint(fields[2], 0, UINT32_MAX, &count, NULL) == 0 && first + count > next)
            next = first + count;
    }
    return next;
}

static int ensure_subordinate_ids(const char *root, bool *changed, struct error *err)
{
    char *field = NULL;
    _cleanup_free_ char *uids = find_line(root, "/etc/subuid", ACCOUNT, &field, 1);
    _cleanup_free_ char *gids = find_line(root, "/etc/subgid", ACCOUNT, &field, 1);
    _cleanup_free_ char *range = NULL;
    uint64_t first, other;

    if (uids && gids)
        return 0;
    first = free_range(root, "/etc/subuid");
    other = free_range(root, "/etc/subgid");
    if (other > first)
        first = other;
    range =
        str_format("%llu-%llu", (unsigned long long)first, (unsigned long long)first + SUBIDS - 1);
    if (!range)
        return error_oom(err);
    *changed = true;
    return command_run(
        (const char *[]){"usermod", "--add-subuids", range, "--add-subgids", range, ACCOUNT, NULL},
        60, err);
}

int accounts_ensure(const char *root, bool *ret_changed, struct error *err)
{
    bool changed = false;
    uid_t uid;
    gid_t gid;
    int r = 0;

    if (account_group(root, ACCOUNT, &gid, NULL) == -ENOENT) {
        changed = true;
        r = command_run((const char *[]){"groupadd", "--system", ACCOUNT, NULL}, 60, err);
    }
    if (r >= 0 && account_user(root, ACCOUNT, &uid, NULL, NULL) == -ENOENT) {
        changed = true;
        r = command_run((const char *[]){"useradd", "--system", "--gid", ACCOUNT, "--home-dir",
                                         ACCOUNT_HOME, "--no-create-home", "--shell",
                                         "/usr/sbin/nologin", ACCOUNT, NULL},
                        60, err);
    }
    if (r >= 0)
        r = ensure_subordinate_ids(root, &changed, err);
    if (r < 0)
        return r;
    if (ret_changed)
        *ret_changed = changed;
    return 0;
}

static bool is_member(const char *root, const char *group)
{
    char *fields[4] = {0};
    _cleanup_free_ char *line = find_line(root, "/etc/group", group, fields, ARRAY_SIZE(fields));
    char *members = line ? fields[3] : NULL;

    while (members)
        if (strcmp(strsep(&members, ","), ACCOUNT) == 0)
            return true;
    return false;
}

int accounts_allow_kvm(const char *root, struct error *err)
{
    gid_t gid;
    int r = 0;

    if (is_member(root, "kvm"))
        return 0;
    if (account_group(root, "kvm", &gid, NULL) == -ENOENT)
        r = command_run((const char *[]){"groupadd", "--system", "kvm", NULL}, 60, err);
    return r < 0 ? r
                 : command_run(
                       (const char *[]){"usermod", "--append", "--groups", "kvm", ACCOUNT, NULL},
                       60, err);
}
