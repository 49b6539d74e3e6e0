// SPDX-License-Identifier: GPL-3.0-only
// Listings come from the object store: anything in them is refused or becomes names.
#include "net/swift_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = swift_listing_parse((const char *)data, size, "c", &names, &err);

    if ((r != 0 && r != -EIO) || (r < 0 && str_empty(error_message(&err))))
        abort();
    return 0;
}
