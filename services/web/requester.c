// SPDX-License-Identifier: GPL-3.0-only
#include "web/requester.h"

#include "base/clock.h"
#include "web/client.h"
#include "web/limits.h"
#include "web/login.h"
#include "web/web.h"

#define KEYS_MAX ((size_t)4 * 1024 * 1024)
#define PROVEN_US (24 * 3600 * USEC_PER_SEC) // a key that was right is let through for
#define PROVEN_MAX 1000                      // keys and addresses, in that time

bool api_key_valid(const json_t *keys, const char *given, char **ret_user)
{
    const char *colon = strchr(given, ':'), *user;
    size_t user_len = colon ? (size_t)(colon - given) : 0;
    bool valid = false;
    json_t *value;

    if (!colon || !colon[1])
        return false;
    json_object_foreach ((json_t *)keys, user, value) {
        const char *key = json_string_value(value);
        bool same_user = secret_equal(user, strlen(user), given, user_len);
        bool same_key = key && *key && secret_equal(key, strlen(key), colon + 1, strlen(colon + 1));

        valid |= same_user & same_key;
    }
    if (!valid)
        return false;
    *ret_user = strndup(given, user_len);
    return *ret_user != NULL;
}

static int load_keys(const struct web *web, json_t **ret, struct error *err)
{
    int r;

    if (!web->settings.api_keys_file)
        return error_set(err, -ENOENT, "there are no API keys");
    r = json_parse_file(web->settings.api_keys_file, KEYS_MAX, ret, err);
    if (r == 0 && !json_is_object(*ret)) {
        json_decref(*ret);
        r = error_set(err, -EINVAL, "expected an object of users and keys");
    }
    return r;
}

// ---- keys that are wrong are not tried for ever
//
// What is counted are wrong keys under one name from one address. Other names at that address, such
// as those of programs behind the same proxy, know nothing of it, and a key that was right at that
// address before goes on being right. Where somebody guesses at a name, from there, and for as long
// as that goes on, only a key that is new there has to wait.

// What a right key from an address is remembered by: not the key. The caller frees.
static char *mark_of(const struct web *web, const char *client, const char *given)
{
    _cleanup_free_ char *text = str_format("%s %s", client, given);

    return text ? session_mac(&web->session_key, "api-key", text) : NULL;
}

static bool is_proven(struct web *web, const char *mark)
{
    remembered_turn(&web->proven_keys, PROVEN_US);
    return remembered_has(&web->proven_keys, mark);
}

static int note_proven(struct web *web, const char *mark)
{
    return strv_contains(&web->proven_keys.now, mark) || web->proven_keys.now.len >= PROVEN_MAX
               ? 0
               : remembered_add(&web->proven_keys, mark);
}

static int identify_by_key(struct exchange *x, const char *given, struct requester *ret,
                           struct error *err)
{
    _cleanup_json_ json_t *keys = NULL;
    _cleanup_free_ char *client = client_network(x);
    _cleanup_free_ char *mark = client ? mark_of(x->web, client, given) : NULL;
    _cleanup_free_ char *name =
        mark ? str_format("%s %.*s", client, (int)strcspn(given, ":"), given) : NULL;
    bool limited = name && *client && !is_proven(x->web, mark); // not the machine itself
    int r = !name ? error_oom(err) : limited ? limits_check_key(x, name, err) : 0;

    if (r < 0)
        return r;
    // Whether the keys are absent, unreadable or others: the stranger learns no more than this.
    if (load_keys(x->web, &keys, NULL) < 0 || !api_key_valid(keys, given, &ret->user)) {
        if (*client)
            limits_count_wrong_key(x, name);
        return exchange_fail(x, 403, err, "the API key is not valid");
    }
    ret->proof = PROOF_API_KEY;
    return note_proven(x->web, mark) < 0 ? error_oom(err) : 0;
}

// ---- people

static int identify_by_session(struct exchange *x, const struct params *params,
                               struct requester *ret, struct error *err)
{
    const struct session *session = login_session(x);
    const char *token = params_get(params, "token");

    x->status = session ? 403 : 401;
    if (!session)
        return error_set(err, -ENOKEY,
                         "log in, or send an API key as header or cookie X-Api-Key: USER:KEY");
    if (!token ||
        !session_form_token_is(&x->web->session_key, session, SESSION_FORM_REQUESTS, token))
        return error_set(err, -EKEYREJECTED,
                         "the form is not of this login: load it again and send it once more");
    x->status = 0;
    ret->user = strdup(session->user);
    ret->proof = PROOF_SESSION;
    return ret->user ? 0 : error_oom(err);
}

int requester_identify(struct exchange *x, const struct params *params, struct requester *ret,
                       struct error *err)
{
    const char *given = exchange_header(x, "X-Api-Key");

    *ret = (struct requester){.proof = PROOF_NONE};
    if (!given)
        given = login_cookie(x, "X-Api-Key");
    if (given)
        return identify_by_key(x, given, ret, err);
    if (strcmp(x->web->settings.authorization, "open") == 0)
        return 0;
    if (params && login_is_possible(x->web))
        return identify_by_session(x, params, ret, err);
    return exchange_fail(x, 401, err,
                         "an API key is needed, as header or cookie X-Api-Key: USER:KEY");
}

void requester_release(struct requester *requester)
{
    free(requester->user);
    *requester = (struct requester){.proof = PROOF_NONE};
}
