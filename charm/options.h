// SPDX-License-Identifier: GPL-3.0-only
// The options of config.yaml as one table: name, type, default, how a value is checked and where it
// goes. A test holds table and config.yaml
// against each other.
#pragma once

#include "charm/settings.h"

enum option_type { OPTION_STRING, OPTION_INT, OPTION_SECRET };

struct option {
    const char *name;
    enum option_type type;
    const char *text; // default of a string; secrets have none
    int64_t number;   // default of a whole number
    int64_t min, max; // of a whole number
    // Checks a text and stores it. The message does not repeat the option's name, except where it
    // comes from the YAML reader. Numbers have none.
    int (*parse)(const struct option *option, const char *text, struct settings *settings,
                 struct error *err);
    size_t offset; // of a char * or unsigned in struct settings that takes the value
};
#define OPTION_NOT_STORED SIZE_MAX

extern const struct option options_table[];
extern const size_t options_table_len;

// Checks every option of `config` (as from config-get) and fills the settings. -EINVAL: a value
// that is wrong, the first in the order of the table; the message is the line for the operator.
int options_parse(const json_t *config, struct settings *ret, struct error *err);
