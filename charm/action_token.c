// SPDX-License-Identifier: GPL-3.0-only
#include "charm/action_token.h"

#include "charm/juju.h"
#include "charm/user_secret.h"
#include "data/json.h"

int action_token_read(const struct action *action, struct buf *ret, struct error *err)
{
    const char *given = action_text(action, "token");
    _cleanup_json_ json_t *secret = NULL;
    int r;

    if (!str_starts_with(given, "secret:"))
        return buf_add_str(ret, given) < 0 ? error_oom(err) : 0;
    r = juju_secret_get(given, &secret, err);
    if (r == -EACCES) {
        _cleanup_free_ char *message = user_secret_refusal("token", given, action->model.app, r);

        return message ? error_set(err, r, "%s", message) : error_oom(err);
    }
    if (r < 0)
        return error_prefix(err, r, "token");
    if (!*json_text(secret, "token"))
        return error_set(err, -EINVAL, "token: the secret has no key token");
    return buf_add_str(ret, json_text(secret, "token")) < 0 ? error_oom(err) : 0;
}

void action_token_release(struct buf *token)
{
    if (token->len > 0)
        explicit_bzero(token->data, token->len);
    buf_release(token);
}
