// SPDX-License-Identifier: GPL-3.0-only
#include "worker/sign.h"

#include "base/log.h"
#include "worker/testbed.h"
#include "worker/worker.h"

#include <unistd.h>

static int start(struct worker *w, struct error *err)
{
    const char *const argv[] = {"/proc/self/exe", "--name",      w->settings.name,
                                "--alive",        w->job.run_id, NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;

    spec.argv = argv;
    spec.stderr_fd = STDERR_FILENO;
    spec.die_with_parent = true;
    return process_start(&spec, &w->sign.process, err);
}

void sign_advance(struct worker *w)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool is_running = w->job.state == LIFE_RUNNING && w->job.process.pid != 0;
    uint64_t now = clock_monotonic_us();
    bool due = w->sign.at_us > 0 && now >= w->sign.at_us;

    if (!is_running || !testbed_takes_signs(&w->settings)) {
        w->sign.at_us = 0;
        return;
    }
    if (w->sign.process.pid != 0 || (w->sign.at_us > 0 && !due))
        return;
    w->sign.at_us = now + w->settings.lease_ttl_s * USEC_PER_SEC;
    if (due && start(w, &err) < 0)
        log_warning("cannot tell the testbed's host that it is in use: %s", error_message(&err));
}

void sign_ended(struct sign *sign)
{
    int status;

    (void)process_wait(&sign->process, &status, NULL, NULL);
}

uint64_t sign_deadline(const struct sign *sign)
{
    return sign->at_us > 0 && sign->process.pid == 0 ? sign->at_us : USEC_INFINITY;
}
