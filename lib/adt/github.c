// SPDX-License-Identifier: GPL-3.0-only
#include "adt/github.h"

#include "base/clock.h"
#include "base/parse.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define CONTEXT_MAX 100
#define WAIT_MAX_S UINT64_C(3600)
#define CREDENTIALS_MAX ((size_t)1024 * 1024)

// ---- what was signed

static bool is_signed_by(const EVP_MD *digest, const char *prefix, const char *secret,
                         const void *body, size_t len, const char *header)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned mac_len = 0;

    if (!str_starts_with(header, prefix) ||
        !HMAC(digest, secret, (int)strlen(secret), body, len, mac, &mac_len))
        return false;
    hex_encode(mac, mac_len, hex);
    header += strlen(prefix);
    return secret_equal(hex, strlen(hex), header, strlen(header));
}

bool github_signature_is_valid(const char *secret, const void *body, size_t len, const char *sha256,
                               const char *sha1)
{
    if (str_empty(secret))
        return false;
    if (sha256)
        return is_signed_by(EVP_sha256(), "sha256=", secret, body, len, sha256);
    return sha1 && is_signed_by(EVP_sha1(), "sha1=", secret, body, len, sha1);
}

// ---- whose secret it is

#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool is_repository(const char *text)
{
    size_t owner = strspn(text, LETTERS_DIGITS "-_"), name;

    if (owner == 0 || text[owner] != '/')
        return false;
    name = strspn(text + owner + 1, LETTERS_DIGITS "-_.");
    return name > 0 && text[owner + 1 + name] == '\0';
}

static bool are_repositories(const struct strv *words)
{
    STRV_FOREACH (word, words)
        if (!is_repository(word))
            return false;
    return words->len > 0;
}

int github_secret_parse(const char *text, struct github_secret *ret)
{
    struct github_secret s = {0};
    const char *blank = strchr(text, ' ');
    _cleanup_free_ char *first = strndup(text, blank ? (size_t)(blank - text) : 0);

    if (!first || strv_split(&s.repositories, first, ",") < 0) {
        github_secret_release(&s);
        return -ENOMEM;
    }
    if (blank && are_repositories(&s.repositories))
        text = blank + strspn(blank, " ");
    else
        strv_release(&s.repositories);
    s.secret = strdup(text);
    if (s.secret && *s.secret) {
        *ret = s;
        return 0;
    }
    github_secret_release(&s);
    return *text ? -ENOMEM : -EINVAL;
}

bool github_secret_is_for(const struct github_secret *secret, const char *repository)
{
    STRV_FOREACH (name, &secret->repositories)
        if (strcasecmp(name, repository) == 0)
            return true;
    return secret->repositories.len == 0;
}

void github_secret_release(struct github_secret *secret)
{
    free(secret->secret);
    strv_release(&secret->repositories);
    *secret = (struct github_secret){0};
}

char *github_event_repository(const char *body, size_t len)
{
    _cleanup_json_ json_t *event = NULL;

    (void)json_parse(body, len, "event", &event, NULL);
    return strdup(json_text(json_object_get(event, "repository"), "full_name"));
}

// ---- events

static bool is_new_code(const char *action)
{
    return strcmp(action, "opened") == 0 || strcmp(action, "synchronize") == 0 ||
           strcmp(action, "reopened") == 0;
}

static int copy_text(const json_t *object, const char *key, char **ret, struct error *err)
{
    const char *text = json_text(object, key);

    if (!*text || str_has_control(text))
        return error_set(err, -EBADMSG, "pull_request event: %s: expected a text", key);
    *ret = strdup(text);
    return *ret ? 0 : error_oom(err);
}

int github_pull_parse(const char *body, size_t len, struct github_pull *ret, struct error *err)
{
    _cleanup_json_ json_t *event = NULL;
    const json_t *pull, *repository;
    struct github_pull p = {0};
    int r = json_parse(body, len, "pull_request event", &event, err);

    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    pull = json_object_get(event, "pull_request");
    repository = json_object_get(event, "repository");
    if (!json_is_object(pull) || !json_is_object(repository))
        return error_set(err, -EBADMSG,
                         "pull_request event: expected objects pull_request and repository");
    if (!is_new_code(json_text(event, "action")))
        return 0;
    p.number = (uint64_t)json_integer_value(json_object_get(event, "number"));
    if (p.number == 0 || p.number > UINT32_MAX)
        return error_set(err, -EBADMSG, "pull_request event: number: expected a positive number");
    if ((r = copy_text(repository, "full_name", &p.repository, err)) < 0 ||
        (r = copy_text(repository, "clone_url", &p.clone_url, err)) < 0 ||
        (r = copy_text(pull, "statuses_url", &p.statuses_url, err)) < 0) {
        github_pull_release(&p);
        return r;
    }
    *ret = p;
    return 1;
}

bool github_pull_is_of_one(const struct github_pull *pull)
{
    _cleanup_free_ char *statuses = str_format("/repos/%s/statuses/", pull->repository);
    _cleanup_free_ char *clone = str_format("/%s.git", pull->repository);
    const char *repos = strstr(pull->statuses_url, "/repos/");
    size_t len = strlen(pull->clone_url);

    return statuses && clone && is_repository(pull->repository) && repos &&
           strncasecmp(repos, statuses, strlen(statuses)) == 0 && len > strlen(clone) &&
           strcasecmp(pull->clone_url + len - strlen(clone), clone) == 0;
}

void github_pull_release(struct github_pull *pull)
{
    free(pull->repository);
    free(pull->clone_url);
    free(pull->statuses_url);
    *pull = (struct github_pull){0};
}

// ---- statuses

bool github_statuses_url_is_valid(const char *api_url, const char *url)
{
    size_t base = strlen(api_url);

    if (base > 0 && api_url[base - 1] == '/')
        base--;
    return base > 0 && strncmp(url, api_url, base) == 0 && str_starts_with(url + base, "/repos/") &&
           strstr(url + base, "/statuses/") && !strstr(url + base, "..") &&
           url[base + strspn(url + base, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._/-")] == '\0';
}

const char *github_state_of(int64_t exitcode)
{
    switch (exitcode) {
    case 0:
    case 2:
        return "success";
    case 4:
    case 6:
    case 12:
        return "failure";
    default:
        return "error";
    }
}

int github_status_format(const struct github_status *s, struct buf *ret)
{
    _cleanup_free_ char *context = str_format(
        "%s/%s%s%s", s->release, s->arch, s->testname ? " " : "", s->testname ? s->testname : "");
    _cleanup_json_ json_t *object = NULL;

    if (!context)
        return -ENOMEM;
    if (strlen(context) > CONTEXT_MAX)
        context[CONTEXT_MAX] = '\0';
    object = json_pack("{s:s, s:s, s:s, s:s}", "state", s->state, "context", context, "description",
                       s->description, "target_url", s->target_url);
    return object ? json_write(object, ret) : -ENOMEM;
}

char *github_credentials(const char *path)
{
    _cleanup_json_ json_t *users = NULL;
    void *first;

    if (!path || json_parse_file(path, CREDENTIALS_MAX, &users, NULL) < 0 ||
        !json_is_object(users) || !(first = json_object_iter(users)))
        return NULL;
    return str_format("%s:%s", json_object_iter_key(first),
                      json_text(users, json_object_iter_key(first)));
}

char *github_authorization(const char *credentials)
{
    size_t len = strlen(credentials);
    _cleanup_free_ unsigned char *encoded = malloc(4 * ((len + 2) / 3) + 1);
    char *header;

    if (!encoded || len > INT32_MAX / 2)
        return NULL;
    (void)EVP_EncodeBlock(encoded, (const unsigned char *)credentials, (int)len);
    header = str_format("Authorization: Basic %s", (const char *)encoded);
    explicit_bzero(encoded, strlen((const char *)encoded));
    return header;
}

bool github_answer_is_temporary(long status, const char *retry_after, const char *remaining)
{
    return status == 408 || status == 429 || status >= 500 ||
           (status == 403 && (retry_after || str_equal(remaining, "0")));
}

uint64_t github_answer_wait_us(const char *retry_after, const char *remaining, const char *reset,
                               uint64_t now_us)
{
    uint64_t seconds = 0, now_s = now_us / USEC_PER_SEC;

    if (retry_after && parse_uint(retry_after, 0, UINT32_MAX, &seconds, NULL) == 0)
        seconds = seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S;
    else if (str_equal(remaining, "0") && reset &&
             parse_uint(reset, now_s, UINT32_MAX, &seconds, NULL) == 0)
        seconds = seconds - now_s < WAIT_MAX_S ? seconds - now_s + 1 : WAIT_MAX_S;
    else
        return 0;
    return seconds * USEC_PER_SEC;
}

char *github_env_value(const char *env, const char *name)
{
    size_t len = strlen(name);

    while (*env) {
        size_t piece = strcspn(env, ",");

        if (piece > len && strncmp(env, name, len) == 0 && env[len] == '=')
            return strndup(env + len + 1, piece - len - 1);
        env += piece + (env[piece] == ',');
    }
    return NULL;
}
