// SPDX-License-Identifier: GPL-3.0-only
// Archives and compressed logs come from other machines: reading a member, and expanding.
#include "base/file.h"
#include "data/archive.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf member = BUF_INIT(1 << 16), expanded = BUF_INIT(1 << 16);
    _cleanup_close_ int fd = memfd_create("input", MFD_CLOEXEC);
    _cleanup_free_ char *path = str_format("/proc/self/fd/%d", fd);

    if (fd < 0 || !path || fd_write_all(fd, bytes, len) < 0)
        return 0;
    if (tar_read_member(path, "exitcode", &member, &err) < 0 && (!err.message || member.len > 0))
        abort();
    error_clear(&err);
    if (gunzip_file(path, &expanded, &err) < 0 && (!err.message || expanded.len > 0))
        abort();
    return 0;
}
