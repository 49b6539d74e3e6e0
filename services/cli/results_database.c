// SPDX-License-Identifier: GPL-3.0-only
#include "cli/results_database.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

// Its folder is sticky, where the kernel lets not even root open the file of another with O_CREAT,
// as SQLite does (fs.protected_regular): it would be read-only, and a reader too would fail where
// it is the first and has to make the index of the write-ahead log.
static int become_owner(const char *path, struct error *err)
{
    struct stat st;

    if (geteuid() != 0)
        return 0;
    if (stat(path, &st) < 0)
        return error_errno(err, -errno, "%s", path);
    if (st.st_uid == 0)
        return 0;
    if (setgroups(1, &st.st_gid) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
        return error_errno(err, -errno, "cannot act as the owner of %s", path);
    return 0;
}

int results_database_open(const char *path, struct database **ret, struct error *err)
{
    bool there = access(path, F_OK) == 0;
    int r = 0;

    *ret = NULL;
    if (!there && geteuid() == 0)
        return error_set(err, -ENOENT,
                         "there is no database %s yet: start autopkgtest-indexer, which makes it",
                         path);
    r = there ? become_owner(path, err) : 0;
    return r < 0 ? r : database_open(path, ret, err);
}

int results_database_open_readonly(const char *path, struct database **ret, struct error *err)
{
    int r = access(path, F_OK) == 0 ? become_owner(path, err) : 0;

    *ret = NULL;
    return r < 0 ? r : database_open_readonly(path, DATABASE_WAIT_MS, ret, err);
}
