// SPDX-License-Identifier: GPL-3.0-only
#include "charm/model.h"

#include "data/json.h"

static int copy_variable(const char *name, const char *fallback, char **ret, struct error *err)
{
    const char *text = getenv(name);

    if (str_empty(text))
        text = fallback;
    if (!text)
        return error_set(err, -EINVAL, "%s is not set: hooks are started by Juju", name);
    *ret = strdup(text);
    return *ret ? 0 : error_oom(err);
}

static int export_proxy(const char *charm_name, const char *lower, const char *upper, char **ret,
                        struct error *err)
{
    int r = copy_variable(charm_name, "", ret, err);

    if (r < 0)
        return r;
    if (**ret && (setenv(lower, *ret, 0) < 0 || setenv(upper, *ret, 0) < 0))
        return error_oom(err);
    return 0;
}

int model_read_environment(enum hook hook, struct model *ret, struct error *err)
{
    struct model model = {.hook = hook, .broker = BROKER_INIT};
    int r;

    if ((r = copy_variable("JUJU_UNIT_NAME", NULL, &model.unit, err)) < 0 ||
        (r = copy_variable("JUJU_MODEL_UUID", "", &model.uuid, err)) < 0 ||
        (r = copy_variable("JUJU_CHARM_DIR", getenv("CHARM_DIR"), &model.charm_dir, err)) < 0 ||
        (r = export_proxy("JUJU_CHARM_HTTP_PROXY", "http_proxy", "HTTP_PROXY", &model.http_proxy,
                          err)) < 0 ||
        (r = export_proxy("JUJU_CHARM_HTTPS_PROXY", "https_proxy", "HTTPS_PROXY",
                          &model.https_proxy, err)) < 0 ||
        (r = export_proxy("JUJU_CHARM_NO_PROXY", "no_proxy", "NO_PROXY", &model.no_proxy, err)) <
            0) {
        model_release(&model);
        return r;
    }
    model.app = strndup(model.unit, strcspn(model.unit, "/"));
    if (!model.app) {
        model_release(&model);
        return error_oom(err);
    }
    *ret = model;
    return 0;
}

const char *model_scratch_dir(const struct model *model)
{
    return model->tmp_dir ? model->tmp_dir : DATA_DIR;
}

const char *model_data_dir(const struct model *model)
{
    return model->data_dir ? model->data_dir : DATA_DIR;
}

void model_release(struct model *model)
{
    free(model->unit);
    free(model->app);
    free(model->uuid);
    free(model->charm_dir);
    json_decref(model->config);
    broker_release(&model->broker);
    free(model->broker_trouble);
    json_decref(model->website);
    json_decref(model->cos_agent);
    json_decref(model->cluster);
    free(model->session_secret);
    json_decref(model->ingress);
    strv_release(&model->proxies);
    free(model->public_url);
    free(model->ingress_trouble);
    free(model->data_dir);
    free(model->tmp_dir);
    free(model->http_proxy);
    free(model->https_proxy);
    free(model->no_proxy);
    memset(model, 0, sizeof(*model));
}
