// SPDX-License-Identifier: GPL-3.0-only
// The feed of results that are new or have another outcome, for clients that follow it from unit to
// unit (change_cursor.h).
#pragma once

#include "adt/database.h"
#include "web/change_cursor.h"

// Puts the cursor at the newest change there is: the client has seen them all.
int changes_now(struct database *db, struct change_cursor *cursor, struct error *err);
// Results (results.h) that the cursor has not seen, at most `limit`, in the order in which they
// were announced; moves the cursor behind them. -ESTALE: changes that it has not seen are
// forgotten.
int changes_after(struct database *db, struct change_cursor *cursor, uint64_t limit, json_t **ret,
                  struct error *err);
