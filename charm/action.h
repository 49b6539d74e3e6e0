// SPDX-License-Identifier: GPL-3.0-only
// What every action does: read its parameters once, check them in full, do one thing, give results
// as flat `key=value`, or say what is wrong and the way out.
//
// Juju checks parameters against actions.yaml as well; it is not relied on, since 3.6 lets unknown
// ones pass and older controllers do not know every keyword. A test holds the definitions
// (actions.h) and actions.yaml against each other.
//
// A failed action ends with exit code 0 all the same: another one would replace its message by
// "exit status N" (Juju: internal/worker/uniter/runner/context.go, finalizeAction).
#pragma once

#include "charm/model.h"

enum param_type { PARAM_TEXT, PARAM_NUMBER, PARAM_FLAG };

struct param {
    const char *name;
    enum param_type type;
    bool required;
    const char *text;             // default of a text; NULL: none, action_text() gives ""
    int64_t number, min, max;     // of a number; its default is `min` - 1 where it has none
    bool (*ok)(const char *text); // NULL: one line of any text. Not asked for ""
    const char *expected;         // what `ok` takes, for the message
};

struct action {
    const char *root;   // in front of every path, "" on a unit
    struct model model; // what the environment tells; nothing was asked by hook tools
    json_t *params;     // checked, with defaults
    json_t *results;    // key -> text
};

struct action_definition {
    const char *name;
    const struct param *params;
    size_t params_len;
    // 0, or a negative errno with the message for the operator: cause and way out.
    int (*run)(struct action *action, struct error *err);
};

// An action's whole main(). The exit code: not 0 only when Juju's tools themselves do not work.
int action_main(const struct action_definition *definition);
// The same with a root; negative only when Juju's tools do not work.
int action_run(const char *root, const struct action_definition *definition, struct error *err);

// Checks what action-get gave (an object), filling in defaults. -EINVAL: the message names the
// parameter. The caller owns *ret.
int action_check_params(const struct action_definition *definition, const json_t *given,
                        json_t **ret, struct error *err);

// A text parameter, "" without; borrowed.
const char *action_text(const struct action *action, const char *name);
int64_t action_number(const struct action *action, const char *name);
bool action_has(const struct action *action, const char *name);
bool action_flag(const struct action *action, const char *name);

#define ACTION_RESULT_MAX ((size_t)60 * 1024) // Linux takes 128 KiB an argument

// Adds a result. What Juju's keys cannot have (they match [a-z0-9]([a-z0-9-]*[a-z0-9])?) becomes
// '-'; a text over the maximum is cut behind a line, and KEY-cut=true added. 0 or -ENOMEM.
int action_result(struct action *action, const char *key, const char *format, ...) _printf_(3, 4);
int action_result_text(struct action *action, const char *key, const char *text);

// Parsers of the forms that several actions take.
bool action_is_release(const char *text);
bool action_is_arch(const char *text);
bool action_is_cloud(const char *text);
bool action_is_name(const char *text); // of a package
bool action_is_queue(const char *text);
