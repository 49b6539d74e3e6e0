// SPDX-License-Identifier: GPL-3.0-only
// Finished results of workers that were removed.
#pragma once

#include "worker/worker.h"

// Takes over what waits in the spool for workers that worker.conf does not have any more.
int adopt_spooled(struct worker *w, struct error *err);
