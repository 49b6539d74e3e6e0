// SPDX-License-Identifier: GPL-3.0-only
#include "base/log.h"

#include "base/buf.h"
#include "base/strv.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define FIELDS_MAX 32

static struct {
    const char *program;
    enum log_level level;
    bool journal;
    struct strv fields; // "NAME=value"
} log_state = {.program = "autopkgtest-cloud", .level = LOG_LEVEL_INFO};

// systemd tells by device:inode whether our standard error is still the journal's stream
// (systemd.exec(5), JOURNAL_STREAM).
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    _cleanup_free_ char *own = NULL;
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    own = str_format("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return own && str_equal(own, stream);
}

void log_open(const char *program, enum log_level level)
{
    log_state.program = program;
    log_state.level = level;
    log_state.journal = stderr_is_journal();
}

static bool field_matches(const char *field, const char *name)
{
    size_t n = strlen(name);

    return strncmp(field, name, n) == 0 && field[n] == '=';
}

static void drop_field(const char *name)
{
    struct strv *fields = &log_state.fields;
    size_t i, kept = 0;

    for (i = 0; i < fields->len; i++) {
        if (field_matches(fields->items[i], name))
            free(fields->items[i]);
        else
            fields->items[kept++] = fields->items[i];
    }
    fields->len = kept;
    if (fields->items)
        fields->items[kept] = NULL;
}

int log_set_field(const char *name, const char *value)
{
    if (!*name || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] || name[0] == '_' ||
        (name[0] >= '0' && name[0] <= '9'))
        return -EINVAL;
    drop_field(name);
    if (!value)
        return 0;
    if (log_state.fields.len == FIELDS_MAX)
        return -ENOBUFS;
    return strv_addf(&log_state.fields, "%s=%s", name, value);
}

void log_clear_fields(void)
{
    strv_release(&log_state.fields);
}

static void to_journal(enum log_level level, const char *text)
{
    struct iovec v[FIELDS_MAX + 3];
    _cleanup_free_ char *message = str_format("MESSAGE=%s", text);
    _cleanup_free_ char *priority = str_format("PRIORITY=%d", (int)level);
    _cleanup_free_ char *identifier = str_format("SYSLOG_IDENTIFIER=%s", log_state.program);
    size_t i, n = 0;

    if (!message || !priority || !identifier)
        return;
    v[n++] = (struct iovec){message, strlen(message)};
    v[n++] = (struct iovec){priority, strlen(priority)};
    v[n++] = (struct iovec){identifier, strlen(identifier)};
    for (i = 0; i < log_state.fields.len; i++)
        v[n++] = (struct iovec){log_state.fields.items[i], strlen(log_state.fields.items[i])};
    (void)sd_journal_sendv(v, (int)n);
}

void log_write(enum log_level level, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;
    int n;

    if (level > log_state.level)
        return;
    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        return;
    }
    if (log_state.journal)
        to_journal(level, text);
    else
        (void)fprintf(stderr, "%s: %s%s\n", log_state.program,
                      level == LOG_LEVEL_WARNING ? "warning: " : "", text);
}
