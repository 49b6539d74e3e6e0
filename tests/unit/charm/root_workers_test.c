// SPDX-License-Identifier: GPL-3.0-only
// What systemd is told of workers that have to be root.
#include "charm/reconcile.h"
#include "unit.h"

#define WORKER_1 "autopkgtest-worker@local-amd64-1.service"
#define WORKER_2 "autopkgtest-worker@local-amd64-2.service"
#define SHARED "/etc/systemd/system/autopkgtest-worker-root.d"

TEST(workers_that_have_to_be_root_share_what_systemd_is_told_of_them)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *same = NULL, *edited = NULL, *old = NULL, *gone = NULL;
    _cleanup_free_ char *text = NULL;
    char target[96] = {0};
    _cleanup_free_ char *link = str_format("%s/etc/systemd/system/" WORKER_1 ".d", rig.root);

    configure(&rig, "{\"local-workers\": \"amd64: {null: 2}\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    ck_assert_int_gt(readlink(link, target, sizeof(target) - 1), 0);
    ck_assert_str_eq(target, SHARED);
    text = rig_get(&rig, SHARED "/root.conf");
    ck_assert_ptr_nonnull(strstr(text, "User=root\n"));
    same = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(same, "systemctl daemon-reload");
    // What all read: all start anew, after their tests.
    rig_put(&rig, SHARED "/root.conf", "");
    edited = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(edited, "systemctl restart --no-block -- " WORKER_1 " " WORKER_2);
    // As older versions made it, for an instance that stays one of the backend and one that does
    // not.
    ck_assert_int_eq(unlink(link), 0);
    rig_put(&rig, "/etc/systemd/system/" WORKER_1 ".d/null.conf", text);
    old = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(old, "systemctl daemon-reload");
    ck_assert_int_gt(readlink(link, target, sizeof(target) - 1), 0);
    ck_assert_int_eq(unlink(link), 0);
    rig_put(&rig, "/etc/systemd/system/" WORKER_1 ".d/null.conf", text);
    configure(&rig, "{\"local-workers\": \"amd64: {unshare: 2}\"}");
    gone = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(gone, "systemctl restart --no-block -- " WORKER_1 " " WORKER_2);
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" WORKER_1 ".d/null.conf"));
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" WORKER_2 ".d"));
}
