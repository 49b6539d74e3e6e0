// SPDX-License-Identifier: GPL-3.0-only
#include "web/openid.h"

#include "net/http.h"

#include <time.h>

#define NS "http://specs.openid.net/auth/2.0"
#define IDENTIFIER_SELECT NS "/identifier_select"
#define NS_SREG "http://openid.net/extensions/sreg/1.1"
#define NS_SREG_OLD "http://openid.net/sreg/1.0"
#define NS_TEAMS "http://ns.launchpad.net/2007/openid-teams"
#define NONCE_SECONDS (5 * 60)
#define URL_MAX ((size_t)16 * 1024)

static int add_field(struct buf *b, const char *name, const char *value)
{
    _cleanup_free_ char *escaped_name = http_escape(name, false);
    _cleanup_free_ char *escaped = http_escape(value, false);

    if (!escaped_name || !escaped)
        return -ENOMEM;
    return buf_addf(b, "%s%s=%s", b->len > 0 ? "&" : "", escaped_name, escaped);
}

char *openid_request_url(const struct openid_party *party)
{
    _cleanup_free_ char *teams = strv_join(party->teams, ",");
    const struct {
        const char *name, *value;
    } fields[] = {
        {"openid.ns", NS},
        {"openid.mode", "checkid_setup"},
        {"openid.claimed_id", IDENTIFIER_SELECT},
        {"openid.identity", IDENTIFIER_SELECT},
        {"openid.return_to", party->return_to},
        {"openid.realm", party->realm},
        {"openid.ns.sreg", NS_SREG},
        {"openid.sreg.required", "nickname"},
        {"openid.ns.lp", NS_TEAMS},
        {"openid.lp.query_membership", teams},
    };
    _cleanup_buf_ struct buf query = BUF_INIT(URL_MAX);

    if (!teams)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if ((*teams || !strstr(fields[i].name, ".lp")) &&
            add_field(&query, fields[i].name, fields[i].value) < 0)
            return NULL;
    return str_format("%s%s%s", party->endpoint, strchr(party->endpoint, '?') ? "&" : "?",
                      buf_str(&query));
}

// ---- what comes back

static int refuse(struct error *err, const char *what)
{
    return error_set(err, -EBADMSG, "the login provider's answer: %s", what);
}

// A field that is there twice could be read in two ways.
static bool has_doubles(const struct params *query)
{
    for (size_t i = 0; i < query->len; i++)
        for (size_t j = i + 1; j < query->len; j++)
            if (str_starts_with(query->items[i].name, "openid.") &&
                strcmp(query->items[i].name, query->items[j].name) == 0)
                return true;
    return false;
}

// Fields are signed as lines NAME:VALUE (§4.1.1): one with a line's end in it, or a colon in its
// name, is signed like others.
static bool has_ambiguous(const struct params *query)
{
    for (size_t i = 0; i < query->len; i++)
        if (str_starts_with(query->items[i].name, "openid.") &&
            (str_has_control(query->items[i].name) || str_has_control(query->items[i].value) ||
             strchr(query->items[i].name, ':')))
            return true;
    return false;
}

static int check_mode(const struct params *query, struct error *err)
{
    const char *mode = params_get(query, "openid.mode"), *message;

    if (!mode)
        return refuse(err, "it has no openid.mode");
    if (strcmp(mode, "cancel") == 0)
        return error_set(err, -ECANCELED, "the login was cancelled");
    message = params_get(query, "openid.error");
    if (strcmp(mode, "error") == 0 && message && !str_has_control(message))
        return error_set(err, -EBADMSG, "the login provider refused: %.200s", message);
    return strcmp(mode, "id_res") == 0 ? 0 : refuse(err, "it is no assertion");
}

// Whether openid.NAME is there and in the list of what is signed.
static bool is_signed(const struct params *query, const struct strv *list, const char *name)
{
    _cleanup_free_ char *key = str_format("openid.%s", name);

    return key && params_get(query, key) && strv_contains(list, name);
}

static int check_signed(const struct params *query, const struct strv *list, struct error *err)
{
    static const char *const always[] = {"op_endpoint", "return_to", "response_nonce",
                                         "assoc_handle"};

    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        if (!is_signed(query, list, always[i]))
            return error_set(err, -EBADMSG, "the login provider's answer: %s is not signed",
                             always[i]);
    if ((params_get(query, "openid.claimed_id") && !strv_contains(list, "claimed_id")) ||
        (params_get(query, "openid.identity") && !strv_contains(list, "identity")))
        return refuse(err, "the identity is not signed");
    return 0;
}

// The nonce begins with the time it was made, in UTC (§10.1).
static int check_nonce(const char *nonce, int64_t now_s, struct error *err)
{
    struct tm tm = {0};
    const char *end = strptime(nonce, "%Y-%m-%dT%H:%M:%SZ", &tm);
    int64_t made = end ? (int64_t)timegm(&tm) : 0;

    if (!end || strlen(nonce) > 255)
        return refuse(err, "openid.response_nonce does not begin with a date");
    if (made < now_s - NONCE_SECONDS || made > now_s + NONCE_SECONDS)
        return refuse(err, "it was made more than five minutes ago, or the clocks differ");
    return 0;
}

static int check_assertion(const struct params *query, const struct openid_party *party,
                           const struct strv *list, int64_t now_s, struct error *err)
{
    const char *ns = params_get(query, "openid.ns");
    int r;

    if (!ns || strcmp(ns, NS) != 0)
        return refuse(err, "it is not of OpenID 2.0");
    r = check_signed(query, list, err);
    if (r < 0)
        return r;
    if (strcmp(params_get(query, "openid.op_endpoint"), party->endpoint) != 0)
        return refuse(err, "it is from another provider");
    if (strcmp(params_get(query, "openid.return_to"), party->return_to) != 0)
        return refuse(err, "it is for another place");
    return check_nonce(params_get(query, "openid.response_nonce"), now_s, err);
}

// The value of an extension's field, whatever short name the provider uses for the extension; NULL
// unless both are signed. Borrowed.
static const char *extension_value(const struct params *query, const struct strv *list,
                                   const char *ns, const char *field)
{
    for (size_t i = 0; i < query->len; i++) {
        const struct param *p = &query->items[i];
        _cleanup_free_ char *name = NULL, *key = NULL;

        if (!str_starts_with(p->name, "openid.ns.") || strcmp(p->value, ns) != 0)
            continue;
        name = str_format("%s.%s", p->name + strlen("openid.ns."), field);
        key = name ? str_format("openid.%s", name) : NULL;
        if (key && is_signed(query, list, name) && strv_contains(list, p->name + strlen("openid.")))
            return params_get(query, key);
    }
    return NULL;
}

static int take_teams(const char *member_of, const struct strv *asked, struct strv *ret)
{
    _cleanup_strv_ struct strv teams = STRV_INIT;

    if (!member_of)
        return 0;
    if (strv_split(&teams, member_of, ", ") < 0)
        return -ENOMEM;
    STRV_FOREACH (team, &teams)
        if (strv_contains(asked, team) && !strv_contains(ret, team) && strv_add(ret, team) < 0)
            return -ENOMEM;
    return 0;
}

int openid_read_answer(const struct params *query, const struct openid_party *party, int64_t now_s,
                       struct openid_answer *ret, struct error *err)
{
    _cleanup_strv_ struct strv list = STRV_INIT;
    const char *listed = params_get(query, "openid.signed"), *nickname;
    struct openid_answer a = {0};
    int r = check_mode(query, err);

    if (r < 0)
        return r;
    if (has_doubles(query))
        return refuse(err, "a field is there twice");
    if (has_ambiguous(query))
        return refuse(err, "a field could be read as another one");
    if (!listed || !params_get(query, "openid.sig"))
        return refuse(err, "it is not signed");
    if (strv_split(&list, listed, ",") < 0)
        return error_oom(err);
    r = check_assertion(query, party, &list, now_s, err);
    if (r < 0)
        return r;
    nickname = extension_value(query, &list, NS_SREG, "nickname");
    if (!nickname)
        nickname = extension_value(query, &list, NS_SREG_OLD, "nickname");
    if (str_empty(nickname))
        return refuse(err, "it does not tell your nickname; allow the provider to share it");
    a.nickname = strdup(nickname);
    a.nonce = strdup(params_get(query, "openid.response_nonce"));
    if (!a.nickname || !a.nonce ||
        take_teams(extension_value(query, &list, NS_TEAMS, "is_member"), party->teams, &a.teams) <
            0) {
        openid_answer_release(&a);
        return error_oom(err);
    }
    *ret = a;
    return 0;
}

void openid_answer_release(struct openid_answer *answer)
{
    free(answer->nickname);
    free(answer->nonce);
    strv_release(&answer->teams);
    *answer = (struct openid_answer){0};
}

// ---- direct verification

int openid_check_body(const struct params *query, struct buf *ret)
{
    int r = 0;

    for (size_t i = 0; i < query->len && r == 0; i++) {
        const struct param *p = &query->items[i];

        if (strcmp(p->name, "openid.mode") == 0)
            r = add_field(ret, p->name, "check_authentication");
        else if (str_starts_with(p->name, "openid."))
            r = add_field(ret, p->name, p->value);
    }
    return r;
}

bool openid_reply_is_valid(const char *text)
{
    bool valid = false;

    while (*text) {
        size_t len = strcspn(text, "\n");

        if (len >= strlen("is_valid:") && strncmp(text, "is_valid:", strlen("is_valid:")) == 0)
            valid = len == strlen("is_valid:true") && strncmp(text, "is_valid:true", len) == 0;
        text += len + (text[len] == '\n');
    }
    return valid;
}
