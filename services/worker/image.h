// SPDX-License-Identifier: GPL-3.0-only
// Root file systems of testbeds: files that something else makes and renews, one for each release.
// While the one of a release is not there its requests stay in their queues: a test that cannot
// begin is no failure of the package.
#pragma once

#include "worker/worker.h"

#define IMAGE_PAUSE_US (5 * USEC_PER_SEC) // between looks for one that is not there

// Whether tests of that release have what they need; always, where the settings name no image.
bool image_is_there(const struct worker_settings *settings, const char *release);
// How many of the worker's releases lack theirs; *ret_first (borrowed) is the first of them.
size_t image_missing(const struct worker *w, const char **ret_first);

// Notes in which queues a consumer waits: those of releases that have their image. While there are
// others their images are looked for every few seconds.
void image_choose(struct worker *w);
// Whether an image has come or gone since, so that the queues are to be looked at anew. Looks when
// that is due.
bool image_has_changed(struct worker *w);
