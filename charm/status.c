// SPDX-License-Identifier: GPL-3.0-only
#include "charm/status.h"

#include "charm/images.h"
#include "charm/lists.h"
#include "charm/model_read.h"

int status_add(struct status *status, enum urgency urgency, const char *format, ...)
{
    va_list args;
    char *message;
    int n;

    if (status->message && urgency <= status->urgency)
        return 0;
    va_start(args, format);
    n = vasprintf(&message, format, args);
    va_end(args);
    if (n < 0)
        return -ENOMEM;
    free(status->message);
    status->message = message;
    status->urgency = urgency;
    return 0;
}

const char *status_word(enum urgency urgency)
{
    static const char *const words[] = {"active", "maintenance", "waiting", "blocked"};

    return words[urgency];
}

static int add_ingress(struct status *status, const struct model *model)
{
    if (model->ingress_trouble)
        return status_add(status, STATUS_BLOCKED, "ingress: %s", model->ingress_trouble);
    if (json_array_size(model->ingress) > 0 && !model->public_url)
        return status_add(status, STATUS_WAITING, "waiting for ingress to tell the public address");
    return 0;
}

int status_add_model(struct status *status, const struct model *model,
                     const struct settings *settings, bool has_api_keys)
{
    const char *app = model->app;
    int r = 0;

    if (model->broker.state == BROKER_NONE)
        r = status_add(status, STATUS_BLOCKED, "needs rabbitmq: juju integrate %s rabbitmq-server",
                       app);
    else if (model->broker_trouble)
        r = status_add(status, STATUS_WAITING, "amqp: %s", model->broker_trouble);
    else if (model->broker.state == BROKER_WAITING)
        r = status_add(status, STATUS_WAITING, "waiting for rabbitmq to make the account");
    if (r >= 0 && settings->web)
        r = add_ingress(status, model);
    if (r >= 0 && settings->web && strcmp(settings->authorization, "api-key") == 0 && !has_api_keys)
        r = status_add(status, STATUS_BLOCKED,
                       "authorization: api-key needs the secret option "
                       "external-web-requests-api-keys");
    return r;
}

int status_add_storage(struct status *status, const struct model *model, const struct state *state)
{
    static const struct {
        const char *key, *text;
    } storages[] = {{MODEL_STORAGE_GONE "data", "with the results it keeps"},
                    {MODEL_STORAGE_GONE "tmp", "tests use the machine's disk"}};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(storages) && r >= 0; i++) {
        const char *id = state_get(state, storages[i].key);

        if (id)
            r = status_add(status, STATUS_MAINTENANCE,
                           "storage %s is detached, %s: juju attach-storage %s %s, or juju "
                           "remove-storage %s",
                           id, storages[i].text, model->unit, id, id);
    }
    return r;
}

int status_add_lost(struct status *status, const char *folder)
{
    return status_add(status, STATUS_BLOCKED,
                      "the results in %s are gone: mount its disk "
                      "(docs/how-to/find-results-that-are-gone.md)",
                      folder);
}

static bool is_active(const struct unit_states *states, const char *unit)
{
    const struct unit_state *state = unit_states_find(states, unit);

    return state &&
           (strcmp(state->active, "active") == 0 || strcmp(state->active, "reloading") == 0);
}

// Services that should run and do not. systemd goes on trying; a person may have to look.
static int add_trouble(struct status *status, const struct unit_states *states, const char *unit,
                       const char *service)
{
    const struct unit_state *state = unit_states_find(states, service);

    if (!state || is_active(states, service) || strcmp(state->active, "deactivating") == 0)
        return 0;
    if (*state->text)
        return status_add(status, STATUS_MAINTENANCE, "%s is starting: %s", service, state->text);
    return status_add(status, STATUS_MAINTENANCE, "%s is %s: juju ssh %s journalctl -u %s", service,
                      strcmp(state->active, "activating") == 0 ? "starting" : state->active, unit,
                      service);
}

void worker_figures_add(struct worker_figures *figures, const char *service,
                        const struct unit_state *state)
{
    static const char *const not_busy[] = {"idle", "taking no work", "the store"};

    if (!state || !*state->text)
        return;
    if (str_starts_with(state->text, "no broker")) {
        figures->offline++;
    } else if (str_starts_with(state->text, "drained")) {
        figures->drained++;
    } else if (str_starts_with(state->text, "paused")) {
        if (figures->paused++ == 0)
            figures->first_paused = service;
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(not_busy); i++)
            if (str_starts_with(state->text, not_busy[i]))
                return;
        figures->busy++;
    }
}

// What keeps workers from taking work.
static int add_workers(struct status *status, const struct worker_figures *workers, size_t all,
                       const char *unit)
{
    int r = 0;

    if (workers->offline > 0)
        r = status_add(status, STATUS_WAITING,
                       "waiting for rabbitmq: %zu of %zu workers cannot reach it", workers->offline,
                       all);
    if (r >= 0 && workers->paused > 0)
        r = status_add(status, STATUS_MAINTENANCE,
                       "%zu of %zu workers paused after testbed failures: juju ssh %s journalctl "
                       "-u %s",
                       workers->paused, all, unit, workers->first_paused);
    return r;
}

static int add_figures(struct status *status, const struct plan *plan,
                       const struct worker_figures *workers)
{
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    int r = 0;

    if (plan->workers.len > 0)
        r = buf_addf(&text, "%zu of %zu worker%s busy on %zu cloud%s", workers->busy,
                     plan->workers.len, plan->workers.len == 1 ? "" : "s", plan->clouds.len,
                     plan->clouds.len == 1 ? "" : "s");
    else if (plan->can_work)
        r = buf_add_str(&text, "no workers: set n-workers, lxd-remotes or local-workers");
    if (r >= 0 && workers->drained > 0)
        r = buf_addf(&text, ", %zu drained", workers->drained);
    if (r >= 0 && plan->web)
        r = buf_addf(&text, "%sweb ready%s%s", text.len ? "; " : "", plan->public_url ? " at " : "",
                     plan->public_url ? plan->public_url : "");
    return r < 0 ? r : status_add(status, STATUS_ACTIVE, "%s", buf_str(&text));
}

int status_add_services(struct status *status, const struct plan *plan,
                        const struct unit_states *states, const char *unit)
{
    struct worker_figures workers = {0};
    int r = 0;

    if (plan->web)
        r = add_trouble(status, states, unit, WEB_SERVICE);
    if (plan->indexer && r >= 0)
        r = add_trouble(status, states, unit, INDEXER_SERVICE);
    if (plan->metrics && r >= 0)
        r = add_trouble(status, states, unit, METRICS_SOCKET);
    for (size_t i = 0; i < plan->workers.len && r >= 0; i++) {
        const char *service = plan->workers.items[i];

        worker_figures_add(&workers, service, unit_states_find(states, service));
        r = add_trouble(status, states, unit, service);
    }
    if (r >= 0 && !states->unsettled)
        r = add_workers(status, &workers, plan->workers.len, unit);
    return r < 0 ? r : add_figures(status, plan, &workers);
}

int status_add_images(struct status *status, const struct plan *plan, const char *root,
                      const char *unit)
{
    int r = 0;

    STRV_FOREACH (name, &plan->images) {
        _cleanup_free_ char *failure = image_failure(root, name), *title = image_title(name);
        bool there = image_is_there(root, name, plan->schroot);

        if (!title)
            return -ENOMEM;
        if (r >= 0 && !there && failure)
            r = status_add(status, STATUS_BLOCKED,
                           "image of %s cannot be made: %s; tried again every 5 minutes, or: juju "
                           "ssh %s sudo systemctl restart " IMAGE_PREFIX "%s",
                           title, failure, unit, name);
        else if (r >= 0 && !there)
            r = status_add(status, STATUS_WAITING, "image of %s is being made", title);
        else if (r >= 0 && failure)
            r = status_add(status, STATUS_MAINTENANCE,
                           "image of %s is an old one, it cannot be renewed: %s", title, failure);
    }
    STRV_FOREACH (name, &plan->awaited) {
        _cleanup_free_ char *title = image_title(name);

        if (!title)
            return -ENOMEM;
        if (r >= 0)
            r = status_add(status, STATUS_BLOCKED,
                           "image of %s is missing: make " IMAGES_DIR "/%s" IMAGE_QEMU_SUFFIX
                           " on %s, with autopkgtest-build-qemu",
                           title, name, unit);
    }
    return r;
}

int status_add_lists(struct status *status, const struct plan *plan, const char *root)
{
    _cleanup_free_ char *failure = plan->lists ? lists_failure(root) : NULL;

    return failure ? status_add(status, STATUS_MAINTENANCE,
                                "package-configs-source: %s; the lists are the last ones", failure)
                   : 0;
}

void status_release(struct status *status)
{
    free(status->message);
    *status = (struct status){0};
}
