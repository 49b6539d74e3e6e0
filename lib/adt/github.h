// SPDX-License-Identifier: GPL-3.0-only
// GitHub's side of tests of pull requests: what its webhooks say and how commit statuses are told.
// Nothing here speaks HTTP. Sources: "Webhook events and payloads" (pull_request, ping),
// "Validating webhook deliveries", and "REST API endpoints for commit statuses" of GitHub's
// documentation.
#pragma once

#include "base/strv.h"
#include "data/json.h"

#include <stdbool.h>
#include <stdint.h>

#define GITHUB_STATUSES_VARIABLE "GITHUB_STATUSES_URL" // of a request's env
#define GITHUB_NUMBER_VARIABLE "UPSTREAM_PULL_REQUEST"

// Whether the body was signed with the secret: by HMAC-SHA256 (header X-Hub-Signature-256), or by
// HMAC-SHA1 (X-Hub-Signature) only where the first is absent (NULL).
bool github_signature_is_valid(const char *secret, const void *body, size_t len, const char *sha256,
                               const char *sha1);

// A package's secret as operators write it: `SECRET`, or `OWNER/NAME[,OWNER/NAME…] SECRET`, which
// counts for these repositories only.
struct github_secret {
    char *secret;
    struct strv repositories; // none: of any
};
// -EINVAL: there is none. -ENOMEM.
int github_secret_parse(const char *text, struct github_secret *ret);
// Names of repositories are the same in any case, as they are at GitHub.
bool github_secret_is_for(const struct github_secret *secret, const char *repository);
void github_secret_release(struct github_secret *secret);
// The repository that an event is of; "" when it tells none. The caller frees; NULL for lack of
// memory.
char *github_event_repository(const char *body, size_t len);

struct github_pull {
    uint64_t number;
    char *repository;   // OWNER/NAME
    char *clone_url;    // of the repository that is asked to pull
    char *statuses_url; // of the newest commit
};

// A pull_request event. 1: its code is new (opened, synchronize, reopened) and *ret is filled; 0:
// nothing to test; -EBADMSG: it is none.
int github_pull_parse(const char *body, size_t len, struct github_pull *ret, struct error *err);
// Whether its addresses are of its repository, as GitHub's are: else who may sign for one would
// have another's code tested, or its commits told.
bool github_pull_is_of_one(const struct github_pull *pull);
void github_pull_release(struct github_pull *pull);

// Whether credentials may be sent to this address: a commit's statuses at the API.
bool github_statuses_url_is_valid(const char *api_url, const char *url);

// "pending", or of an exit code of autopkgtest: success (0, 2), failure (4, 6, 12), else error.
#define GITHUB_PENDING "pending"
const char *github_state_of(int64_t exitcode);

struct github_status {
    const char *state;
    const char *release, *arch, *testname; // the context; testname NULL: none
    const char *description;
    const char *target_url;
};
// The body of the request that sets it.
int github_status_format(const struct github_status *status, struct buf *ret);
// `USER:TOKEN` of a file {"USER": "TOKEN"} (its first). The caller frees; NULL: there is none.
char *github_credentials(const char *path);
// The header that proves who sets it, from `USER:TOKEN`. The caller frees; NULL for lack of memory.
char *github_authorization(const char *credentials);
// Whether a status that was answered so may be taken later: 408, 429, 5xx, and what the limits of
// the API refuse (403 with Retry-After, or with no request left). Headers are NULL when absent.
bool github_answer_is_temporary(long status, const char *retry_after, const char *remaining);
// How long such an answer wants to be left alone: `retry_after` are seconds, `reset`
// (X-RateLimit-Reset, when `remaining` is 0) seconds since 1970. At most an hour; 0: it says
// nothing. Source: "Rate limits for the REST API" of GitHub's documentation.
uint64_t github_answer_wait_us(const char *retry_after, const char *remaining, const char *reset,
                               uint64_t now_us);
// The value of `NAME=value` in a completion message's env text (`a=1,NAME=value`). The caller
// frees; NULL when absent.
char *github_env_value(const char *env, const char *name);
