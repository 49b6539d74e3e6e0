// SPDX-License-Identifier: GPL-3.0-only
#include "charm/cos_agent.h"

#include "base/file.h"
#include "charm/relations.h"
#include "data/json.h"
#include "data/yaml.h"

#include <ctype.h>

#define CHARM_NAME "autopkgtest-cloud"
#define TOPOLOGY "%%juju_topology%%"
#define DASHBOARD_MAX ((size_t)1024 * 1024)

// What tells this application's metrics from others'.
struct topology {
    const char *model, *uuid, *app;
};

static struct topology topology_of(const struct model *model)
{
    const char *name = getenv("JUJU_MODEL_NAME"), *uuid = getenv("JUJU_MODEL_UUID");

    return (struct topology){
        .model = name ? name : "", .uuid = uuid ? uuid : "", .app = model->app};
}

// ---- alert rules

// The expression with matchers in place of the mark. The caller frees. Juju's names need no
// escaping.
static char *expand(const struct topology *t, const char *expr)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const char *mark;
    int r = 0;

    while (r == 0 && (mark = strstr(expr, TOPOLOGY))) {
        r = buf_add(&text, expr, (size_t)(mark - expr));
        if (r == 0)
            r = buf_addf(&text, "juju_model=\"%s\",juju_model_uuid=\"%s\",juju_application=\"%s\"",
                         t->model, t->uuid, t->app);
        expr = mark + strlen(TOPOLOGY);
    }
    if (r == 0)
        r = buf_add_str(&text, expr);
    return r == 0 ? buf_take(&text) : NULL;
}

static int finish_rule(const struct topology *t, json_t *rule)
{
    const char *expr = json_string_value(json_object_get(rule, "expr"));
    json_t *labels = json_object_get(rule, "labels");
    _cleanup_free_ char *expanded = expr ? expand(t, expr) : NULL;

    if (!expanded || !json_is_object(labels))
        return -EINVAL;
    return json_put_string(rule, "expr", expanded) < 0 ||
                   json_put_string(labels, "juju_model", t->model) < 0 ||
                   json_put_string(labels, "juju_model_uuid", t->uuid) < 0 ||
                   json_put_string(labels, "juju_application", t->app) < 0 ||
                   json_put_string(labels, "juju_charm", CHARM_NAME) < 0
               ? -ENOMEM
               : 0;
}

// MODEL_UUID8_APP_CHARM_NAME_alerts, in the characters that all programs take.
static char *group_name(const struct topology *t, const char *name)
{
    char *text = str_format("%s_%.8s_%s_" CHARM_NAME "_%s_alerts", t->model, t->uuid, t->app, name);

    for (char *c = text; c && *c; c++)
        if (!isalnum((unsigned char)*c) && *c != ':')
            *c = '_';
    return text;
}

static int finish_group(const struct topology *t, json_t *group)
{
    const char *name = json_string_value(json_object_get(group, "name"));
    _cleanup_free_ char *full = name ? group_name(t, name) : NULL;
    size_t i;
    json_t *rule;
    int r = full ? json_put_string(group, "name", full) : -EINVAL;

    json_array_foreach (json_object_get(group, "rules"), i, rule)
        r = r < 0 ? r : finish_rule(t, rule);
    return r;
}

static int read_rules(const struct model *model, json_t **ret, struct error *err)
{
    const struct topology topology = topology_of(model);
    _cleanup_free_ char *path = path_join(model->charm_dir, "monitoring/alerts.yaml");
    _cleanup_json_ json_t *rules = NULL;
    size_t i;
    json_t *group;
    int r = path ? yaml_parse_file(path, &rules, err) : error_oom(err);

    if (r < 0)
        return r;
    json_array_foreach (json_object_get(rules, "groups"), i, group)
        r = r < 0 ? r : finish_group(&topology, group);
    if (r < 0)
        return error_set(err, r, "%s: cannot make rules of it", path);
    *ret = TAKE_PTR(rules);
    return 0;
}

// ---- the rest

// Packed as the interface wants it when the charm was made (tools/encode-dashboard).
static int read_dashboards(const struct model *model, json_t **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(model->charm_dir, "monitoring/dashboard.b64");
    _cleanup_buf_ struct buf text = BUF_INIT(DASHBOARD_MAX);
    int r = path ? file_read(path, &text, err) : error_oom(err);

    if (r < 0)
        return r;
    *ret = json_pack("[s#]", buf_str(&text), (int)strcspn(buf_str(&text), "\n"));
    return *ret ? 0 : error_oom(err);
}

static int add_job(json_t *jobs, const struct model *model, const char *name, unsigned port)
{
    _cleanup_free_ char *job = str_format("%s_%zu_%s", model->app, json_array_size(jobs), name);
    _cleanup_free_ char *target = str_format("localhost:%u", port);

    if (!job || !target)
        return -ENOMEM;
    return json_array_append_new(jobs, json_pack("{s:s, s:s, s:[{s:[s]}]}", "job_name", job,
                                                 "metrics_path", "/metrics", "static_configs",
                                                 "targets", target));
}

int cos_agent_config(const struct model *model, const struct settings *settings, json_t **ret,
                     struct error *err)
{
    _cleanup_json_ json_t *rules = NULL, *dashboards = NULL;
    _cleanup_json_ json_t *jobs = json_array();
    int r;

    if (!jobs || add_job(jobs, model, "unit", METRICS_PORT) < 0 ||
        (settings && settings->web && add_job(jobs, model, "web", settings->http_port) < 0))
        return error_oom(err);
    if ((r = read_rules(model, &rules, err)) < 0 ||
        (r = read_dashboards(model, &dashboards, err)) < 0)
        return r;
    *ret = json_pack("{s:O, s:{}, s:O, s:O, s:[], s:n, s:n}", "metrics_alert_rules", rules,
                     "log_alert_rules", "dashboards", dashboards, "metrics_scrape_jobs", jobs,
                     "log_slots", "subordinate", "tracing_protocols");
    return *ret ? 0 : error_oom(err);
}

int cos_agent_publish(const struct model *model, const struct settings *settings,
                      struct state *state, struct error *err)
{
    _cleanup_json_ json_t *config = NULL, *data = json_object();
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    json_t *id;
    size_t i;
    int r = 0;

    if (json_array_size(model->cos_agent) == 0)
        return 0;
    r = cos_agent_config(model, settings, &config, err);
    if (r < 0)
        return r;
    if (!data || json_write(config, &text) < 0 ||
        json_put_string(data, "config", buf_str(&text)) < 0)
        return error_oom(err);
    json_array_foreach (model->cos_agent, i, id)
        r = r < 0 ? r : relations_tell(model, state, json_string_value(id), false, data, err);
    return r;
}
