// SPDX-License-Identifier: GPL-3.0-only
// The banner on the web pages: alert.json beside web.conf (docs/reference/web.md).
#include "charm/actions.h"

#include "base/file.h"
#include "charm/accounts.h"
#include "charm/plan.h"
#include "data/json.h"

#include <sys/stat.h>

#define ALERT_FILE ETC_DIR "/alert.json"
#define MESSAGE_MAX 2000 // bytes; the web service reads 16 KiB

static bool is_level(const char *text)
{
    return str_equal(text, "info") || str_equal(text, "warning") || str_equal(text, "error");
}

static bool is_message(const char *text)
{
    return strlen(text) <= MESSAGE_MAX && !str_has_control(text);
}

static const struct param alert_params[] = {
    {.name = "level", .text = "info", .ok = is_level, .expected = "info, warning or error"},
    {.name = "message",
     .required = true,
     .ok = is_message,
     .expected = "one line of at most 2000 bytes"},
};

// A unit without pages shows nobody anything.
static int check_web(const struct action *action, struct error *err)
{
    _cleanup_free_ char *conf = str_format("%s" ETC_DIR "/web.conf", action->root);

    if (!conf)
        return error_oom(err);
    if (access(conf, F_OK) == 0)
        return 0;
    return error_set(err, -ENOENT,
                     "%s has no web pages: run this on units whose option roles has `web`",
                     action->model.unit);
}

static int run_set(struct action *action, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" ALERT_FILE, action->root);
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const char *level = action_text(action, "level"), *message = action_text(action, "message");
    _cleanup_json_ json_t *alert = json_pack("{s:s, s:s}", "level", level, "message", message);
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);
    int r = check_web(action, err);

    if (r < 0)
        return r;
    if (!path || !alert || json_write(alert, &text) < 0 || buf_add_char(&text, '\n') < 0)
        return error_oom(err);
    if ((r = account_group(action->root, ACCOUNT, &attributes.gid, err)) < 0)
        return r;
    r = file_replace_alone(path, buf_str(&text), text.len, &attributes, NULL, err);
    if (r < 0)
        return r;
    if (action_result_text(action, "level", level) < 0 ||
        action_result_text(action, "message", message) < 0)
        return error_oom(err);
    return 0;
}

const struct action_definition action_set_alert = {.name = "set-alert",
                                                   .params = alert_params,
                                                   .params_len = ARRAY_SIZE(alert_params),
                                                   .run = run_set};

static int run_remove(struct action *action, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" ALERT_FILE, action->root);
    bool removed = false;
    int r = check_web(action, err);

    if (r < 0)
        return r;
    r = path ? file_remove(path, &removed, err) : error_oom(err);
    if (r < 0)
        return r;
    return action_result(action, "removed", "%s", removed ? "true" : "false") < 0 ? error_oom(err)
                                                                                  : 0;
}

const struct action_definition action_remove_alert = {.name = "remove-alert", .run = run_remove};
