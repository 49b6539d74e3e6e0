// SPDX-License-Identifier: GPL-3.0-only
#include "cli/lxd_api.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "data/json.h"
#include "data/remote.h"
#include "net/http.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)32 * 1024 * 1024)
#define CERTIFICATE_MAX ((size_t)64 * 1024)
#define OPERATION_S 600
#define CONNECT_US (5 * USEC_PER_SEC)
#define IDLE_US (20 * USEC_PER_SEC)
#define DIGEST_HEX (2 * EVP_MAX_MD_SIZE + 1)

struct lxd {
    struct http_client *http;
    struct strv headers;
    char *url;
    char *cert, *key;      // ours
    char *server, *unsure; // where its certificate is kept, and before that
    struct buf peer;       // its certificate as it came
    char fingerprint[DIGEST_HEX];
    json_t *info;
};

void lxd_free(struct lxd *lxd)
{
    if (lxd->unsure)
        (void)unlink(lxd->unsure);
    if (lxd->http)
        http_client_free(lxd->http);
    strv_release(&lxd->headers);
    free(lxd->url);
    free(lxd->cert);
    free(lxd->key);
    free(lxd->server);
    free(lxd->unsure);
    buf_release(&lxd->peer);
    json_decref(lxd->info);
    free(lxd);
}

int lxd_new(const char *dir, const char *name, const char *address, struct lxd **ret,
            struct error *err)
{
    _cleanup_(lxd_freep) struct lxd *lxd = calloc(1, sizeof(*lxd));

    if (!lxd)
        return error_oom(err);
    lxd->peer = (struct buf)BUF_INIT(CERTIFICATE_MAX);
    lxd->url = remote_url(address);
    lxd->cert = str_format("%s/lxd/client.crt", dir);
    lxd->key = str_format("%s/lxd/client.key", dir);
    lxd->server = str_format("%s/lxd/servercerts/%s.crt", dir, name);
    lxd->unsure = str_format("%s/lxd/servercerts/.%s.%d", dir, name, (int)getpid());
    if (!lxd->url || !lxd->cert || !lxd->key || !lxd->server || !lxd->unsure ||
        strv_add(&lxd->headers, "Content-Type: application/json") < 0)
        return error_oom(err);
    if (access(lxd->cert, R_OK) < 0 || access(lxd->key, R_OK) < 0)
        return error_errno(err, -errno, "cannot read the unit's own certificate, %s", lxd->cert);
    if (http_client_new("autopkgtest-cloud", &lxd->http, err) < 0)
        return -EIO;
    *ret = TAKE_PTR(lxd);
    return 0;
}

bool lxd_is_known(const struct lxd *lxd)
{
    return access(lxd->server, F_OK) == 0;
}

const char *lxd_fingerprint(const struct lxd *lxd)
{
    return lxd->fingerprint;
}

// ---------------------------------------------------------------- certificates

static int digest(const struct buf *pem, char *ret, struct error *err)
{
    BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int ok = certificate ? X509_digest(certificate, EVP_sha256(), bytes, &len) : 0;

    X509_free(certificate);
    BIO_free(bio);
    if (!ok)
        return error_set(err, -EPROTO, "its certificate cannot be read");
    hex_encode(bytes, len, ret);
    return 0;
}

static int perform(struct lxd *lxd, const char *method, const char *path, const struct buf *body,
                   struct buf *peer, struct http_response *response, struct error *err)
{
    _cleanup_free_ char *url = str_format("%s%s", lxd->url, path);
    const struct http_request request = {
        .method = method,
        .url = url,
        .headers = &lxd->headers,
        .body = body ? buf_str(body) : NULL,
        .body_len = body ? body->len : 0,
        .ca_file = peer                ? NULL
                   : lxd_is_known(lxd) ? lxd->server
                                       : lxd->unsure,
        .ca_is_server = true,
        .peer = peer,
        .cert_file = peer ? NULL : lxd->cert,
        .key_file = lxd->key,
        .connect_timeout_us = CONNECT_US,
        .idle_timeout_us = strstr(path, "/wait?") ? OPERATION_S * USEC_PER_SEC : IDLE_US};

    return url ? http_perform(lxd->http, &request, response, err) : error_oom(err);
}

// Fetches the server's certificate; nothing is told to it before it is known who it is.
static int fetch_certificate(struct lxd *lxd, const char *fingerprint, struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    struct http_response response = HTTP_RESPONSE_INIT(ANSWER_MAX);
    int r = perform(lxd, "GET", "/1.0", NULL, &lxd->peer, &response, err);

    http_response_release(&response);
    if (r < 0 || (r = digest(&lxd->peer, lxd->fingerprint, err)) < 0)
        return r;
    if (fingerprint && strcmp(fingerprint, lxd->fingerprint) != 0)
        return error_set(err, -EKEYREJECTED,
                         "%s has another certificate (%s) than the one that made the token (%s)",
                         lxd->url, lxd->fingerprint, fingerprint);
    return file_replace(lxd->unsure, buf_str(&lxd->peer), lxd->peer.len, &attributes, NULL, err);
}

static int read_certificate(struct lxd *lxd, const char *fingerprint, struct error *err)
{
    int r;

    buf_truncate(&lxd->peer, 0);
    if ((r = file_read(lxd->server, &lxd->peer, err)) < 0 ||
        (r = digest(&lxd->peer, lxd->fingerprint, err)) < 0)
        return r;
    if (fingerprint && strcmp(fingerprint, lxd->fingerprint) != 0)
        return error_set(err, -EKEYREJECTED,
                         "another server than the one that made the token is known by this "
                         "address: remove-remote makes the unit forget it");
    return 0;
}

// ---------------------------------------------------------------- calls

static int refused(struct lxd *lxd, const json_t *answer, const char *method, const char *path,
                   struct error *err)
{
    int64_t code = json_integer_value(json_object_get(answer, "error_code"));
    const char *text = json_text(answer, "error");
    int r = code == 403 ? -EACCES : code == 404 ? -ENOENT : -EIO;

    return error_set(err, r, "%s: %s %.*s: %s", lxd->url, method, (int)strcspn(path, "?"), path,
                     *text ? text : "an answer that is none of LXD's");
}

static int call_once(struct lxd *lxd, const char *method, const char *path, const json_t *body,
                     json_t **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(ANSWER_MAX);
    struct http_response response = HTTP_RESPONSE_INIT(ANSWER_MAX);
    int r = body && json_write(body, &text) < 0 ? error_oom(err) : 0;

    if (r == 0)
        r = perform(lxd, method, path, body ? &text : NULL, NULL, &response, err);
    if (text.len > 0) // a token may be in it
        explicit_bzero(text.data, text.len);
    if (r == 0)
        r = json_parse(buf_str(&response.body), response.body.len, "the answer", ret, err);
    if (r == -EINVAL)
        r = error_set(err, -EPROTO, "%s does not answer as an LXD does", lxd->url);
    http_response_release(&response);
    if (r == 0 && !str_equal(json_text(*ret, "type"), "sync") &&
        !str_equal(json_text(*ret, "type"), "async"))
        r = refused(lxd, *ret, method, path, err);
    return r;
}

// What is done in the background: to its end.
static int wait_for(struct lxd *lxd, const char *operation, json_t **ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/wait?timeout=%d", operation, OPERATION_S);
    const json_t *done;
    int r = path ? call_once(lxd, "GET", path, NULL, ret, err) : error_oom(err);

    if (r < 0)
        return r;
    done = json_object_get(*ret, "metadata");
    if (json_integer_value(json_object_get(done, "status_code")) == 200)
        return 0;
    return error_set(err, -EIO, "%s: %s: %s", lxd->url, json_text(done, "description"),
                     *json_text(done, "err") ? json_text(done, "err") : json_text(done, "status"));
}

int lxd_call(struct lxd *lxd, const char *method, const char *path, const json_t *body,
             json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *answer = NULL, *done = NULL;
    int r = call_once(lxd, method, path, body, &answer, err);

    if (r == 0 && str_equal(json_text(answer, "type"), "async") &&
        !str_equal(json_text(json_object_get(answer, "metadata"), "class"), "token"))
        r = wait_for(lxd, json_text(answer, "operation"), &done, err);
    if (r == 0 && ret)
        *ret = json_incref(json_object_get(done ? done : answer, "metadata"));
    return r;
}

// ---------------------------------------------------------------- trust

int lxd_meet(struct lxd *lxd, const char *fingerprint, const json_t **ret_server, bool *ret_trusted,
             struct error *err)
{
    json_t *info = NULL;
    int r = 0;

    if (lxd_is_known(lxd))
        r = read_certificate(lxd, fingerprint, err);
    else if (!lxd->fingerprint[0])
        r = fetch_certificate(lxd, fingerprint, err);

    if (r == 0)
        r = lxd_call(lxd, "GET", "/1.0", NULL, &info, err);
    if (r < 0)
        return r;
    json_decref(lxd->info);
    lxd->info = info;
    *ret_server = info;
    *ret_trusted = str_equal(json_text(info, "auth"), "trusted");
    return 0;
}

static bool has_extension(const json_t *server, const char *name)
{
    const json_t *extension;
    size_t i;

    json_array_foreach (json_object_get(server, "api_extensions"), i, extension)
        if (str_equal(json_string_value(extension), name))
            return true;
    return false;
}

int lxd_ask_trust(struct lxd *lxd, const char *token, const char *name, struct error *err)
{
    // Newer ones have a member of its own for it.
    const char *member =
        has_extension(lxd->info, "explicit_trust_token") ? "trust_token" : "password";
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:s, s:s}", "type", "client", "name", name, member, token);
    int r = body ? lxd_call(lxd, "POST", "/1.0/certificates", body, NULL, err) : error_oom(err);

    if (r == -EACCES || r == -EIO)
        return error_set(err, -EACCES,
                         "%s does not take the token: it is good for one use, and for a time only; "
                         "make another one there: lxc config trust add --name %s",
                         lxd->url, name);
    return r;
}

int lxd_keep(struct lxd *lxd, struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);

    return file_replace(lxd->server, buf_str(&lxd->peer), lxd->peer.len, &attributes, NULL, err);
}
