// SPDX-License-Identifier: GPL-3.0-only
// Input: a result.tar of the store. What it says fits into the database, or is refused with a
// reason.
#include "adt/names.h"
#include "adt/result_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char run[] = "noble/amd64/g/gzip/20261123_101112_0a1b2@";
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = result_tar_read(size ? (const void *)bytes : "", size, "autopkgtest-noble", run, &done,
                            &err);

    if (r < 0) {
        if ((r != -EBADMSG && r != -ENOMEM) || str_empty(err.message) || done.swift_dir)
            abort();
        return 0;
    }
    if (done.exitcode < 0 || done.exitcode > 255 || !str_equal(done.swift_dir, run) ||
        !name_is_version(done.testpkg_version) || !done.triggers || !done.requester || !done.env)
        abort();
    return 0;
}
