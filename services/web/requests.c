// SPDX-License-Identifier: GPL-3.0-only
#include "web/requests.h"

#include "base/clock.h"
#include "web/results_internal.h"

static int put_filled(json_t *object, const char *key, const char *value)
{
    return *value ? json_put_string(object, key, value) : 0;
}

static int put_place(sqlite3_stmt *s, json_t *request)
{
    static const char *const keys[] = {"package", "release", "arch", "container", "run_id"};
    const char *run_id = results_column(s, 4), *container = results_column(s, 3);
    _cleanup_free_ char *url = NULL, *log = NULL;
    _cleanup_free_ char *plain = str_format("autopkgtest-%s", results_column(s, 1));
    int r = plain ? 0 : -ENOMEM;

    for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++)
        r = put_filled(request, keys[i], results_column(s, (int)i));
    if (r < 0 || !*run_id || strcmp(container, plain) != 0)
        return r;
    url = results_url(results_column(s, 0), results_column(s, 1), results_column(s, 2), run_id);
    log = url ? str_format("%s/log", url) : NULL;
    if (!log || json_put_string(request, "url", url) < 0)
        return -ENOMEM;
    return json_put_string(request, "log_url", log);
}

static int find_place(struct database *db, const char *uuid, json_t *request, struct error *err)
{
    static const char sql[] =
        "SELECT package, release, arch, container, run_id FROM request WHERE uuid = ?1";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, &uuid, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        r = put_place(s, request) < 0 ? error_oom(err) : 0;
    else if (rc == SQLITE_DONE)
        r = error_set(err, -ENOENT, "nothing is known of a request %.100s", uuid);
    else
        r = database_error(db, rc, "cannot read the request", err);
    (void)sqlite3_reset(s);
    return r;
}

static int add_event(sqlite3_stmt *s, json_t *history)
{
    int64_t time_us = sqlite3_column_int64(s, 0);
    _cleanup_free_ char *time =
        clock_format_utc(time_us / (int64_t)USEC_PER_SEC, "%Y-%m-%dT%H:%M:%SZ");
    json_t *event = json_object();

    if (!time || json_put_string(event, "state", results_column(s, 1)) < 0 ||
        json_put_string(event, "time", time) < 0 ||
        put_filled(event, "worker", results_column(s, 2)) < 0 ||
        put_filled(event, "reason", results_column(s, 3)) < 0) {
        json_decref(event);
        return -ENOMEM;
    }
    return json_array_append_new(history, event) < 0 ? -ENOMEM : 0;
}

static int find_history(struct database *db, const char *uuid, json_t *history, struct error *err)
{
    static const char sql[] = "SELECT time_us, state, worker, reason FROM request_event"
                              " WHERE uuid = ?1 ORDER BY time_us LIMIT 200";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, &uuid, 1);
    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        r = add_event(s, history) < 0 ? error_oom(err) : 0;
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(s);
    return r < 0 || rc == SQLITE_DONE ? r : database_error(db, rc, "cannot read the events", err);
}

int requests_find(struct database *db, const char *uuid, json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *request = json_object();
    json_t *history = json_array();
    const json_t *last;
    int r = json_put(request, "history", history) < 0 || json_put_string(request, "uuid", uuid) < 0
                ? error_oom(err)
                : 0;

    if (r == 0)
        r = find_place(db, uuid, request, err);
    if (r == 0)
        r = find_history(db, uuid, history, err);
    if (r < 0)
        return r;
    last = json_array_get(history, json_array_size(history) - 1);
    if (json_put_string(request, "state", json_text(last, "state")) < 0)
        return error_oom(err);
    *ret = TAKE_PTR(request);
    return 0;
}

int requests_find_same(struct database *db, const char *digest, int64_t since_us, json_t **ret,
                       struct error *err)
{
    static const char sql[] = "SELECT uuid FROM request WHERE digest = ?1 AND digest != ''"
                              " AND changed_us >= ?2 ORDER BY changed_us DESC LIMIT 1";
    _cleanup_free_ char *uuid = NULL;
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, &digest, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, since_us);
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW &&
        !(uuid = strdup(results_column(s, 0))))
        r = error_oom(err);
    else if (rc == SQLITE_DONE)
        r = error_set(err, -ENOENT, "nobody has asked for the same");
    else if (rc != SQLITE_ROW)
        r = database_error(db, rc, "cannot read the requests", err);
    (void)sqlite3_reset(s);
    return r < 0 ? r : requests_find(db, uuid, ret, err);
}

bool request_state_is_open(const char *state)
{
    return strcmp(state, event_state_name(EVENT_DONE)) != 0 &&
           strcmp(state, event_state_name(EVENT_CANCELLED)) != 0;
}
