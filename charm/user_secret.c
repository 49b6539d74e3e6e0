// SPDX-License-Identifier: GPL-3.0-only
#include "charm/user_secret.h"

#include "base/buf.h"

// `juju grant-secret` takes a secret's id or its name, and tells units only the first.
static const char *id_of(const char *uri)
{
    const char *slash = strrchr(uri, '/');

    return slash ? slash + 1 : uri + (str_starts_with(uri, "secret:") ? strlen("secret:") : 0);
}

char *user_secret_refusal(const char *what, const char *uri, const char *app, int r)
{
    const char *id = id_of(uri);

    return r == -EACCES
               ? str_format("%s: the secret is not granted: juju grant-secret %s %s", what, id, app)
               : str_format("%s: there is no secret %s: name one that `juju secrets` "
                            "lists: juju config %s %s=secret:ID",
                            what, id, app, what);
}
