// SPDX-License-Identifier: GPL-3.0-only
// Input: the body of Keystone's answer.
#include "net/swift_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *text = size ? (const char *)bytes : "";
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *any = NULL, *one = NULL;

    if (swift_catalog_find(text, size, NULL, &any, &err) == 0 && !any)
        abort();
    (void)swift_catalog_find(text, size, "RegionOne", &one, &err);
    return 0;
}
