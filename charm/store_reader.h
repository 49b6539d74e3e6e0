// SPDX-License-Identifier: GPL-3.0-only
// Whom the web service reads results with that are in a Swift and not public: the account of option
// public-swift-creds, or without that the one that workers write with.
#pragma once

#include "charm/settings.h"
#include "data/json.h"

#define STORE_READER_FILE "/etc/autopkgtest-cloud/store-reader.cred" // as swift.cred

// Reads the secret of the option into settings->reader. Keys: username and password, and what is
// other than the options swift-… say: auth-url, project-name, project-domain-name,
// user-domain-name, region. -EINVAL with the line for the operator, which holds no value.
int store_reader_read(const json_t *secret, struct settings *settings, struct error *err);

// The account to read with; NULL: there is no Swift.
const struct swift_options *store_reader_of(const struct settings *settings);
