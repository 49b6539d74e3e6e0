// SPDX-License-Identifier: GPL-3.0-only
// Which unit of this charm the machine belongs to: two would fight over files, services and port.
#pragma once

#include "charm/model.h"

// Takes the machine for this unit, unless another has it whose charm is still there: then
// *ret_other names it (the caller frees), else it is NULL.
int owner_claim(const char *root, const struct model *model, char **ret_other, struct error *err);

// Only looks whose it is.
int owner_other(const char *root, const struct model *model, char **ret_other, struct error *err);
