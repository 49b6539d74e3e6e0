// SPDX-License-Identifier: GPL-3.0-only
#include "web/cancel.h"

#include "base/log.h"
#include "web/command.h"
#include "web/web.h"

#include <sysexits.h>

struct cancel {
    struct exchange *x;
    int (*answer)(struct exchange *x, struct error *err);
};

static void on_done(int status, const char *message, void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct cancel *c = userdata;
    struct exchange *x = c->x;
    int r = status == EX_OK
                ? c->answer(x, &err)
                : exchange_fail(x, status == EX_UNAVAILABLE ? 409 : 503, &err, "%s", message);

    if (r < 0) {
        if (x->status >= 500)
            log_warning("cancelling a request: %s", error_message(&err));
        exchange_answer_error(x, r, &err);
    }
    exchange_resume(x);
}

int cancel_request(struct exchange *x, const struct cancel_options *o, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    struct cancel *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return error_oom(err);
    *c = (struct cancel){.x = x, .answer = o->answer};
    x->userdata = c;
    x->free_userdata = free;
    if (strv_add(&words, "cancel") < 0 || strv_addf(&words, "--requester=%s", o->requester) < 0 ||
        (o->release && strv_addf(&words, "--series=%s", o->release) < 0) ||
        (o->arch && strv_addf(&words, "--architecture=%s", o->arch) < 0) ||
        strv_add(&words, "--") < 0 || strv_add(&words, o->uuid) < 0)
        return error_oom(err);
    r = command_start(x->web,
                      &(struct command_spec){
                          .name = "cancel", .arguments = &words, .done = on_done, .userdata = c},
                      err);
    if (r < 0)
        x->status = 503;
    return r < 0 ? r : EXCHANGE_WAIT;
}
