// SPDX-License-Identifier: GPL-3.0-only
#include "web/permission.h"

#include "web/launchpad.h"
#include "web/login.h"
#include "web/results.h"
#include "web/web.h"

#define REFERENCE "migration-reference/0"

static bool asks_launchpad(const struct web *web)
{
    return strcmp(web->settings.authorization, "launchpad") == 0;
}

static bool is_from_git(const struct request_order *order)
{
    return order->request.test_git || order->request.build_git;
}

// `USER/NAME`; the caller frees. -EINVAL, -ENOMEM.
static int ppa_name(const char *ppa, char **ret)
{
    _cleanup_free_ char *user = NULL, *name = NULL;
    int r = request_ppa_name(ppa, &user, &name, NULL);

    if (r < 0)
        return r;
    *ret = str_format("%s/%s", user, name);
    return *ret ? 0 : -ENOMEM;
}

// ---- packages and PPAs

// By what the unit itself knows. What is about to enter the release is not in its indices yet.
static int check_package_here(struct exchange *x, const struct request_order *order,
                              struct error *err)
{
    const struct request *q = &order->request;
    bool known = is_from_git(order) || q->ppas.len > 0 || q->all_proposed;
    size_t len = strlen(q->package);
    struct database *db = NULL;

    STRV_FOREACH (trigger, &q->triggers)
        known |= strncmp(trigger, q->package, len) == 0 && trigger[len] == '/';
    if (known || web_database(x->web, &db, NULL) < 0 ||
        results_know_package(db, q->package, order->release, &known, NULL) < 0 || known)
        return 0;
    return exchange_fail(x, 404, err, "package: %s is not in %s, and has no results", q->package,
                         order->release);
}

// Whether one of the PPAs has the package, or may have it: of those that are read with credentials
// Launchpad tells nothing.
static int look_in_ppas(struct exchange *x, const struct request_order *order, bool *ret,
                        struct error *err)
{
    STRV_FOREACH (item, &order->request.ppas) {
        struct launchpad_source source = {.release = order->release,
                                          .name = order->request.package};
        _cleanup_free_ char *ppa = NULL;
        const char *component = NULL;
        bool there = strchr(item, '@') != NULL;
        int r = there ? 0 : ppa_name(item, &ppa);

        *ret |= there;
        if (r < 0)
            return error_oom(err);
        if (there)
            continue;
        source.ppa = ppa;
        r = launchpad_find(x, &source, &component, &there, err);
        if (r != 0)
            return r;
        if (!there)
            return exchange_fail(x, 404, err, "ppa: there is no %s", ppa);
        *ret |= component != NULL;
    }
    return 0;
}

static int check_package(struct exchange *x, const struct request_order *order, struct error *err)
{
    const struct launchpad_source source = {.release = order->release,
                                            .name = order->request.package};
    const char *component = NULL;
    bool known = is_from_git(order);
    int r = look_in_ppas(x, order, &known, err);

    if (r != 0 || known)
        return r;
    r = launchpad_component(x, &source, &component, err);
    if (r != 0 || component)
        return r;
    return exchange_fail(x, 404, err, "package: %s is not published in %s%s", source.name,
                         order->release, order->request.ppas.len > 0 ? " or the PPAs" : "");
}

// ---- triggers

// Whether the trigger SOURCE/VERSION is published in one of the request's archives.
static int is_published(struct exchange *x, const struct request_order *order, const char *trigger,
                        bool *ret, struct error *err)
{
    const char *slash = strchr(trigger, '/'), *component = NULL;
    _cleanup_free_ char *name = slash ? strndup(trigger, (size_t)(slash - trigger)) : NULL;
    struct launchpad_source source = {
        .release = order->release, .name = name, .version = slash ? slash + 1 : NULL};
    int r;

    if (!name)
        return error_oom(err);
    r = launchpad_component(x, &source, &component, err);
    for (size_t i = 0; i < order->request.ppas.len && r == 0 && !component; i++) {
        _cleanup_free_ char *ppa = NULL;

        if (ppa_name(order->request.ppas.items[i], &ppa) < 0)
            return error_oom(err);
        source.ppa = ppa;
        r = launchpad_component(x, &source, &component, err);
    }
    *ret = component != NULL;
    return r;
}

static int check_triggers(struct exchange *x, const struct request_order *order, struct error *err)
{
    STRV_FOREACH (trigger, &order->request.triggers) {
        bool published = strcmp(trigger, REFERENCE) == 0;
        int r = published ? 0 : is_published(x, order, trigger, &published, err);

        if (r != 0)
            return r;
        if (!published)
            return exchange_fail(x, 404, err, "trigger: %s is not published in %s%s", trigger,
                                 order->release, order->request.ppas.len > 0 ? " or the PPAs" : "");
    }
    return 0;
}

// ---- people

int permission_is_one_of(struct exchange *x, const struct strv *names, bool *ret, struct error *err)
{
    const struct session *session = login_session(x);
    const json_t *teams = NULL, *team;
    size_t i;
    int r;

    *ret = session && strv_contains(names, session->user);
    if (!session || *ret)
        return 0;
    STRV_FOREACH (told, &session->teams)
        if (strv_contains(names, told)) {
            *ret = true;
            return 0;
        }
    if (!asks_launchpad(x->web))
        return 0;
    r = launchpad_teams(x, session->user, &teams, err);
    if (r != 0)
        return r;
    json_array_foreach ((json_t *)teams, i, team) {
        *ret |= strv_contains(names, json_string_value(team));
    }
    return 0;
}

static int may_upload(struct exchange *x, const struct request_order *order, const char *user,
                      const char *package, bool *ret, struct error *err)
{
    const struct launchpad_source source = {.release = order->release, .name = package};
    const char *component = NULL;
    int r = launchpad_component(x, &source, &component, err);

    *ret = false;
    if (r != 0 || !component) // what is in no component is not to be uploaded either
        return r;
    return launchpad_may_upload(x, user, order->release, component, package, ret, err);
}

static int check_rights(struct exchange *x, const struct request_order *order, const char *user,
                        struct error *err)
{
    bool allowed = false;
    int r = permission_is_one_of(x, &x->web->settings.allowed_requestors, &allowed, err);

    if (r == 0 && !allowed)
        r = may_upload(x, order, user, order->request.package, &allowed, err);
    for (size_t i = 0; i < order->request.triggers.len && r == 0 && !allowed; i++) {
        const char *trigger = order->request.triggers.items[i];
        _cleanup_free_ char *package = strndup(trigger, strcspn(trigger, "/"));

        if (!package)
            return error_oom(err);
        if (strcmp(trigger, REFERENCE) != 0)
            r = may_upload(x, order, user, package, &allowed, err);
    }
    if (r != 0 || allowed)
        return r;
    return exchange_fail(x, 403, err,
                         "%s may upload neither %s nor a trigger to %s, and is in no team that may "
                         "request any test",
                         user, order->request.package, order->release);
}

int permission_to_request(struct exchange *x, const struct requester *requester,
                          const struct request_order *order, struct error *err)
{
    int r;

    if (!asks_launchpad(x->web))
        return check_package_here(x, order, err);
    r = check_package(x, order, err);
    if (r == 0)
        r = check_triggers(x, order, err);
    if (r == 0 && requester->proof == PROOF_SESSION)
        r = check_rights(x, order, requester->user, err);
    if (r == -ENOTCONN)
        x->status = 503;
    return r;
}
