// SPDX-License-Identifier: GPL-3.0-only
#include "cli/remote.h"

#include "data/json.h"
#include "data/remote.h"

#include <openssl/evp.h>

#define TOKEN_MAX ((size_t)64 * 1024)

void remote_token_release(struct remote_token *token)
{
    if (token->text)
        explicit_bzero(token->text, strlen(token->text));
    free(token->text);
    free(token->fingerprint);
    strv_release(&token->addresses);
    *token = (struct remote_token){0};
}

static bool is_hex(const char *text)
{
    return *text && strspn(text, "0123456789abcdef") == strlen(text);
}

// What base64 stands for, as JSON; NULL: nothing.
static json_t *decode(const char *text)
{
    size_t len = strlen(text);
    unsigned char *bytes = len % 4 == 0 && len > 0 ? malloc(len + 1) : NULL;
    int n = bytes ? EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) : -1;
    json_t *json = NULL;

    if (n > 0) {
        n -= (text[len - 1] == '=') + (text[len - 2] == '='); // it counts padding
        (void)json_parse((const char *)bytes, (size_t)n, "token", &json, NULL);
    }
    if (bytes)
        explicit_bzero(bytes, len + 1);
    free(bytes);
    return json;
}

int remote_token_parse(const char *text, struct remote_token *ret, struct error *err)
{
    _cleanup_remote_token_ struct remote_token token = {0};
    _cleanup_json_ json_t *json = NULL;
    const char *fingerprint = NULL;

    token.text = strndup(text, TOKEN_MAX);
    if (!token.text)
        return error_oom(err);
    memmove(token.text, str_strip(token.text), strlen(str_strip(token.text)) + 1);
    json = decode(token.text);
    if (!json || json_get_string(json, "fingerprint", &fingerprint, NULL) < 0 ||
        !is_hex(fingerprint) || str_equal(json_text(json, "secret"), "") ||
        json_get_optional_strv(json, "addresses", &token.addresses, NULL) < 0)
        return error_set(err, -EBADMSG,
                         "that is no token of LXD's: expected the line that `lxc config trust add "
                         "--name UNIT` prints on the host");
    for (size_t i = token.addresses.len; i-- > 0;)
        if (!remote_is_address(token.addresses.items[i]))
            return error_set(err, -EBADMSG, "the token has an address that is none: \"%s\"",
                             token.addresses.items[i]);
    token.fingerprint = strdup(fingerprint);
    if (!token.fingerprint)
        return error_oom(err);
    *ret = token;
    token = (struct remote_token){0};
    return 0;
}
