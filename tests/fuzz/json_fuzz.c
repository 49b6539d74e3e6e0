// SPDX-License-Identifier: GPL-3.0-only
// What json_parse() accepts is written and read back as the same value.
#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL, *again = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    if (json_parse((const char *)bytes, len, "input", &value, &err) < 0) {
        if (!err.message || value)
            abort();
        return 0;
    }
    if (json_write(value, &text) < 0 || json_parse(text.data, text.len, "text", &again, NULL) < 0 ||
        !json_equal(value, again))
        abort();
    return 0;
}
