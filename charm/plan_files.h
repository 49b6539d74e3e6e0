// SPDX-License-Identifier: GPL-3.0-only
// The files of a plan (plan_files.c).
#pragma once

#include "charm/plan.h"

// Adds every file.
int plan_files(const struct plan_input *input, struct plan *plan, struct error *err);
