// SPDX-License-Identifier: GPL-3.0-only
// Input: a template, NUL, data as JSON. The template is its own partial under the names p and q.
#include "data/template.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void render(const struct template_set *set, const json_t *data, bool strict)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(100000);
    struct template_options options = {.partials = set, .strict = strict, .steps_max = 10000};

    (void)template_render(template_set_find(set, "p"), data, &options, &out, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    _cleanup_(json_decrefp) json_t *data = NULL;
    const char *text = (const char *)bytes;
    const char *nul = size ? memchr(text, '\0', size) : NULL;
    size_t len = nul ? (size_t)(nul - text) : size;
    json_error_t problem;

    if (!set || template_set_add(set, "p", len ? text : "", len, &err) < 0 ||
        template_set_add(set, "q", len ? text : "", len, &err) < 0)
        return 0;
    if (nul)
        data = json_loadb(nul + 1, size - len - 1, JSON_DECODE_ANY, &problem);
    render(set, data, false);
    render(set, data, true);
    return 0;
}
