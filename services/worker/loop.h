// SPDX-License-Identifier: GPL-3.0-only
// The poll loop: what has happened, what is due.
#pragma once

#include "worker/worker.h"

int loop_open(struct worker *w, const char *name, struct error *err);
// Works until told to end: 0, or 1 when the program shall execute itself anew.
int loop_run(struct worker *w, struct error *err);
void loop_close(struct worker *w);
