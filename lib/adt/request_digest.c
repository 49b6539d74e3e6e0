// SPDX-License-Identifier: GPL-3.0-only
#include "adt/request.h"
#include "base/parse.h"

#include <openssl/evp.h>

static json_t *sorted(const struct strv *values)
{
    _cleanup_strv_ struct strv copy = STRV_INIT;

    if (strv_add_list(&copy, values) < 0)
        return NULL;
    strv_sort(&copy);
    return json_strings(&copy);
}

char *request_digest(const struct request *request, const char *release, const char *arch)
{
    _cleanup_json_ json_t *all = json_object();
    _cleanup_buf_ struct buf text = BUF_INIT(2 * REQUEST_BODY_MAX);
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;

    if (request_is_private(request))
        return strdup("");
    if (json_put_string(all, "package", request->package) < 0 ||
        json_put_string(all, "release", release) < 0 || json_put_string(all, "arch", arch) < 0 ||
        json_put(all, "triggers", sorted(&request->triggers)) < 0 ||
        json_put(all, "ppas", sorted(&request->ppas)) < 0 ||
        json_put(all, "env", sorted(&request->env)) < 0 ||
        json_put_bool(all, "all-proposed", request->all_proposed) < 0 ||
        json_put_string(all, "test-git", request->test_git) < 0 ||
        json_put_string(all, "build-git", request->build_git) < 0 ||
        json_put_string(all, "testname", request->testname) < 0 || json_write(all, &text) < 0 ||
        EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL) != 1)
        return NULL;
    hex_encode(digest, 16, hex);
    return strdup(hex);
}
