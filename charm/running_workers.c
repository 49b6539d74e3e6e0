// SPDX-License-Identifier: GPL-3.0-only
#include "charm/running_workers.h"

#include "charm/plan.h"
#include "charm/systemd.h"

#define RUN_DIR "/run/autopkgtest-cloud"
#define RUN_WORKER "worker-"

int running_workers_list(const char *root, struct strv *ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" RUN_DIR, root);
    _cleanup_strv_ struct strv folders = STRV_INIT;
    int r = path ? systemd_list_folder(path, RUN_WORKER, &folders, err) : error_oom(err);

    if (r < 0)
        return r;
    STRV_FOREACH (folder, &folders)
        if (strv_addf(ret, WORKER_PREFIX "%s.service", folder + strlen(RUN_WORKER)) < 0)
            return error_oom(err);
    return 0;
}
