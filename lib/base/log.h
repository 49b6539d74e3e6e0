// SPDX-License-Identifier: GPL-3.0-only
// The log of the services: journal entries with fields when run by systemd (JOURNAL_STREAM names
// our standard error), plain lines on standard error else. Only programs log, never libraries;
// never a secret.
#pragma once

#include "base/error.h"

#include <stdbool.h>

// Priorities are syslog's, so that the journal's filters work.
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

// Who speaks, in front of lines that do not go to the journal, and from which level on. Call once.
void log_open(const char *program, enum log_level level);

// Sets a field (name as the journal wants it: [A-Z0-9_]+, e.g. ADT_PACKAGE) that goes with every
// entry until it is set to NULL. 0, -EINVAL for a bad name, -ENOMEM.
int log_set_field(const char *name, const char *value);
void log_clear_fields(void);

void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
