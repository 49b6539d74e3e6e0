// SPDX-License-Identifier: GPL-3.0-only
// What a stored result.tar says of its run, as the completion message said it when the run had
// ended: for an index that is made anew from the store.
#pragma once

#include "adt/message.h"

#define RESULT_TAR_MAX ((size_t)64 * 1024 * 1024)

// `path` is the run's folder, RELEASE/ARCH/PREFIX/PACKAGE/RUNID. -EBADMSG: it is none, or the file
// does not tell how the run ended.
int result_tar_read(const void *tar, size_t len, const char *container, const char *path,
                    struct test_complete *ret, struct error *err);
