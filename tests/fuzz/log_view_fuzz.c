// SPDX-License-Identifier: GPL-3.0-only
// Lines of logs: sections and escaping.
#include "web/log_view.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf html = BUF_INIT(BUF_OWN_MAX);
    struct log_section section = {0};

    if (log_section_parse((const char *)data, size, &section) > 0)
        log_section_release(&section);
    (void)log_line_escape((const char *)data, size, &html);
    return 0;
}
