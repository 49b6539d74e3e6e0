// SPDX-License-Identifier: GPL-3.0-only
// Gives a process what comes of an object that is still on its way, through a pipe, at the pace of
// both.
#pragma once

#include "base/error.h"
#include "web/stored_file.h"

#include <systemd/sd-event.h>

struct feed;

// Begins. `from`, a descriptor of `file`, `file` and `to`, the writing end, are taken over on
// success. It ends when all was given, or nobody reads any more; `broken` is called from the loop
// when not all will come, and may free it.
int feed_start(sd_event *event, int *from, struct stored_file **file, int *to,
               void (*broken)(void *userdata), void *userdata, struct feed **ret,
               struct error *err);
void feed_free(struct feed *feed); // NULL: nothing to do
