// SPDX-License-Identifier: GPL-3.0-only
// Checks of single option values (options.h has the table that names them). Each returns 0 or
// -EINVAL with a message that goes behind `OPTION: `.
#pragma once

#include "charm/options.h"

#define OPTION_PARSER(name)                                                                        \
    int name(const struct option *option, const char *text, struct settings *settings,             \
             struct error *err)

OPTION_PARSER(option_roles);
OPTION_PARSER(option_releases);
OPTION_PARSER(option_region_workers); // YAML region: {arch: count}
OPTION_PARSER(option_remotes);        // YAML arch: {address: jobs}
OPTION_PARSER(option_local_workers);  // YAML arch: {virt: count}
OPTION_PARSER(option_base64);
OPTION_PARSER(option_url);
OPTION_PARSER(option_auth_url); // of Keystone v3, or of a store that speaks /auth/v1.0
OPTION_PARSER(option_lists_source);
OPTION_PARSER(option_source); // `archive` or a git URL
OPTION_PARSER(option_hostname);
OPTION_PARSER(option_authorization);
OPTION_PARSER(option_teams);     // lower-case names, separated by commas
OPTION_PARSER(option_proxies);   // addresses and networks, separated by blanks
OPTION_PARSER(option_login_url); // as option_url, not empty
OPTION_PARSER(option_word);      // no blanks, not empty where there is a default
OPTION_PARSER(option_line);      // any text without control characters
OPTION_PARSER(option_secret);    // secret:…

// Stores a copy of `text` at the option's place in the settings.
OPTION_PARSER(option_store);
