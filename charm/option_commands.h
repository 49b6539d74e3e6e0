// SPDX-License-Identifier: GPL-3.0-only
// Checks of the options that become parts of a worker's commands (as in option_values.h).
#pragma once

#include "charm/option_values.h"

// One word, a regular expression (PCRE2) in which variables stand for text without special
// characters.
OPTION_PARSER(option_image_pattern);
// Arguments that no shell sees: each '$' with a name behind it is a variable of ours.
OPTION_PARSER(option_worker_args);
// A command for the testbed's shell, whose own variables are told from ours by ${…}.
OPTION_PARSER(option_setup_command);
