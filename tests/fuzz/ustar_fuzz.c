// SPDX-License-Identifier: GPL-3.0-only
// An archive from an operator: members lie inside it, or there is an error.
#include "base/buf.h"
#include "data/ustar.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct input {
    const char *start, *end;
};

static int check(const struct ustar_member *member, void *userdata, struct error *err)
{
    const struct input *input = userdata;

    (void)err;
    if (str_empty(member->name) || strlen(member->name) > 256 || str_has_control(member->name) ||
        member->content < input->start || member->size > (size_t)(input->end - member->content))
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input input = {(const char *)bytes, (const char *)bytes + len};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (ustar_walk(bytes, len, check, &input, &err) < 0 && !err.message)
        abort();
    return 0;
}
