// SPDX-License-Identifier: GPL-3.0-only
// Root file systems that local workers with unshare or schroot test in, one file for each release
// and architecture. A systemd service makes each (services/image), this module names them and looks
// how far they are. schroot wants a file of root whose name tells the compression in its own way
// (.tar.zstd, no symbolic link): the service gives it a second name for the same file.
#pragma once

#include "charm/settings.h"

#define IMAGES_DIR "/var/lib/autopkgtest-cloud/images"
#define IMAGE_SUFFIX ".tar.zst"
#define IMAGE_SCHROOT_SUFFIX ".tar.zstd"
#define IMAGE_PREFIX "autopkgtest-image@"
#define IMAGE_TARGET "timers.target" // what starts the timers that renew them

// Appends the names ("noble-amd64") of those that the settings need, each once. None where
// worker-args names testbeds of the operator's own.
int images_needed(const struct settings *settings, struct strv *ret);

// Whether ROOT has the image, under the name for schroot when that is wanted.
bool image_is_there(const char *root, const char *name, bool schroot);
// Why it could not be made (or renewed) the last time; NULL: nothing failed. The caller frees.
char *image_failure(const char *root, const char *name);
// "autopkgtest-image@NAME.service"; the caller frees.
char *image_service(const char *name);
// The service that such a timer starts; the caller frees.
char *image_service_of(const char *timer);
