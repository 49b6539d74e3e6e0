// SPDX-License-Identifier: GPL-3.0-only
#include "web/github.h"

#include "adt/github.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/command.h"
#include "web/request_order.h"
#include "web/submission.h"
#include "web/web.h"

#include <sysexits.h>

#define FILE_MAX ((size_t)1024 * 1024)

bool github_is_webhook(const struct exchange *x)
{
    return exchange_header(x, "X-GitHub-Event") != NULL;
}

// The package's secret; false: none. A key of a Juju secret has no dots and plus signs: they are
// dashes there.
static bool secret_of(const char *file, const char *package, struct github_secret *ret)
{
    _cleanup_json_ json_t *secrets = NULL;
    _cleanup_free_ char *key = package ? strdup(package) : NULL;
    const char *secret;

    if (!file || !key || json_parse_file(file, FILE_MAX, &secrets, NULL) < 0)
        return false;
    secret = json_text(secrets, key);
    for (char *c = key; *c && !*secret; c++)
        if (*c == '.' || *c == '+')
            *c = '-';
    if (!*secret)
        secret = json_text(secrets, key);
    return github_secret_parse(secret, ret) == 0;
}

// Whether the event is of a repository that the secret is for. The ping of an organisation's
// webhook is of none.
static int check_repository(struct exchange *x, const struct github_secret *secret,
                            const char *package, bool ping, struct error *err)
{
    _cleanup_free_ char *repository = github_event_repository(buf_str(&x->body), x->body.len);

    if (!repository)
        return error_oom(err);
    if ((ping && !*repository) || github_secret_is_for(secret, repository))
        return 0;
    return exchange_fail(x, 403, err, "the secret of %s is not for the repository \"%s\"", package,
                         repository);
}

// ---- older requests of the pull request

static void on_superseded(int status, const char *message, void *userdata _unused_)
{
    if (status != EX_OK)
        log_warning("older requests of a pull request stay in their queue: %s", message);
}

// Removes those of the same package, pull request and testname that wait in the queue and were made
// before this one: by the time the queue is looked through, a newer one may be there. As many tests
// of one pull request as have testnames run side by side.
static int supersede(struct exchange *x, const struct github_pull *pull, const json_t *accepted,
                     struct error *err)
{
    _cleanup_free_ char *queue =
        queue_name(CONTEXT_UPSTREAM, json_text(accepted, "release"), json_text(accepted, "arch"));
    const char *name = params_get_filled(&x->query, "testname");
    _cleanup_free_ char *testname =
        name ? str_format("(?=.*\"testname\": *\"\\Q%s\\E\")", name) : strdup("(?!.*\"testname\")");
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (!queue || !testname || strv_add(&words, "queue") < 0 || strv_add(&words, "filter") < 0 ||
        strv_add(&words, "--forget") < 0 ||
        strv_addf(&words, "--package=%s", json_text(accepted, "package")) < 0 ||
        strv_addf(&words, "--requester=github:%s", pull->repository) < 0 ||
        strv_addf(&words, "--except-uuid=%s", json_text(accepted, "uuid")) < 0 ||
        strv_addf(&words, "--submitted-before=%s", json_text(x->data, "submit-time")) < 0 ||
        strv_addf(&words, "--match=^%s.*\"" GITHUB_NUMBER_VARIABLE "=%llu\"", testname,
                  (unsigned long long)pull->number) < 0 ||
        strv_add(&words, "--") < 0 || strv_add(&words, queue) < 0)
        return error_oom(err);
    return command_start(
        x->web,
        &(struct command_spec){
            .name = "queue filter", .arguments = &words, .in_turn = true, .done = on_superseded},
        err);
}

// ---- the webhook

static int answer_queued(struct exchange *x, json_t *accepted, struct error *err)
{
    _cleanup_json_ json_t *answer = json_pack("{s:o}", "requests", accepted);
    _cleanup_(github_pull_release) struct github_pull pull = {0};
    size_t i;
    json_t *one;

    if (github_pull_parse(buf_str(&x->body), x->body.len, &pull, err) != 1)
        return error_oom(err); // it was read before
    // The test is queued: what fails from here on is no reason for GitHub to send it again.
    json_array_foreach (json_object_get(answer, "requests"), i, one) {
        _cleanup_error_ struct error why = ERROR_INIT;

        if (supersede(x, &pull, one, &why) < 0)
            log_warning("older requests of a pull request stay in their queue: %s",
                        error_message(&why));
    }
    return !answer || exchange_answer_json(x, MHD_HTTP_ACCEPTED, answer) < 0 ? error_oom(err) : 0;
}

// GitHub has sent it again, or the pull request was closed and opened.
static int answer_same(struct exchange *x, const json_t *same, struct error *err)
{
    _cleanup_free_ char *text =
        str_format("nothing to do: the same test is %s already%s%s", json_text(same, "state"),
                   *json_text(same, "uuid") ? ": see /requests/" : "", json_text(same, "uuid"));

    return !text || exchange_answer_text(x, MHD_HTTP_OK, text) < 0 ? error_oom(err) : 0;
}

// What the webhook's address says, and what follows from the pull request.
static int make_order(struct exchange *x, const struct github_pull *pull, struct request_order *ret,
                      struct error *err)
{
    const struct request_limits limits = {.releases = &x->web->settings.releases,
                                          .architectures = &x->web->settings.architectures};
    _cleanup_params_ struct params params = {0};
    _cleanup_free_ char *source =
        str_format("%s#refs/pull/%llu/head", pull->clone_url, (unsigned long long)pull->number);
    int r = params_parse(&params, x->query_text, strlen(x->query_text), err);

    if (r == 0 && !params_get_filled(&params, "build-git") &&
        !params_get_filled(&params, "test-git") &&
        (!source || params_add(&params, "build-git", source) < 0))
        r = error_oom(err);
    if (r == 0)
        r = request_order_read(&params, &limits, ret, err);
    if (r < 0)
        return r;
    ret->context = CONTEXT_UPSTREAM;
    if ((r = request_complete(&ret->request, err)) < 0) {
        request_order_release(ret);
        return r;
    }
    if (strv_addf(&ret->request.env, GITHUB_NUMBER_VARIABLE "=%llu",
                  (unsigned long long)pull->number) < 0 ||
        strv_addf(&ret->request.env, GITHUB_STATUSES_VARIABLE "=%s", pull->statuses_url) < 0) {
        request_order_release(ret);
        return error_oom(err);
    }
    return 0;
}

static int queue_pull(struct exchange *x, const struct github_pull *pull, struct error *err)
{
    _cleanup_(request_order_release) struct request_order order = {.request = REQUEST_INIT};
    _cleanup_free_ char *requester = str_format("github:%s", pull->repository);
    int r;

    if (!github_statuses_url_is_valid(x->web->settings.github_api_url, pull->statuses_url))
        return exchange_fail(x, 400, err,
                             "pull_request event: statuses_url: expected an address of %s",
                             x->web->settings.github_api_url);
    if (!github_pull_is_of_one(pull))
        return exchange_fail(x, 400, err,
                             "pull_request event: clone_url, statuses_url: expected addresses of "
                             "the repository %s",
                             pull->repository);
    r = requester ? make_order(x, pull, &order, err) : error_oom(err);
    if (r < 0)
        return r;
    x->data = json_pack("{s:s}", "submit-time", order.request.submit_time); // for supersede()
    if (!x->data)
        return error_oom(err);
    return submission_send(
        x, &order, 1,
        &(struct submission_options){.requester = requester,
                                     .key = exchange_header(x, "X-GitHub-Delivery"),
                                     .statuses_url = pull->statuses_url,
                                     .testname = params_get_filled(&x->query, "testname"),
                                     .same = answer_same,
                                     .answer = answer_queued},
        err);
}

static int say(struct exchange *x, const char *text, struct error *err)
{
    return exchange_answer_text(x, MHD_HTTP_OK, text) < 0 ? error_oom(err) : 0;
}

int github_webhook(struct exchange *x, struct error *err)
{
    const char *event = exchange_header(x, "X-GitHub-Event");
    const char *package = params_get_filled(&x->query, "package");
    _cleanup_(github_secret_release) struct github_secret secret = {0};
    bool known = secret_of(x->web->settings.github_secrets_file, package, &secret);
    _cleanup_(github_pull_release) struct github_pull pull = {0};
    int r;

    x->wants_json = true;
    // Whether the package has no secret or another: the stranger learns no more than this.
    if (x->method != METHOD_POST || !known ||
        !github_signature_is_valid(secret.secret, buf_str(&x->body), x->body.len,
                                   exchange_header(x, "X-Hub-Signature-256"),
                                   exchange_header(x, "X-Hub-Signature")))
        return exchange_fail(x, 403, err, "the signature is not that of the package's secret");
    r = check_repository(x, &secret, package, strcmp(event, "ping") == 0, err);
    if (r < 0)
        return r;
    if (strcmp(event, "ping") == 0)
        return say(x, "OK", err);
    if (strcmp(event, "pull_request") != 0)
        return say(x, "nothing to do: of pull_request events only is a test made", err);
    r = github_pull_parse(buf_str(&x->body), x->body.len, &pull, err);
    if (r <= 0)
        return r < 0 ? r : say(x, "nothing to do: the pull request has no new code", err);
    return queue_pull(x, &pull, err);
}
