// SPDX-License-Identifier: GPL-3.0-only
#include "charm/systemd.h"

#include "base/file.h"
#include "charm/bus.h"
#include "charm/command.h"

#include <fcntl.h>

static int state_add(struct unit_states *states, const char *name)
{
    struct unit_state *grown = reallocarray(states->items, states->len + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    states->items = grown;
    grown[states->len] =
        (struct unit_state){.name = strdup(name), .active = strdup("inactive"), .text = strdup("")};
    states->len++;
    return grown[states->len - 1].name && grown[states->len - 1].active &&
                   grown[states->len - 1].text
               ? 0
               : -ENOMEM;
}

static int compare_states(const void *a, const void *b)
{
    const struct unit_state *one = a, *other = b;

    return strcmp(one->name, other->name);
}

static int compare_name(const void *name, const void *state)
{
    return strcmp(name, ((const struct unit_state *)state)->name);
}

static int state_take(struct unit_states *states, const char *id, const char *active,
                      const char *text)
{
    struct unit_state *s = id && states->len > 0 ? bsearch(id, states->items, states->len,
                                                           sizeof(*states->items), compare_name)
                                                 : NULL;

    if (!s)
        return 0;
    free(s->active);
    free(s->text);
    s->active = strdup(active ? active : "inactive");
    s->text = strdup(text ? text : "");
    return s->active && s->text ? 0 : -ENOMEM;
}

// Paragraphs of KEY=VALUE lines, one a unit, parted by empty lines.
static int parse_show(char *text, struct unit_states *states)
{
    const char *id = NULL, *active = NULL, *status = NULL;

    while (*text) {
        char *end = strchrnul(text, '\n');
        char *next = *end ? end + 1 : end;

        *end = '\0';
        if (!*text) {
            if (state_take(states, id, active, status) < 0)
                return -ENOMEM;
            id = active = status = NULL;
        } else if (str_starts_with(text, "Id=")) {
            id = text + strlen("Id=");
        } else if (str_starts_with(text, "ActiveState=")) {
            active = text + strlen("ActiveState=");
        } else if (str_starts_with(text, "StatusText=")) {
            status = text + strlen("StatusText=");
        }
        text = next;
    }
    return state_take(states, id, active, status);
}

static int ask_systemctl(const struct strv *names, struct unit_states *states, struct error *err)
{
    static const char *const head[] = {"systemctl", "show", "--property=Id,ActiveState,StatusText",
                                       "--", NULL};
    _cleanup_strv_ struct strv argv = STRV_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *text = NULL;
    int r;

    if (strv_add_all(&argv, head) < 0 || strv_add_list(&argv, names) < 0)
        return error_oom(err);
    r = command_output((const char *const *)argv.items, 60, &out, err);
    if (r < 0)
        return r;
    text = buf_take(&out);
    return text && parse_show(text, states) >= 0 ? 0 : error_oom(err);
}

int systemd_show(const char *root, const struct strv *names, struct unit_states *ret,
                 struct error *err)
{
    _cleanup_free_ char *socket = str_format("%s/run/systemd/private", root);
    _cleanup_unit_states_ struct unit_states states = {0};
    int r = 0;

    if (!socket)
        return error_oom(err);
    for (size_t i = 0; i < names->len; i++)
        if (state_add(&states, names->items[i]) < 0)
            return error_oom(err);
    if (states.len > 1)
        qsort(states.items, states.len, sizeof(*states.items), compare_states);
    if (names->len > 0 && bus_show(socket, &states) < 0)
        r = ask_systemctl(names, &states, err);
    if (r < 0)
        return r;
    *ret = states;
    states = (struct unit_states){0};
    return 0;
}

const struct unit_state *unit_states_find(const struct unit_states *states, const char *name)
{
    return states->len > 0
               ? bsearch(name, states->items, states->len, sizeof(*states->items), compare_name)
               : NULL;
}

void unit_states_release(struct unit_states *states)
{
    for (size_t i = 0; i < states->len; i++) {
        free(states->items[i].name);
        free(states->items[i].active);
        free(states->items[i].text);
    }
    free(states->items);
    memset(states, 0, sizeof(*states));
}

bool systemd_is_enabled(const char *root, const char *target, const char *unit)
{
    _cleanup_free_ char *path = str_format("%s/etc/systemd/system/%s.wants/%s", root, target, unit);

    // The link may point to where this root is not: only that it is there counts.
    return path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int systemd_list_folder(const char *path, const char *prefix, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir_list(path, &names, err);

    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    STRV_FOREACH (name, &names)
        if (str_starts_with(name, prefix) && strv_add(ret, name) < 0)
            return error_oom(err);
    strv_sort(ret);
    return 0;
}

int systemd_list_enabled(const char *root, const char *target, const char *prefix, struct strv *ret,
                         struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/etc/systemd/system/%s.wants", root, target);

    return path ? systemd_list_folder(path, prefix, ret, err) : error_oom(err);
}

static int run(const char *verb, const char *flag, const struct strv *units, unsigned timeout_s,
               struct error *err)
{
    _cleanup_strv_ struct strv argv = STRV_INIT;
    bool reload = strcmp(verb, "daemon-reload") == 0;

    if (!reload && units->len == 0)
        return 0;
    if (strv_add(&argv, "systemctl") < 0 || strv_add(&argv, verb) < 0 ||
        (flag && strv_add(&argv, flag) < 0) ||
        (!reload && (strv_add(&argv, "--") < 0 || strv_add_list(&argv, units) < 0)))
        return error_oom(err);
    return command_run((const char *const *)argv.items, timeout_s, err);
}

int systemd_run(const char *verb, bool no_block, const struct strv *units, struct error *err)
{
    return run(verb, no_block ? "--no-block" : NULL, units, 0, err);
}

int systemd_run_timeout(const char *verb, const struct strv *units, unsigned timeout_s,
                        struct error *err)
{
    return run(verb, NULL, units, timeout_s, err);
}

int systemd_kill(const char *signal, const struct strv *units, struct error *err)
{
    _cleanup_free_ char *flag = str_format("--signal=%s", signal);
    _cleanup_strv_ struct strv argv = STRV_INIT;

    if (units->len == 0)
        return 0;
    // --kill-who: systemd 252 renamed it, and all understand the old name.
    if (!flag || strv_add(&argv, "systemctl") < 0 || strv_add(&argv, "kill") < 0 ||
        strv_add(&argv, flag) < 0 || strv_add(&argv, "--kill-who=main") < 0 ||
        strv_add(&argv, "--") < 0 || strv_add_list(&argv, units) < 0)
        return error_oom(err);
    return command_run((const char *const *)argv.items, 60, err);
}
