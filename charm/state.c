// SPDX-License-Identifier: GPL-3.0-only
#include "charm/state.h"

#include "base/buf.h"
#include "base/file.h"
#include "data/json.h"

#define STATE_MAX ((size_t)4 * 1024 * 1024)

int state_load(const char *root, struct state *ret, struct error *err)
{
    _cleanup_error_ struct error ignored = ERROR_INIT;
    struct state state = {0};

    state.path = str_format("%s%s/state.json", root, STATE_DIR);
    if (!state.path)
        return error_oom(err);
    if (json_parse_file(state.path, STATE_MAX, &state.data, &ignored) < 0 ||
        !json_is_object(state.data)) {
        json_decref(state.data);
        state.data = json_object();
        state.fresh = true;
    }
    if (!state.data) {
        free(state.path);
        return error_oom(err);
    }
    *ret = state;
    return 0;
}

const json_t *state_value(const struct state *state, const char *key)
{
    return json_object_get(state->data, key);
}

const char *state_get(const struct state *state, const char *key)
{
    return json_string_value(json_object_get(state->data, key));
}

bool state_is(const struct state *state, const char *key, const char *value)
{
    return str_equal(state_get(state, key), value);
}

int state_set_value(struct state *state, const char *key, const json_t *value, struct error *err)
{
    const json_t *old = json_object_get(state->data, key);
    json_t *copy;

    if (old == value || (old && value && json_equal(old, value)))
        return 0;
    state->changed = true;
    if (!value)
        return json_object_del(state->data, key) < 0 ? error_oom(err) : 0;
    copy = json_deep_copy(value);
    return json_object_set_new(state->data, key, copy) < 0 ? error_oom(err) : 0;
}

int state_set(struct state *state, const char *key, const char *value, struct error *err)
{
    _cleanup_json_ json_t *text = NULL;

    if (value) {
        text = json_string(value);
        if (!text)
            return error_oom(err);
    }
    return state_set_value(state, key, text, err);
}

int state_words(const struct state *state, const char *key, struct strv *ret, struct error *err)
{
    const json_t *words = json_object_get(state->data, key);
    const json_t *word;
    size_t i;

    json_array_foreach (words, i, word) {
        if (json_is_string(word) && strv_add(ret, json_string_value(word)) < 0)
            return error_oom(err);
    }
    return 0;
}

int state_set_words(struct state *state, const char *key, const struct strv *words,
                    struct error *err)
{
    _cleanup_json_ json_t *array = json_array();

    if (words->len == 0)
        return state_set_value(state, key, NULL, err);
    STRV_FOREACH (word, words)
        if (json_array_append_new(array, json_string(word)) < 0)
            return error_oom(err);
    return state_set_value(state, key, array, err);
}

int state_add_words(struct state *state, const char *key, const struct strv *words,
                    struct error *err)
{
    _cleanup_strv_ struct strv all = STRV_INIT;
    int r = state_words(state, key, &all, err);

    if (r < 0)
        return r;
    STRV_FOREACH (word, words)
        if (!strv_contains(&all, word) && strv_add(&all, word) < 0)
            return error_oom(err);
    return state_set_words(state, key, &all, err);
}

int state_save(struct state *state, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(STATE_MAX);
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    int r;

    if (!state->changed)
        return 0;
    if (json_write(state->data, &text) < 0 || buf_add_char(&text, '\n') < 0)
        return error_oom(err);
    r = dir_make_parent(state->path, 0755, err);
    if (r < 0)
        return r;
    r = file_replace_alone(state->path, buf_str(&text), text.len, &attributes, NULL, err);
    if (r < 0)
        return r;
    state->changed = false;
    return 0;
}

void state_release(struct state *state)
{
    free(state->path);
    json_decref(state->data);
    memset(state, 0, sizeof(*state));
}
