// SPDX-License-Identifier: GPL-3.0-only
// Listings for pages come from the object store: anything in them is refused or becomes entries.
#include "web/stored_swift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(const struct stored_entry *entry, void *userdata)
{
    size_t *n = userdata;

    *n += strlen(entry->name);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t n = 0;
    int r = stored_listing_read((const char *)data, size, look, &n, &err);

    if ((r != 0 && r != -EAGAIN) || (r < 0 && str_empty(error_message(&err))))
        abort();
    return 0;
}
