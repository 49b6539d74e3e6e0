// SPDX-License-Identifier: GPL-3.0-only
// What Nova says of a server, and of a call that failed: either an instance whose id fits a path
// and whose address is one, or an error; and words for people.
#include "data/json.h"
#include "nova-setup/setup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

// main.c is not linked here.
void say(const char *format, ...)
{
    (void)format;
}

bool setup_pause(const struct setup *s, uint64_t us)
{
    (void)s, (void)us;
    return false;
}

static void check(const struct instance *i)
{
    if (str_empty(i->id) || strpbrk(i->id, "/?#% \n"))
        abort();
    if (i->address && (*i->address == '-' || strpbrk(i->address, " @/\n")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    const struct setup s = {.model = "m", .unit = "u", .worker = "w"};
    _cleanup_(instance_release) struct instance i = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *server = NULL;
    _cleanup_free_ char *fault = openstack_fault(text, len);

    if (fault && (!*fault || str_has_control(fault)))
        abort();
    if (json_parse(text, len, "server", &server, NULL) < 0)
        return 0;
    (void)instance_is_ours(&s, server);
    if (instance_parse(server, &i, &err) == 0)
        check(&i);
    else if (!err.message)
        abort();
    return 0;
}
