// SPDX-License-Identifier: GPL-3.0-only
// What the parts of the Swift client share; nobody else includes this.
//
//     swift_auth.c  getting a token and the address of the storage: TempAuth, Keystone v3
//     swift.c       the calls
#pragma once

#include "net/swift.h"

struct swift {
    struct swift_settings settings; // copies
    struct http_client *http;
    char *token;       // NULL: to be asked for
    char *storage_url; // without a slash at its end
};

#define SWIFT_RETRIES 3

// Asks for a token. Errors as in swift.h.
int swift_authenticate(struct swift *swift, struct error *err);
void swift_forget_token(struct swift *swift);

// The storage URL of `region` (NULL: the only or first one) in a Keystone catalog; -ENOENT when it
// has none, -EIO when the answer is not what the Identity API v3 says.
int swift_catalog_find(const char *text, size_t len, const char *region, char **ret,
                       struct error *err);

// Adds the names of a listing in JSON, as `format=json` gives it; empty text is an empty listing.
// -EIO when it is something else.
int swift_listing_parse(const char *text, size_t len, const char *container, struct strv *ret,
                        struct error *err);

// What a failed transfer means for a caller of this client.
int swift_transfer_error(int r);
