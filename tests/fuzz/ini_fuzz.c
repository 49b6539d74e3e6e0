// SPDX-License-Identifier: GPL-3.0-only
#include "data/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(ini_freep) struct ini *ini = NULL;
    _cleanup_strv_ struct strv sections = STRV_INIT;

    if (ini_parse_text((const char *)bytes, len, "input", &ini, &err) < 0) {
        if (!err.message || ini)
            abort();
        return 0;
    }
    if (ini_sections(ini, &sections) < 0)
        abort();
    STRV_FOREACH (section, &sections) {
        if (!ini_has_section(ini, section))
            abort();
        (void)ini_get(ini, section, "key");
    }
    return 0;
}
