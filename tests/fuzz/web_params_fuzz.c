// SPDX-License-Identifier: GPL-3.0-only
// Queries and forms of strangers: parameters, and the order they make.
#include "web/conditional.h"
#include "web/request_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    const struct request_limits limits = {&names, &names};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_params_ struct params params = {0};
    _cleanup_free_ char *text = strndup((const char *)data, size);
    struct request_order order;
    uint64_t first, len;

    if (!text || strv_split(&names, "noble amd64", " ") < 0)
        return 0;
    (void)range_parse(text, 1000, &first, &len);
    (void)etag_listed(text, "abc");
    if (params_parse(&params, (const char *)data, size, &err) == 0 &&
        request_order_read(&params, &limits, &order, &err) == 0)
        request_order_release(&order);
    return 0;
}
