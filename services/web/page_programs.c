// SPDX-License-Identifier: GPL-3.0-only
// Results for programs: recent.json, feeds, badges.
#include "adt/names.h"
#include "base/clock.h"
#include "base/parse.h"
#include "net/http.h"
#include "web/pages.h"
#include "web/reports.h"
#include "web/results_search.h"
#include "web/turn.h"
#include "web/web.h"

#define RECENT_LIMIT 100
#define OFFSET_MAX 1000000
#define FEED_ROWS 50
#define FEED_DAYS 90

// ---- /api/experimental/recent.json: names and types as other programs expect them

// "0h 01m 40s"
static char *hours_text(int64_t seconds)
{
    return str_format("%lldh %02lldm %02llds", (long long)(seconds / 3600),
                      (long long)(seconds % 3600 / 60), (long long)(seconds % 60));
}

static char *date_text(const char *run_id)
{
    int64_t when;

    return clock_parse_compact(run_id, &when, NULL) < 0
               ? strdup(run_id)
               : clock_format_utc(when, "%Y-%m-%d %H:%M:%S UTC");
}

static char *folder_url(const char *origin, const json_t *row)
{
    _cleanup_free_ char *path = run_path(json_text(row, "release"), json_text(row, "arch"),
                                         json_text(row, "package"), json_text(row, "run_id"));

    return path
               ? str_format("%s/results/autopkgtest-%s/%s", origin, json_text(row, "release"), path)
               : NULL;
}

static char *joined_triggers(const json_t *row)
{
    _cleanup_strv_ struct strv list = STRV_INIT;
    size_t i;
    json_t *trigger;

    json_array_foreach (json_object_get(row, "triggers"), i, trigger) {
        if (strv_add(&list, json_string_value(trigger)) < 0)
            return NULL;
    }
    return strv_join(&list, " ");
}

// An answer while its rows are looked for: thousands of rows are megabytes, which are made as they
// come.
struct recent {
    struct results_search *search;
    char *origin;
    json_t *seen; // an object, for its keys
    struct buf text;
};

// Whether a newer row is of the same test, version and triggers: then a retry was made already.
static bool is_seen(json_t *seen, const json_t *row, const char *triggers)
{
    _cleanup_free_ char *key =
        str_format("%s %s %s %s %s", json_text(row, "package"), json_text(row, "release"),
                   json_text(row, "arch"), json_text(row, "version"), triggers);
    bool known = key && json_object_get(seen, key);

    if (key && !known)
        (void)json_object_set_new(seen, key, json_true());
    return known;
}

static json_t *recent_row(const struct recent *recent, const json_t *row)
{
    _cleanup_free_ char *date = date_text(json_text(row, "run_id"));
    _cleanup_free_ char *took = hours_text(json_integer_value(json_object_get(row, "duration")));
    _cleanup_free_ char *url = folder_url(recent->origin, row), *triggers = joined_triggers(row);
    const char *requester = json_text(row, "requester"), *env = json_text(row, "env");
    const char *code = json_text(row, "verdict");

    if (!date || !took || !url || !triggers)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b}",
                     "version", json_text(row, "version"), "run_id", json_text(row, "run_id"),
                     "package", json_text(row, "package"), "release", json_text(row, "release"),
                     "arch", json_text(row, "arch"), "triggers", triggers, "additional_params", env,
                     "human_date", date, "human_sec", took, "requester",
                     *requester ? requester : "-", "code", code, "url", url, "show_retry",
                     strcmp(code, "pass") != 0 && !is_seen(recent->seen, row, triggers),
                     "all_proposed", strstr(env, "all-proposed=1") != NULL);
}

static int add_recent(struct recent *recent, const json_t *rows)
{
    size_t i;
    json_t *row;

    json_array_foreach ((json_t *)rows, i, row) {
        _cleanup_json_ json_t *object = recent_row(recent, row);

        if (!object || buf_add_char(&recent->text, recent->text.len > 0 ? ',' : '[') < 0 ||
            json_write(object, &recent->text) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int answer_recent(struct exchange *x, struct recent *recent)
{
    struct buf *text = &recent->text;

    return buf_add_str(text, text->len > 0 ? "]\n" : "[]\n") < 0
               ? -ENOMEM
               : exchange_answer_buf(x, MHD_HTTP_OK, "application/json", text);
}

static void recent_free(void *userdata)
{
    struct recent *recent = userdata;

    results_search_free(recent->search);
    free(recent->origin);
    json_decref(recent->seen);
    buf_release(&recent->text);
    free(recent);
}

static int recent_new(struct exchange *x, const struct results_filter *f, struct error *err)
{
    struct recent *recent = calloc(1, sizeof(*recent));

    if (!recent)
        return error_oom(err);
    recent->text.max = BUF_OWN_MAX;
    x->userdata = recent;
    x->free_userdata = recent_free;
    recent->origin = exchange_site(x);
    recent->seen = json_object();
    return !recent->origin || !recent->seen || results_search_new(f, &recent->search) < 0
               ? error_oom(err)
               : 0;
}

static int start_search(struct exchange *x, struct error *err)
{
    struct results_filter f = {.release = params_get_filled(&x->query, "release"),
                               .arch = params_get_filled(&x->query, "arch"),
                               .requester = params_get_filled(&x->query, "user"),
                               .verdict = params_get_filled(&x->query, "result"),
                               .limit = RECENT_LIMIT};
    const char *limit = params_get_filled(&x->query, "limit");
    const char *offset = params_get_filled(&x->query, "offset");

    if (limit && parse_uint(limit, 1, RESULTS_MAX, &f.limit, err) < 0)
        return error_prefix(err, -EINVAL, "limit");
    if (offset && parse_uint(offset, 0, OFFSET_MAX, &f.offset, err) < 0)
        return error_prefix(err, -EINVAL, "offset");
    return recent_new(x, &f, err);
}

int page_recent_json(struct exchange *x, struct error *err)
{
    struct database *db = NULL;
    struct recent *recent;
    int r = x->userdata ? 0 : start_search(x, err);

    if (r < 0)
        return r;
    recent = x->userdata;
    if (web_database(x->web, &db, err) < 0)
        return exchange_fail(x, 503, err, "the results cannot be read right now");
    r = results_search_step(recent->search, db, err);
    if (r < 0)
        return r;
    if (add_recent(recent, results_search_rows(recent->search)) < 0)
        return error_oom(err);
    if (r > 0)
        return turn_wait(x, err);
    return answer_recent(x, recent) < 0 ? error_oom(err) : 0;
}

// ---- feeds

static int answer_feed(struct exchange *x, const char *title, const char *page, json_t *rows,
                       struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *data = json_object();
    _cleanup_free_ char *origin = exchange_site(x);
    // Of a feed without entries the time does not matter.
    const json_t *newest = json_array_get(rows, 0);
    int r;

    if (!origin || json_put_string(data, "title", title) < 0 ||
        json_put_string(data, "origin", origin) < 0 || json_put_string(data, "page", page) < 0 ||
        json_put_string(data, "self", x->path) < 0 ||
        json_put_string(data, "updated",
                        newest ? json_text(newest, "datetime") : "1970-01-01T00:00:00Z") < 0 ||
        json_put(data, "entries", json_incref(rows)) < 0)
        return error_oom(err);
    r = page_render(x, "feed", data, &text, err);
    if (r < 0)
        return r;
    if (exchange_add_header(x, "Cache-Control", "max-age=60") < 0 ||
        exchange_answer_buf(x, MHD_HTTP_OK, "application/atom+xml; charset=utf-8", &text) < 0)
        return error_oom(err);
    return 0;
}

static char *days_ago(int64_t days)
{
    return clock_format_utc((int64_t)(clock_realtime_us() / USEC_PER_SEC) - days * 86400, "%Y%m%d");
}

int page_package_feed(struct exchange *x, struct error *err)
{
    const char *package = exchange_value(x, "package");
    _cleanup_free_ char *since = days_ago(FEED_DAYS);
    _cleanup_free_ char *title = str_format("Verdicts of %s", package);
    _cleanup_free_ char *page = results_url(package, NULL, NULL, NULL);
    _cleanup_json_ json_t *rows = NULL;
    struct database *db = NULL;
    int r;

    if (!name_is_package(package))
        return exchange_fail(x, 404, err, "%s is not the name of a package", package);
    if (!since || !title || !page)
        return error_oom(err);
    if (web_database(x->web, &db, err) < 0)
        return exchange_fail(x, 503, err, "the results cannot be read right now");
    r = report_changes(db, package, since, FEED_ROWS, &rows, err);
    return r < 0 ? r : answer_feed(x, title, page, rows, err);
}

int page_user_feed(struct exchange *x, struct error *err)
{
    const char *name = exchange_value(x, "name");
    const struct results_filter f = {.requester = name, .limit = FEED_ROWS};
    _cleanup_free_ char *title = str_format("Results for %s", name);
    _cleanup_free_ char *escaped = http_escape(name, false);
    _cleanup_free_ char *page = escaped ? str_format("/user/%s", escaped) : NULL;
    _cleanup_json_ json_t *rows = NULL;
    struct database *db = NULL;
    int r;

    if (!title || !page)
        return error_oom(err);
    if (web_database(x->web, &db, err) < 0)
        return exchange_fail(x, 503, err, "the results cannot be read right now");
    r = results_recent(db, &f, &rows, err);
    return r < 0 ? r : answer_feed(x, title, page, rows, err);
}

// ---- badges

// Of a style sheet's colours those that carry white text.
static const char *badge_colour(const char *verdict)
{
    return strcmp(verdict, "pass") == 0      ? "#1d7a43"
           : strcmp(verdict, "fail") == 0    ? "#b3261e"
           : strcmp(verdict, "neutral") == 0 ? "#52606d"
                                             : "#8a5300";
}

// About what 11 px of a sans serif take.
static int text_width(const char *text)
{
    return 10 + (int)strlen(text) * 7;
}

static int answer_badge(struct exchange *x, const char *label, const char *verdict,
                        struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *data = json_object();
    int left = text_width(label), right = text_width(verdict), r;

    if (json_put_string(data, "label", label) < 0 ||
        json_put_string(data, "verdict", verdict) < 0 ||
        json_put_string(data, "colour", badge_colour(verdict)) < 0 ||
        json_put_int(data, "left", left) < 0 || json_put_int(data, "right", right) < 0 ||
        json_put_int(data, "width", left + right) < 0 ||
        json_put_int(data, "label_at", left / 2) < 0 ||
        json_put_int(data, "verdict_at", left + right / 2) < 0)
        return error_oom(err);
    r = page_render(x, "badge", data, &text, err);
    if (r < 0)
        return r;
    if (exchange_add_header(x, "Cache-Control", "no-cache") < 0 ||
        exchange_add_header(x, "Content-Security-Policy", "default-src 'none'") < 0 ||
        exchange_answer_buf(x, MHD_HTTP_OK, "image/svg+xml", &text) < 0)
        return error_oom(err);
    return 0;
}

int page_badge(struct exchange *x, struct error *err)
{
    const char *package = exchange_value(x, "package"), *release = exchange_value(x, "release");
    const char *arch = exchange_value(x, "arch");
    const struct results_filter newest = {.release = release, .arch = arch, .limit = 1};
    _cleanup_free_ char *label = str_format("%s %s", release, arch);
    _cleanup_json_ json_t *rows = NULL;
    struct database *db = NULL;
    int r;

    if (!name_is_package(package) || !name_is_release(release) || !name_is_arch(arch))
        return exchange_fail(x, 404, err, "there is no such test");
    if (!label)
        return error_oom(err);
    if (web_database(x->web, &db, err) < 0)
        return answer_badge(x, label, "unknown", err);
    r = results_history(db, package, &newest, &rows, err);
    if (r < 0)
        return r;
    return answer_badge(
        x, label, json_array_size(rows) ? json_text(json_array_get(rows, 0), "verdict") : "unknown",
        err);
}
