// SPDX-License-Identifier: GPL-3.0-only
// When to bring the public copy up to date (publish.h): a minute after the last time at the
// earliest, whoever did it, and only when there is something new. It is made by a process of its
// own, `autopkgtest-indexer --publish`, at low priority, so that results are written meanwhile.
#pragma once

#include "base/error.h"

#include <systemd/sd-event.h>

struct publisher;

// The path is the caller's and must live as long.
int publisher_new(sd_event *event, const char *public_database, struct publisher **ret,
                  struct error *err);
void publisher_free(struct publisher *p);
// There is something new in the database.
void publisher_touch(struct publisher *p);
