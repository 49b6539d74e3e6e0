// SPDX-License-Identifier: GPL-3.0-only
// An .rc file from an operator's archive: either an account that can be used, or an error that says
// why without a value.
#include "base/buf.h"
#include "data/openrc.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_openrc_ struct openrc rc = {0};

    if (openrc_parse((const char *)bytes, len, "input", &rc, &err) < 0) {
        if (!err.message || rc.auth_url || !str_starts_with(err.message, "input: "))
            abort();
        return 0;
    }
    if (!rc.auth_url || !str_ends_with(rc.auth_url, "/v3") || str_has_control(rc.auth_url))
        abort();
    if (!rc.application_id && (!rc.password || str_has_control(rc.password)))
        abort();
    return 0;
}
