// SPDX-License-Identifier: GPL-3.0-only
// The database of results: filled from the store, kept there, brought back. By the unit's command
// line.
#include "charm/actions.h"

#include "charm/unit_command.h"
#include "data/json.h"

// Runs it and gives each number (or text) of its answer as a result.
static int database_command(struct action *action, struct strv *words, struct error *err)
{
    _cleanup_json_ json_t *answer = NULL;
    const char *key;
    json_t *value;
    int r = unit_command_json(action, words, NULL, &answer, err);

    if (r < 0)
        return r;
    json_object_foreach (answer, key, value) {
        r = 0;
        if (json_is_integer(value))
            r = action_result(action, key, "%lld", (long long)json_integer_value(value));
        else if (json_is_string(value))
            r = action_result_text(action, key, json_string_value(value));
        if (r < 0)
            return error_oom(err);
    }
    return 0;
}

// ---- rebuild-index

static const struct param rebuild_params[] = {
    {.name = "release", .ok = action_is_release, .expected = "the name of a release"},
    {.name = "dry-run", .type = PARAM_FLAG},
    {.name = "restart", .type = PARAM_FLAG},
};

static int run_rebuild(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (strv_add_all(
            &words, (const char *[]){"index", "--rebuild", "--quiet", "--format=json", NULL}) < 0 ||
        (action_has(action, "release") &&
         strv_addf(&words, "--release=%s", action_text(action, "release")) < 0) ||
        (action_flag(action, "dry-run") && strv_add(&words, "--dry-run") < 0) ||
        (action_flag(action, "restart") && strv_add(&words, "--restart") < 0))
        return error_oom(err);
    return database_command(action, &words, err);
}

const struct action_definition action_rebuild_index = {.name = "rebuild-index",
                                                       .params = rebuild_params,
                                                       .params_len = ARRAY_SIZE(rebuild_params),
                                                       .run = run_rebuild};

// ---- seed-new-release, remove-release

static const struct param seed_params[] = {
    {.name = "old", .required = true, .ok = action_is_release, .expected = "the name of a release"},
    {.name = "new", .required = true, .ok = action_is_release, .expected = "the name of a release"},
    {.name = "artifacts", .type = PARAM_FLAG},
    {.name = "dry-run", .type = PARAM_FLAG},
};

static int run_seed(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (strv_add_all(&words,
                     (const char *[]){"release", "seed", "--quiet", "--format=json", NULL}) < 0 ||
        (action_flag(action, "artifacts") && strv_add(&words, "--artifacts") < 0) ||
        (action_flag(action, "dry-run") && strv_add(&words, "--dry-run") < 0) ||
        strv_add(&words, action_text(action, "old")) < 0 ||
        strv_add(&words, action_text(action, "new")) < 0)
        return error_oom(err);
    return database_command(action, &words, err);
}

const struct action_definition action_seed_new_release = {.name = "seed-new-release",
                                                          .params = seed_params,
                                                          .params_len = ARRAY_SIZE(seed_params),
                                                          .run = run_seed};

static const struct param remove_params[] = {
    {.name = "release",
     .required = true,
     .ok = action_is_release,
     .expected = "the name of a release"},
    {.name = "store", .type = PARAM_FLAG},
    {.name = "dry-run", .type = PARAM_FLAG},
};

static int run_remove(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (strv_add_all(&words,
                     (const char *[]){"release", "remove", "--quiet", "--format=json", NULL}) < 0 ||
        (action_flag(action, "store") && strv_add(&words, "--store") < 0) ||
        (action_flag(action, "dry-run") && strv_add(&words, "--dry-run") < 0) ||
        strv_add(&words, action_text(action, "release")) < 0)
        return error_oom(err);
    return database_command(action, &words, err);
}

const struct action_definition action_remove_release = {.name = "remove-release",
                                                        .params = remove_params,
                                                        .params_len = ARRAY_SIZE(remove_params),
                                                        .run = run_remove};

// ---- backup-db, restore-db

#define BACKUP_NAME                                                                                \
    {                                                                                              \
        .name = "name", .text = "results", .ok = is_backup_name,                                   \
        .expected = "letters, digits, '.', '_' and '-', a letter or digit first"                   \
    }

static bool is_word(const char *text, const char *others)
{
    for (const char *c = text; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              (c > text && strchr(others, *c))))
            return false;
    return strlen(text) <= 100;
}

static bool is_backup_name(const char *text)
{
    return is_word(text, "._-");
}

static bool is_unit(const char *text)
{
    const char *slash = strchr(text, '/');

    return is_word(text, "-/") && slash && slash[1] &&
           strspn(slash + 1, "0123456789") == strlen(slash + 1);
}

static const struct param backup_params[] = {BACKUP_NAME};

static int run_backup(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (strv_add_all(&words, (const char *[]){"index", "--backup", "--format=json", NULL}) < 0 ||
        strv_addf(&words, "--name=%s", action_text(action, "name")) < 0)
        return error_oom(err);
    return database_command(action, &words, err);
}

const struct action_definition action_backup_db = {.name = "backup-db",
                                                   .params = backup_params,
                                                   .params_len = ARRAY_SIZE(backup_params),
                                                   .run = run_backup};

static const struct param restore_params[] = {
    BACKUP_NAME,
    {.name = "unit", .ok = is_unit, .expected = "a unit, such as autopkgtest-web/0"},
};

static int run_restore(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (strv_add_all(&words, (const char *[]){"index", "--restore", "--format=json", NULL}) < 0 ||
        strv_addf(&words, "--name=%s", action_text(action, "name")) < 0 ||
        (action_has(action, "unit") &&
         strv_addf(&words, "--unit=%s", action_text(action, "unit")) < 0))
        return error_oom(err);
    return database_command(action, &words, err);
}

const struct action_definition action_restore_db = {.name = "restore-db",
                                                    .params = restore_params,
                                                    .params_len = ARRAY_SIZE(restore_params),
                                                    .run = run_restore};
