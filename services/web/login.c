// SPDX-License-Identifier: GPL-3.0-only
#include "web/login.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "net/http.h"
#include "net/http_async.h"
#include "web/limits.h"
#include "web/openid.h"
#include "web/origin.h"
#include "web/web.h"

#define RETURN_PATH "/login/return"
#define STATE_SECONDS (15 * 60) // that a login may take
#define NEXT_MAX 1500           // bytes
#define REPLY_MAX ((size_t)16 * 1024)
#define PROVIDER_TIMEOUT_US (10 * USEC_PER_SEC)
#define BODY_MAX ((size_t)64 * 1024)

bool login_is_possible(const struct web *web)
{
    return strcmp(web->settings.authorization, "login") == 0 ||
           strcmp(web->settings.authorization, "launchpad") == 0;
}

static uint64_t now_s(void)
{
    return clock_realtime_us() / USEC_PER_SEC;
}

const char *login_cookie(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_COOKIE_KIND, name);
}

const struct session *login_session(struct exchange *x)
{
    const char *cookie;
    struct session session = {0};

    if (x->session_looked)
        return x->session;
    x->session_looked = true;
    cookie = login_is_possible(x->web) ? login_cookie(x, "session") : NULL;
    if (!cookie || session_read(&x->web->session_key, cookie, now_s(), &session, NULL) < 0)
        return NULL;
    if (remembered_has(&x->web->ended, session.id)) {
        session_release(&session);
        return NULL;
    }
    x->session = calloc(1, sizeof(session));
    if (x->session)
        *x->session = session;
    else
        session_release(&session);
    return x->session;
}

// The cookie goes with requests from our own pages and with links to them; no script can read it.
static int set_cookie(struct exchange *x, const char *name, const char *value, unsigned seconds)
{
    _cleanup_free_ char *cookie =
        str_format("%s=%s; Path=%s/; Max-Age=%u; HttpOnly; SameSite=Lax%s", name, value,
                   web_base(x->web), seconds, exchange_is_secure(x) ? "; Secure" : "");

    if (!cookie || exchange_add_header(x, "Cache-Control", "no-store") < 0)
        return -ENOMEM;
    return exchange_add_header(x, "Set-Cookie", cookie);
}

// Whoever has logged in is not led back to where one logs in or out: what is said there is over.
static bool is_of_logins(const char *next)
{
    size_t len = strcspn(next + 1, "/?");

    return (len == strlen("login") && strncmp(next + 1, "login", len) == 0) ||
           (len == strlen("logout") && strncmp(next + 1, "logout", len) == 0);
}

const char *login_safe_next(const char *next)
{
    if (!next || next[0] != '/' || next[1] == '/' || next[1] == '\\' || strlen(next) > NEXT_MAX ||
        str_has_control(next) || is_of_logins(next))
        return "/";
    return next;
}

char *login_url(const char *next)
{
    _cleanup_free_ char *escaped = http_escape(login_safe_next(next), true);

    return escaped ? str_format("/login?next=%s", escaped) : NULL;
}

static int refuse_without_login(const struct exchange *x, struct error *err)
{
    return exchange_fail(
        (struct exchange *)x, 404, err, "nobody can log in here: this server takes requests %s",
        strcmp(x->web->settings.authorization, "open") == 0 ? "from anybody" : "with an API key");
}

// ---- out

// What the provider and we have to agree on; the caller frees both texts.
static int make_party(const struct exchange *x, const char *state, struct openid_party *ret,
                      char **ret_return_to, char **ret_realm)
{
    _cleanup_free_ char *origin = exchange_site(x);

    if (!origin)
        return -ENOMEM;
    *ret_return_to = str_format("%s" RETURN_PATH "?state=%s", origin, state);
    *ret_realm = str_format("%s/", origin);
    *ret = (struct openid_party){.endpoint = x->web->settings.login_url,
                                 .return_to = *ret_return_to,
                                 .realm = *ret_realm,
                                 .teams = &x->web->settings.allowed_requestors};
    return *ret_return_to && *ret_realm ? 0 : -ENOMEM;
}

int page_login(struct exchange *x, struct error *err)
{
    const char *next = login_safe_next(params_get(&x->query, "next"));
    _cleanup_free_ char *return_to = NULL, *realm = NULL, *url = NULL, *escaped = NULL;
    _cleanup_free_ char *text = NULL, *cookie = NULL;
    struct openid_party party;
    char state[33];
    int r;

    if (!login_is_possible(x->web))
        return refuse_without_login(x, err);
    if (login_session(x))
        return exchange_redirect(x, MHD_HTTP_SEE_OTHER, next) < 0 ? error_oom(err) : 0;
    r = limits_check_client(x, LIMIT_LOGIN, err);
    if (r == 0)
        r = session_random(16, state, err);
    if (r < 0)
        return r;
    escaped = http_escape(next, true);
    text = escaped ? str_format("%llu:%s:%s", (unsigned long long)now_s() + STATE_SECONDS, state,
                                escaped)
                   : NULL;
    cookie = text ? session_sign(&x->web->session_key, "login", text) : NULL;
    if (!cookie || make_party(x, state, &party, &return_to, &realm) < 0 ||
        !(url = openid_request_url(&party)) || set_cookie(x, "login", cookie, STATE_SECONDS) < 0 ||
        exchange_redirect(x, MHD_HTTP_SEE_OTHER, url) < 0)
        return error_oom(err);
    return 0;
}

// ---- back

struct login {
    struct exchange *x;
    struct openid_answer answer;
    char *next;
};

static void login_free(void *userdata)
{
    struct login *login = userdata;

    openid_answer_release(&login->answer);
    free(login->next);
    free(login);
}

// The browser that comes back must be the one that was sent: its cookie has the state.
static int check_state(struct exchange *x, char **ret_next, struct error *err)
{
    const char *cookie = login_cookie(x, "login"), *state = params_get(&x->query, "state");
    _cleanup_free_ char *text = NULL;
    char *rest, *expires, *sent;
    uint64_t expires_s = 0;

    if (!cookie || !state || session_unsign(&x->web->session_key, "login", cookie, &text, NULL) < 0)
        return exchange_fail(x, 400, err,
                             "the login was not begun in this browser; allow cookies and log in "
                             "again");
    rest = text;
    expires = strsep(&rest, ":");
    sent = rest ? strsep(&rest, ":") : NULL;
    if (!sent || !rest || !secret_equal(sent, strlen(sent), state, strlen(state)) ||
        parse_uint(expires, 0, INT64_MAX, &expires_s, NULL) < 0 || expires_s < now_s())
        return exchange_fail(x, 400, err, "the login has taken too long; log in again");
    if (http_unescape(rest, false) < 0)
        return error_set(err, -EBADMSG, "the login cannot be understood");
    *ret_next = strdup(login_safe_next(rest));
    return *ret_next ? 0 : error_oom(err);
}

// For longer than openid_read_answer() takes it.
static int note_nonce(struct web *web, const char *nonce)
{
    remembered_turn(&web->nonces, STATE_SECONDS * USEC_PER_SEC);
    return remembered_has(&web->nonces, nonce) ? -EEXIST : remembered_add(&web->nonces, nonce);
}

static int log_in(struct login *login, struct error *err)
{
    _cleanup_(session_release) struct session session = {0};
    struct exchange *x = login->x;
    _cleanup_free_ char *cookie = NULL;
    int r = note_nonce(x->web, login->answer.nonce);

    if (r == -EEXIST)
        return exchange_fail(x, 403, err, "this login was used before; log in again");
    if (r == 0)
        r = session_new(login->answer.nickname, &login->answer.teams, now_s(), &session, err);
    if (r == -EINVAL)
        x->status = 403;
    if (r < 0)
        return r;
    cookie = session_write(&x->web->session_key, &session);
    if (!cookie || set_cookie(x, "session", cookie, SESSION_SECONDS) < 0 ||
        set_cookie(x, "login", "", 0) < 0 ||
        exchange_redirect(x, MHD_HTTP_SEE_OTHER, login->next) < 0)
        return error_oom(err);
    log_info("%s has logged in", session.user);
    return 0;
}

static void on_checked(int r, const struct http_response *response, const struct error *why,
                       void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct login *login = userdata;
    struct exchange *x = login->x;

    if (r < 0)
        r = exchange_fail(x, 503, &err, "the login provider cannot be reached: %s",
                          error_message(why));
    else if (response->status != 200)
        r = exchange_fail(x, 503, &err, "the login provider answers with status %ld",
                          response->status);
    else if (!openid_reply_is_valid(buf_str(&response->body)))
        r = exchange_fail(x, 403, &err, "the login provider does not confirm this login");
    else
        r = log_in(login, &err);
    if (r < 0) {
        log_warning("login: %s", error_message(&err));
        exchange_answer_error(x, r, &err);
    }
    exchange_resume(x);
}

static int ask_provider(struct exchange *x, struct login *login, struct error *err)
{
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BODY_MAX);
    struct http_request request = {.method = "POST",
                                   .url = x->web->settings.login_url,
                                   .headers = &headers,
                                   .connect_timeout_us = PROVIDER_TIMEOUT_US,
                                   .idle_timeout_us = PROVIDER_TIMEOUT_US};

    if (openid_check_body(&x->query, &body) < 0 ||
        strv_add(&headers, "Content-Type: application/x-www-form-urlencoded") < 0)
        return error_oom(err);
    request.body = body.data;
    request.body_len = body.len;
    return http_async_start(x->web->http, &request, REPLY_MAX, on_checked, login, err);
}

int page_login_return(struct exchange *x, struct error *err)
{
    _cleanup_free_ char *return_to = NULL, *realm = NULL;
    struct openid_party party;
    struct login *login;
    int r;

    if (!login_is_possible(x->web))
        return refuse_without_login(x, err);
    r = limits_check_client(x, LIMIT_LOGIN_END, err);
    if (r < 0)
        return r;
    login = calloc(1, sizeof(*login));
    if (!login)
        return error_oom(err);
    login->x = x;
    x->userdata = login;
    x->free_userdata = login_free;
    r = check_state(x, &login->next, err);
    if (r == 0 && make_party(x, params_get(&x->query, "state"), &party, &return_to, &realm) < 0)
        r = error_oom(err);
    if (r == 0)
        r = openid_read_answer(&x->query, &party, (int64_t)now_s(), &login->answer, err);
    if (r == -ECANCELED || (r == -EBADMSG && x->status == 0))
        x->status = 403;
    if (r == 0)
        r = ask_provider(x, login, err);
    return r < 0 ? r : EXCHANGE_WAIT;
}

// ---- gone

// Of this unit's; whoever has kept a copy of the cookie cannot go on with it.
static int end_session(struct exchange *x)
{
    const struct session *session = login_session(x);

    remembered_turn(&x->web->ended, SESSION_SECONDS * USEC_PER_SEC);
    return session ? remembered_add(&x->web->ended, session->id) : 0;
}

// A link changes nothing: it leads to the form.
static int ask_to_log_out(struct exchange *x, struct error *err)
{
    x->data = json_pack("{s:s}", "title", "Log out");
    return x->data && exchange_add_header(x, "Cache-Control", "no-store") == 0 ? 0 : error_oom(err);
}

// Whether the form is one of this session's.
static int check_logout_form(struct exchange *x, struct error *err)
{
    const struct session *session = login_session(x);
    _cleanup_params_ struct params params = {0};
    int r = params_parse(&params, buf_str(&x->body), x->body.len, err);
    const char *token = params_get(&params, "logout-token");

    if (r < 0 ||
        (token && session_form_token_is(&x->web->session_key, session, SESSION_FORM_LOGOUT, token)))
        return r;
    return exchange_fail(x, 403, err,
                         "the form is not of this login: load it again and send it once more");
}

int page_logout(struct exchange *x, struct error *err)
{
    const struct session *session = login_session(x);

    // Another site must not log people out.
    if (!origin_is_ours(x) || (!session && x->method != METHOD_POST))
        return exchange_redirect(x, MHD_HTTP_SEE_OTHER, "/") < 0 ? error_oom(err) : 0;
    if (x->method != METHOD_POST)
        return ask_to_log_out(x, err);
    if (session) {
        int r = check_logout_form(x, err);

        if (r < 0)
            return r;
    }
    if (end_session(x) < 0 || set_cookie(x, "session", "", 0) < 0 ||
        exchange_redirect(x, MHD_HTTP_SEE_OTHER, "/") < 0)
        return error_oom(err);
    return 0;
}
