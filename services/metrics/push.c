// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/push.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "data/base64.h"
#include "data/ini.h"
#include "metrics/collect.h"
#include "metrics/line_protocol.h"
#include "net/http.h"

#define ANSWER_MAX ((size_t)8 * 1024 * 1024)
#define TIMEOUT_US (20 * USEC_PER_SEC)

static int load(const char *dir, const char *name, struct ini **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, name);

    return path ? ini_load(path, ret, err) : error_oom(err);
}

static const char *setting(const struct ini *ini, const char *section, const char *key)
{
    const char *text = ini ? ini_get(ini, section, key) : NULL;

    return text ? text : "";
}

// The web service of this unit tells what nobody else knows: queues, running tests, results.
static int ask_web(struct http_client *client, const struct ini *web, struct buf *ret,
                   struct error *err)
{
    struct http_response answer = HTTP_RESPONSE_INIT(ANSWER_MAX);
    const char *port = setting(web, "web", "port");
    _cleanup_free_ char *url = str_format("http://127.0.0.1:%s/metrics", *port ? port : "80");
    const struct http_request request = {
        .url = url, .connect_timeout_us = TIMEOUT_US, .idle_timeout_us = TIMEOUT_US};
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (!url)
        return error_oom(err);
    r = http_perform(client, &request, &answer, &why);
    if (r == 0 && answer.status == 200)
        r = buf_add(ret, buf_str(&answer.body), answer.body.len) < 0 ? error_oom(err) : 0;
    else if (r == 0)
        log_warning("the web service answers with status %ld: its figures are left out",
                    answer.status);
    else
        log_warning("its figures are left out: %s", error_message(&why));
    http_response_release(&answer);
    return r == -ENOMEM ? r : 0;
}

static int collect(const char *config_dir, const char *run_dir, struct http_client *client,
                   const char *context, struct buf *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *web = NULL;
    _cleanup_(ini_freep) struct ini *worker = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT(ANSWER_MAX);
    const char *unit;
    int r = metrics_collect(config_dir, run_dir, &text, err);

    if (r < 0)
        return r;
    (void)load(config_dir, "web.conf", &web, NULL); // a role that is not there
    (void)load(config_dir, "worker.conf", &worker, NULL);
    if (web && (r = ask_web(client, web, &text, err)) < 0)
        return r;
    unit = web ? setting(web, "web", "unit") : setting(worker, "worker", "unit");
    return line_protocol_add(buf_str(&text), unit, context,
                             (int64_t)(clock_realtime_us() / USEC_PER_SEC), ret, err);
}

static int add_authorization(const struct ini *ini, struct strv *headers)
{
    const char *user = setting(ini, "", "INFLUXDB_USERNAME");
    _cleanup_free_ char *pair = str_format("%s:%s", user, setting(ini, "", "INFLUXDB_PASSWORD"));
    _cleanup_buf_ struct buf encoded = BUF_INIT(BUF_OWN_MAX);

    if (!*user)
        return 0;
    if (!pair || base64_encode(pair, strlen(pair), &encoded) < 0)
        return -ENOMEM;
    return strv_addf(headers, "Authorization: Basic %s", buf_str(&encoded));
}

static char *write_url(const struct ini *ini)
{
    const char *url = setting(ini, "", "INFLUXDB_URL");
    _cleanup_free_ char *database = http_escape(setting(ini, "", "INFLUXDB_DATABASE"), false);
    int len = (int)(strlen(url) - str_ends_with(url, "/"));

    return database ? str_format("%.*s/write?db=%s&precision=s", len, url, database) : NULL;
}

static int send_lines(struct http_client *client, const struct ini *ini, const struct buf *lines,
                      struct error *err)
{
    struct http_response answer = HTTP_RESPONSE_INIT((size_t)64 * 1024);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_free_ char *url = write_url(ini);
    const struct http_request request = {.method = "POST",
                                         .url = url,
                                         .headers = &headers,
                                         .body = buf_str(lines),
                                         .body_len = lines->len,
                                         .connect_timeout_us = TIMEOUT_US,
                                         .idle_timeout_us = TIMEOUT_US};
    int r;

    if (!url || strv_add(&headers, "Content-Type: text/plain; charset=utf-8") < 0 ||
        add_authorization(ini, &headers) < 0)
        return error_oom(err);
    r = http_perform(client, &request, &answer, err);
    if (r == 0 && (answer.status == 401 || answer.status == 403))
        r = error_set(err, -EACCES,
                      "InfluxDB refuses us with status %ld: see the options influxdb-secret and "
                      "influxdb-database",
                      answer.status);
    else if (r == 0 && (answer.status < 200 || answer.status > 299))
        r = error_set(err, -EPROTO, "InfluxDB answers with status %ld", answer.status);
    http_response_release(&answer);
    return r;
}

int push_run(const char *config_dir, const char *run_dir, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    _cleanup_buf_ struct buf lines = BUF_INIT(2 * ANSWER_MAX);
    struct http_client *client = NULL;
    int r;

    if ((r = load(config_dir, "influxdb.cred", &ini, err)) < 0 ||
        (r = http_client_new("autopkgtest-cloud/" VERSION, &client, err)) < 0)
        return r;
    r = collect(config_dir, run_dir, client, setting(ini, "", "INFLUXDB_CONTEXT"), &lines, err);
    if (r == 0)
        r = send_lines(client, ini, &lines, err);
    http_client_free(client);
    return r;
}
