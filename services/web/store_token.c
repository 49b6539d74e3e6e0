// SPDX-License-Identifier: GPL-3.0-only
#include "base/buf.h"
#include "base/parse.h"
#include "web/store.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PREFIX "AUTH_tk"
#define EXPIRY_LEN 16 // hexadecimal digits of the expiry, then of the MAC
#define MAC_LEN 32    // bytes: SHA-256

// The MAC, in hexadecimal, over who and until when.
static int make_mac(const char *user, const char *password, int64_t expiry,
                    char ret[2 * MAC_LEN + 1])
{
    _cleanup_free_ char *text = str_format("store token %lld %s", (long long)expiry, user);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!text || !HMAC(EVP_sha256(), password, (int)strlen(password), (unsigned char *)text,
                       strlen(text), mac, &len))
        return -ENOMEM;
    hex_encode(mac, MAC_LEN, ret);
    return 0;
}

char *store_token_make(const char *user, const char *password, int64_t now_s)
{
    int64_t expiry = now_s + STORE_TOKEN_LIFE_S;
    char mac[2 * MAC_LEN + 1];

    if (make_mac(user, password, expiry, mac) < 0)
        return NULL;
    return str_format(PREFIX "%0*llx%s", EXPIRY_LEN, (unsigned long long)expiry, mac);
}

int64_t store_token_check(const char *token, const char *user, const char *password, int64_t now_s)
{
    char digits[EXPIRY_LEN + 1], mac[2 * MAC_LEN + 1], *end = NULL;
    const char *got;
    int64_t expiry;

    if (!str_starts_with(token, PREFIX) ||
        strlen(token) != strlen(PREFIX) + EXPIRY_LEN + 2 * (size_t)MAC_LEN || !*password)
        return 0;
    memcpy(digits, token + strlen(PREFIX), EXPIRY_LEN);
    digits[EXPIRY_LEN] = '\0';
    if (strspn(digits, "0123456789abcdef") != EXPIRY_LEN || digits[0] != '0')
        return 0;
    expiry = (int64_t)strtoull(digits, &end, 16);
    if (make_mac(user, password, expiry, mac) < 0)
        return 0;
    got = token + strlen(PREFIX) + EXPIRY_LEN;
    if (!secret_equal(got, strlen(got), mac, strlen(mac)))
        return 0;
    return expiry > now_s ? expiry - now_s : 0;
}
