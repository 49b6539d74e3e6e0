// SPDX-License-Identifier: GPL-3.0-only
// Requests: putting them in queues, looking at queues, removing some. By the unit's command line.
#include "charm/actions.h"

#include "base/clock.h"
#include "base/file.h"
#include "charm/plan.h"
#include "charm/unit_command.h"
#include "data/json.h"

#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)
#define REMOVED_DIR DATA_DIR "/removed" // root's own: private requests are in it as well

// Adds --NAME=VALUE for a parameter that has one. 0 or -ENOMEM.
static int add_option(const struct action *action, const char *param, const char *option,
                      struct strv *words)
{
    return action_has(action, param)
               ? strv_addf(words, "--%s=%s", option, action_text(action, param))
               : 0;
}

// ---- request-test

static const struct param request_params[] = {
    {.name = "package",
     .required = true,
     .ok = action_is_name,
     .expected = "the name of a source package"},
    {.name = "release", .ok = action_is_release, .expected = "the name of a release"},
    {.name = "arch", .ok = action_is_arch, .expected = "an architecture"},
    {.name = "triggers"},
    {.name = "ppas"},
    {.name = "env"},
    {.name = "test-git"},
    {.name = "build-git"},
    {.name = "testname"},
    {.name = "readable-by"},
    {.name = "requester"},
    {.name = "all-proposed", .type = PARAM_FLAG},
    {.name = "bulk", .type = PARAM_FLAG},
};

// A list of a request from a text parameter; its pieces are checked by the command line.
static int put_list(const struct action *action, const char *key, const char *separators,
                    json_t *request)
{
    _cleanup_strv_ struct strv pieces = STRV_INIT;
    json_t *list;

    if (!action_has(action, key))
        return 0;
    list = json_array();
    if (json_put(request, key, list) < 0 ||
        strv_split(&pieces, action_text(action, key), separators) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < pieces.len; i++)
        if (json_array_append_new(list, json_string(str_strip(pieces.items[i]))) < 0)
            return -ENOMEM;
    return 0;
}

// What may have a secret in it stands on no command line: all of it goes by standard input.
static int make_request(const struct action *action, struct buf *ret)
{
    static const char *const texts[] = {"test-git", "build-git", "testname", "requester"};
    _cleanup_json_ json_t *request = json_object();

    if (!request || put_list(action, "triggers", " ", request) < 0 ||
        put_list(action, "ppas", " ", request) < 0 || put_list(action, "env", ";", request) < 0 ||
        put_list(action, "readable-by", " ,", request) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (action_has(action, texts[i]) &&
            json_put_string(request, texts[i], action_text(action, texts[i])) < 0)
            return -ENOMEM;
    return json_write(request, ret);
}

// The values of one key of the entries, separated by blanks.
static int put_column(struct action *action, const char *result, const json_t *entries,
                      const char *key)
{
    _cleanup_strv_ struct strv values = STRV_INIT;
    _cleanup_free_ char *text = NULL;
    const json_t *entry;
    size_t i;

    json_array_foreach (entries, i, entry)
        if (strv_add(&values, json_text(entry, key)) < 0)
            return -ENOMEM;
    text = strv_join(&values, " ");
    return text ? action_result_text(action, result, text) : -ENOMEM;
}

static int run_request(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_buf_ struct buf request = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *answer = NULL;
    int r;

    if (strv_add_all(&words, (const char *[]){"request", "--format=json", "--params=-", NULL}) <
            0 ||
        add_option(action, "release", "release", &words) < 0 ||
        add_option(action, "arch", "architecture", &words) < 0 ||
        (action_flag(action, "all-proposed") && strv_add(&words, "--all-proposed") < 0) ||
        (action_flag(action, "bulk") && strv_add(&words, "--bulk") < 0) ||
        strv_add(&words, action_text(action, "package")) < 0 || make_request(action, &request) < 0)
        return error_oom(err);
    r = unit_command_json(action, &words, &request, &answer, err);
    if (r < 0)
        return r;
    if (action_result(action, "queued", "%zu", json_array_size(answer)) < 0 ||
        put_column(action, "queues", answer, "queue") < 0 ||
        put_column(action, "uuids", answer, "uuid") < 0)
        return error_oom(err);
    return 0;
}

const struct action_definition action_request_test = {.name = "request-test",
                                                      .params = request_params,
                                                      .params_len = ARRAY_SIZE(request_params),
                                                      .run = run_request};

// ---- list-queue

#define SELECTION                                                                                  \
    {.name = "package"}, {.name = "trigger"}, {.name = "ppa"}, {.name = "uuid"},                   \
        {.name = "requester"},                                                                     \
    {                                                                                              \
        .name = "pattern"                                                                          \
    }

static const char *const selection[][2] = {{"package", "package"}, {"trigger", "trigger"},
                                           {"ppa", "ppa"},         {"uuid", "uuid"},
                                           {"pattern", "match"},   {"requester", "requester"}};

static int add_selection(const struct action *action, struct strv *words, bool *ret_any)
{
    *ret_any = false;
    for (size_t i = 0; i < ARRAY_SIZE(selection); i++) {
        if (add_option(action, selection[i][0], selection[i][1], words) < 0)
            return -ENOMEM;
        *ret_any |= action_has(action, selection[i][0]);
    }
    return 0;
}

static const struct param list_params[] = {
    {.name = "queue", .ok = action_is_queue, .expected = "a queue, such as debci-noble-amd64"},
    SELECTION,
    {.name = "limit", .type = PARAM_NUMBER, .number = 100, .min = 1, .max = 100000},
};

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static int put_queues(struct action *action, const json_t *queues)
{
    json_int_t waiting = 0, idle = 0;
    const json_t *entry;
    size_t i;

    json_array_foreach (queues, i, entry) {
        json_int_t n = json_integer_value(json_object_get(entry, "waiting"));

        waiting += n;
        idle += json_integer_value(json_object_get(entry, "idle-workers"));
        if (n > 0 && action_result(action, json_text(entry, "queue"), "%lld", (long long)n) < 0)
            return -ENOMEM;
    }
    if (action_result(action, "waiting", "%lld", (long long)waiting) < 0)
        return -ENOMEM;
    return action_result(action, "idle-workers", "%lld", (long long)idle);
}

static int count_queues(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *queues = NULL;
    int r;

    if (strv_add_all(&words, (const char *[]){"queue", "--format=json", NULL}) < 0)
        return error_oom(err);
    r = unit_command_json(action, &words, NULL, &queues, err);
    if (r < 0)
        return r;
    return put_queues(action, queues) < 0 ? error_oom(err) : 0;
}

static int run_list(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(OUTPUT_MAX);
    bool any;
    int r;

    if (strv_add_all(&words, (const char *[]){"queue", "list", NULL}) < 0 ||
        add_selection(action, &words, &any) < 0)
        return error_oom(err);
    if (!action_has(action, "queue"))
        return any ? error_set(err, -EINVAL,
                               "queue: is missing: queue=debci-RELEASE-ARCH; without "
                               "other parameters every queue is counted")
                   : count_queues(action, err);
    if (strv_addf(&words, "--limit=%lld", (long long)action_number(action, "limit")) < 0 ||
        strv_add(&words, action_text(action, "queue")) < 0)
        return error_oom(err);
    r = unit_command(action, &words, NULL, &out, err);
    if (r < 0)
        return r;
    if (action_result_text(action, "queue", action_text(action, "queue")) < 0 ||
        action_result(action, "listed", "%zu", count_lines(buf_str(&out))) < 0 ||
        action_result_text(action, "requests", buf_str(&out)) < 0)
        return error_oom(err);
    return 0;
}

const struct action_definition action_list_queue = {.name = "list-queue",
                                                    .params = list_params,
                                                    .params_len = ARRAY_SIZE(list_params),
                                                    .run = run_list};

// ---- filter-queue

static const struct param filter_params[] = {
    {.name = "queue",
     .required = true,
     .ok = action_is_queue,
     .expected = "a queue, such as debci-noble-amd64"},
    SELECTION,
    {.name = "all", .type = PARAM_FLAG},
    {.name = "dry-run", .type = PARAM_FLAG},
    {.name = "forget", .type = PARAM_FLAG},
};

// The file that takes what is removed: one for each call.
static int make_save_file(const struct action *action, char **ret, struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0700);
    _cleanup_free_ char *dir = str_format("%s" REMOVED_DIR, action->root);
    _cleanup_free_ char *date =
        clock_format_utc((int64_t)(clock_realtime_us() / USEC_PER_SEC), "%Y%m%d-%H%M%S");
    int r;

    if (!dir || !date)
        return error_oom(err);
    r = dir_ensure(dir, &attributes, NULL, err);
    if (r < 0)
        return r;
    *ret = str_format("%s/%s-%s.jsonl", dir, action_text(action, "queue"), date);
    return *ret ? 0 : error_oom(err);
}

static int add_fate(struct action *action, struct strv *words, struct error *err)
{
    _cleanup_free_ char *file = NULL;
    int r = 0;

    if (action_flag(action, "dry-run"))
        r = strv_add(words, "--dry-run");
    else if (action_flag(action, "forget"))
        r = strv_add(words, "--forget");
    if (r < 0 || action_flag(action, "dry-run") || action_flag(action, "forget"))
        return r < 0 ? error_oom(err) : 0;
    r = make_save_file(action, &file, err);
    if (r < 0)
        return r;
    // Told also when it fails half-way: what was removed until then is in there.
    return action_result_text(action, "saved", file) < 0 || strv_addf(words, "--save=%s", file) < 0
               ? error_oom(err)
               : 0;
}

static int run_filter(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(OUTPUT_MAX);
    bool any;
    int r;

    if (strv_add_all(&words, (const char *[]){"queue", "filter", NULL}) < 0 ||
        add_selection(action, &words, &any) < 0 ||
        (action_flag(action, "all") && strv_add(&words, "--all") < 0))
        return error_oom(err);
    if (!any && !action_flag(action, "all"))
        return error_set(err, -EINVAL,
                         "say which requests: package=, trigger=, ppa=, uuid=, requester=, "
                         "pattern=, or all=true");
    if ((r = add_fate(action, &words, err)) < 0)
        return r;
    if (strv_add(&words, action_text(action, "queue")) < 0)
        return error_oom(err);
    r = unit_command(action, &words, NULL, &out, err);
    if (r < 0)
        return r;
    if (action_result_text(action, "queue", action_text(action, "queue")) < 0 ||
        action_result(action, action_flag(action, "dry-run") ? "would-remove" : "removed", "%zu",
                      count_lines(buf_str(&out))) < 0 ||
        action_result_text(action, "requests", buf_str(&out)) < 0)
        return error_oom(err);
    return 0;
}

const struct action_definition action_filter_queue = {.name = "filter-queue",
                                                      .params = filter_params,
                                                      .params_len = ARRAY_SIZE(filter_params),
                                                      .run = run_filter};
