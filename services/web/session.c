// SPDX-License-Identifier: GPL-3.0-only
#include "web/session.h"

#include "base/buf.h"
#include "base/parse.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define MAC_HEX 64
#define SESSION_FORMAT "1"

int session_key_derive(const char *secret, struct session_key *ret)
{
    static const char purpose[] = "sessions of autopkgtest-cloud";
    unsigned len = 0;

    _Static_assert(SESSION_KEY_BYTES == 32, "what SHA-256 gives");
    return HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)purpose,
                strlen(purpose), ret->bytes, &len)
               ? 0
               : -ENOMEM;
}

int session_key_make(struct session_key *ret, struct error *err)
{
    return RAND_bytes(ret->bytes, SESSION_KEY_BYTES) == 1
               ? 0
               : error_set(err, -EIO, "there are no random numbers");
}

// ---- signed texts

static int mac_of(const struct session_key *key, const char *purpose, const char *text, size_t len,
                  char ret[MAC_HEX + 1])
{
    unsigned char own[EVP_MAX_MD_SIZE], mac[EVP_MAX_MD_SIZE];
    unsigned own_len = 0, mac_len = 0;

    if (!HMAC(EVP_sha256(), key->bytes, SESSION_KEY_BYTES, (const unsigned char *)purpose,
              strlen(purpose), own, &own_len) ||
        !HMAC(EVP_sha256(), own, (int)own_len, (const unsigned char *)text, len, mac, &mac_len))
        return -ENOMEM;
    hex_encode(mac, mac_len, ret);
    return 0;
}

char *session_mac(const struct session_key *key, const char *purpose, const char *text)
{
    char mac[MAC_HEX + 1];

    return mac_of(key, purpose, text, strlen(text), mac) < 0 ? NULL : strdup(mac);
}

char *session_sign(const struct session_key *key, const char *purpose, const char *text)
{
    char mac[MAC_HEX + 1];

    return mac_of(key, purpose, text, strlen(text), mac) < 0 ? NULL
                                                             : str_format("%s:%s", text, mac);
}

int session_unsign(const struct session_key *key, const char *purpose, const char *signed_text,
                   char **ret_text, struct error *err)
{
    const char *colon = strrchr(signed_text, ':');
    char mac[MAC_HEX + 1];

    if (!colon)
        return error_set(err, -EBADMSG, "it is not signed");
    if (mac_of(key, purpose, signed_text, (size_t)(colon - signed_text), mac) < 0)
        return error_oom(err);
    if (!secret_equal(mac, MAC_HEX, colon + 1, strlen(colon + 1)))
        return error_set(err, -EBADMSG, "it is not signed by this service");
    *ret_text = strndup(signed_text, (size_t)(colon - signed_text));
    return *ret_text ? 0 : error_oom(err);
}

// ---- sessions

bool session_name_is_valid(const char *name)
{
    static const char alphanumeric[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(name);

    return len > 0 && len <= SESSION_NAME_MAX && strchr(alphanumeric, name[0]) &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+_-")] == '\0';
}

int session_random(size_t bytes, char *ret, struct error *err)
{
    unsigned char raw[64];

    if (bytes > sizeof(raw) || RAND_bytes(raw, (int)bytes) != 1)
        return error_set(err, -EIO, "there are no random numbers");
    hex_encode(raw, bytes, ret);
    return 0;
}

int session_new(const char *user, const struct strv *teams, uint64_t now_s, struct session *ret,
                struct error *err)
{
    struct session s = {.expires_s = now_s + SESSION_SECONDS};
    int r;

    if (!session_name_is_valid(user))
        return error_set(err, -EINVAL, "\"%.*s\" cannot be the name of a user here",
                         SESSION_NAME_MAX, user);
    STRV_FOREACH (team, teams)
        if (!session_name_is_valid(team))
            return error_set(err, -EINVAL, "\"%.*s\" cannot be the name of a team",
                             SESSION_NAME_MAX, team);
    r = session_random(16, s.id, err);
    if (r == 0 && (!(s.user = strdup(user)) || strv_add_list(&s.teams, teams) < 0))
        r = error_oom(err);
    if (r < 0) {
        session_release(&s);
        return r;
    }
    *ret = s;
    return 0;
}

char *session_write(const struct session_key *key, const struct session *s)
{
    _cleanup_free_ char *teams = strv_join(&s->teams, "/");
    _cleanup_free_ char *text =
        teams ? str_format(SESSION_FORMAT ":%llu:%s:%s:%s", (unsigned long long)s->expires_s, s->id,
                           s->user, teams)
              : NULL;

    return text ? session_sign(key, "session", text) : NULL;
}

// The next piece of a text that is cut at colons; NULL at its end.
static char *next_piece(char **text)
{
    return *text ? strsep(text, ":") : NULL;
}

static int read_pieces(char *text, struct session *ret)
{
    const char *format = next_piece(&text), *expires = next_piece(&text);
    const char *id = next_piece(&text), *user = next_piece(&text), *teams = next_piece(&text);

    if (!teams || text || strcmp(format, SESSION_FORMAT) != 0 ||
        strlen(id) != sizeof(ret->id) - 1 ||
        parse_uint(expires, 0, INT64_MAX, &ret->expires_s, NULL) < 0)
        return -EBADMSG;
    memcpy(ret->id, id, sizeof(ret->id));
    ret->user = strdup(user);
    return !ret->user || strv_split(&ret->teams, teams, "/") < 0 ? -ENOMEM : 0;
}

int session_read(const struct session_key *key, const char *cookie, uint64_t now_s,
                 struct session *ret, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    struct session s = {0};
    int r = session_unsign(key, "session", cookie, &text, err);

    if (r < 0)
        return r;
    r = read_pieces(text, &s);
    if (r == 0 && s.expires_s <= now_s)
        r = -ESTALE;
    if (r < 0) {
        session_release(&s);
        return error_set(err, r, r == -ESTALE ? "the session has expired" : "it is no session");
    }
    *ret = s;
    return 0;
}

void session_release(struct session *s)
{
    free(s->user);
    strv_release(&s->teams);
    *s = (struct session){0};
}

// ---- forms

static const char *const form_purposes[] = {
    [SESSION_FORM_REQUESTS] = "form",
    [SESSION_FORM_LOGOUT] = "logout",
};

char *session_form_token(const struct session_key *key, const struct session *session,
                         enum session_form form)
{
    return session_mac(key, form_purposes[form], session->id);
}

bool session_form_token_is(const struct session_key *key, const struct session *session,
                           enum session_form form, const char *token)
{
    _cleanup_free_ char *wanted = session_form_token(key, session, form);

    return wanted && secret_equal(wanted, strlen(wanted), token, strlen(token));
}
