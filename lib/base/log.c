// SPDX-License-Identifier: GPL-3.0-only
#define SD_JOURNAL_SUPPRESS_LOCATION // the message says where, not the line of this file
#include "base/log.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/strv.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define FIELD_NAME_MAX 64 // the journal's
#define OWN_FIELDS 3

static struct {
    const char *program; // borrowed: argv[0] or a literal
    enum log_level level;
    bool journal;
    struct strv fields; // NAME=value
} state = {.program = "autopkgtest-cloud", .level = LOG_LEVEL_INFO};

// systemd.exec(5): DEVICE:INODE of the stream to the journal, if standard error still is that one.
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    _cleanup_free_ char *ours = NULL;
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    ours = str_format("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return ours && strcmp(ours, stream) == 0;
}

void log_open(const char *program, enum log_level level)
{
    state.program = program;
    state.level = level;
    state.journal = stderr_is_journal();
}

static bool is_field_name(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    // Names with a leading underscore are the journal's own.
    return n > 0 && n <= FIELD_NAME_MAX && name[n] == '\0' && name[0] != '_';
}

static bool is_field(const char *field, const char *name)
{
    size_t n = strlen(name);

    return strncmp(field, name, n) == 0 && field[n] == '=';
}

int log_set_field(const char *name, const char *value)
{
    struct strv *v = &state.fields;
    char *field = NULL;
    size_t i;

    if (!is_field_name(name))
        return -EINVAL;
    if (value) {
        field = str_format("%s=%s", name, value);
        if (!field)
            return -ENOMEM;
    }
    for (i = 0; i < v->len && !is_field(v->items[i], name); i++)
        ;
    if (i == v->len)
        return field ? strv_take(v, field) : 0;
    free(v->items[i]);
    if (field) {
        v->items[i] = field;
        return 0;
    }
    v->len--;
    memmove(v->items + i, v->items + i + 1, (v->len - i + 1) * sizeof(*v->items)); // and the NULL
    return 0;
}

void log_clear_fields(void)
{
    strv_release(&state.fields);
}

static struct iovec iovec_of(char *s)
{
    return (struct iovec){.iov_base = s, .iov_len = strlen(s)};
}

static int send_entry(enum log_level level, const char *text)
{
    _cleanup_free_ char *message = str_format("MESSAGE=%s", text);
    _cleanup_free_ char *priority = str_format("PRIORITY=%d", (int)level);
    _cleanup_free_ char *identifier = str_format("SYSLOG_IDENTIFIER=%s", state.program);
    _cleanup_free_ struct iovec *entry =
        reallocarray(NULL, state.fields.len + OWN_FIELDS, sizeof(*entry));
    int n = 0;

    if (!message || !priority || !identifier || !entry)
        return -ENOMEM;
    entry[n++] = iovec_of(message);
    entry[n++] = iovec_of(priority);
    entry[n++] = iovec_of(identifier);
    for (size_t i = 0; i < state.fields.len; i++)
        entry[n++] = iovec_of(state.fields.items[i]);
    return sd_journal_sendv(entry, n);
}

// One line in one write: what others send us must not look like further lines.
static void write_line(const char *text)
{
    _cleanup_free_ char *line = str_format("%s: %s\n", state.program, text);
    size_t n;

    if (!line) {
        (void)fd_write_all(STDERR_FILENO, text, strlen(text));
        (void)fd_write_all(STDERR_FILENO, "\n", 1);
        return;
    }
    n = strlen(line);
    for (size_t i = 0; i + 1 < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == '\x7f')
            line[i] = ' ';
    (void)fd_write_all(STDERR_FILENO, line, n);
}

void log_write(enum log_level level, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    int saved = errno;
    va_list args;

    if (level > state.level)
        return;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (!state.journal || send_entry(level, text ? text : format) < 0)
        write_line(text ? text : format);
    errno = saved;
}
