// SPDX-License-Identifier: GPL-3.0-only
// Input: what a store answers to a bulk delete.
#include "net/swift_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = swift_bulk_answer_parse(size ? (const char *)bytes : "", size, &err);

    if (r < 0 && str_empty(error_message(&err)))
        abort();
    return 0;
}
