// SPDX-License-Identifier: GPL-3.0-only
// A remote LXD by its REST API (https://documentation.ubuntu.com/lxd/latest/rest-api), as the unit:
// with the certificate in SETTINGS/lxd/client.crt and .key. The program `lxc` uses the same folder
// ($LXD_CONF): SETTINGS/lxd/servercerts/NAME.crt is the server's certificate, and from then on the
// only one that is taken for it.
#pragma once

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

struct lxd;

// `dir` is the settings folder, `name` and `address` as data/remote.h has them. Makes no call.
int lxd_new(const char *dir, const char *name, const char *address, struct lxd **ret,
            struct error *err);
void lxd_free(struct lxd *lxd);

// Whether the server's certificate is kept already.
bool lxd_is_known(const struct lxd *lxd);
// The first call: asks who the server is (its answer to GET /1.0, borrowed until the next meeting)
// and whether it trusts the unit. Of a server that is not known yet the certificate is taken as it
// comes, or, with `fingerprint` (hexadecimal SHA-256; NULL: any), only that one: else
// -EKEYREJECTED.
int lxd_meet(struct lxd *lxd, const char *fingerprint, const json_t **ret_server, bool *ret_trusted,
             struct error *err);
// The certificate's, hexadecimal; "" before a meeting.
const char *lxd_fingerprint(const struct lxd *lxd);
// Asks the server to trust the unit, with a token made there. -EACCES: it does not take it.
int lxd_ask_trust(struct lxd *lxd, const char *token, const char *name, struct error *err);
// Keeps the certificate of the server that was met.
int lxd_keep(struct lxd *lxd, struct error *err);

// One call to its end, operations included (for at most ten minutes; but those that make a token
// end when it is used: they are the answer themselves). *ret (may be NULL) is the answer's
// metadata, which the caller owns. -EACCES: not trusted, -ENOENT, -EIO: with the server's words; or
// as http_perform() has it.
int lxd_call(struct lxd *lxd, const char *method, const char *path, const json_t *body,
             json_t **ret, struct error *err);

DEFINE_CLEANUP(struct lxd *, lxd_free)
