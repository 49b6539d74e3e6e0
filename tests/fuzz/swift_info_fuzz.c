// SPDX-License-Identifier: GPL-3.0-only
// Input: what a store says of itself at /info.
#include "net/swift_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct swift_limits limits = {1, 1, 1};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = swift_limits_parse(size ? (const char *)bytes : "", size, &limits, &err);
    uint64_t segment = swift_segment_size(UINT64_MAX, &limits);

    if ((r < 0 && (limits.object_max != 1 || limits.segments_max != 1)) ||
        segment > limits.object_max)
        abort();
    return 0;
}
