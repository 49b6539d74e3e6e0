// SPDX-License-Identifier: GPL-3.0-only
#include "adt/sources.h"

#include "adt/names.h"

#include <strings.h>

static void forget_stanza(struct sources *s)
{
    free(s->package);
    free(s->version);
    s->package = s->version = NULL;
    s->open = s->extra = false;
}

static int end_stanza(struct sources *s)
{
    bool good =
        s->package && s->version && name_is_package(s->package) && name_is_version(s->version);
    int r = 0;

    if (good && !s->extra)
        r = s->found(s->package, s->version, s->userdata);
    else if (s->open && !good)
        s->refused++;
    forget_stanza(s);
    return r;
}

// Sets the value, of a field that comes twice the last.
static int keep(char **place, const char *value)
{
    free(*place);
    *place = strdup(value);
    return *place ? 0 : -ENOMEM;
}

static int read_field(struct sources *s, char *line)
{
    char *colon = strchr(line, ':'), *value;

    if (!colon || s->cut)
        return 0; // none of the fields we read is so long
    *colon = '\0';
    value = str_strip(colon + 1);
    if (strcasecmp(line, "Package") == 0)
        return keep(&s->package, value);
    if (strcasecmp(line, "Version") == 0)
        return keep(&s->version, value);
    if (strcasecmp(line, "Extra-Source-Only") == 0)
        s->extra = strcasecmp(value, "yes") == 0;
    return 0;
}

static int end_line(struct sources *s)
{
    char *line = s->line.data;
    bool blank = s->line.len == 0 || line[strspn(line, " \t\r")] == '\0';
    int r = 0;

    // A NUL hides what follows it: no field of ours has one.
    if (blank && !s->cut && (s->line.len == 0 || strlen(line) == s->line.len)) {
        r = end_stanza(s);
    } else {
        s->open = true;
        if (*line != ' ' && *line != '\t' && strlen(line) == s->line.len)
            r = read_field(s, line);
    }
    buf_truncate(&s->line, 0);
    s->cut = false;
    return r;
}

static int add_to_line(struct sources *s, const char *bytes, size_t len)
{
    size_t room = s->line.max - s->line.len;

    if (len > room) {
        s->cut = true;
        len = room;
    }
    return len > 0 ? buf_add(&s->line, bytes, len) : 0;
}

int sources_feed(struct sources *s, const void *bytes, size_t len)
{
    const char *at = bytes, *end = at + len;
    int r = 0;

    while (at < end && r == 0) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        r = add_to_line(s, at, (size_t)((newline ? newline : end) - at));
        if (r == 0 && newline)
            r = end_line(s);
        at = newline ? newline + 1 : end;
    }
    return r;
}

int sources_end(struct sources *s)
{
    int r = s->line.len > 0 ? end_line(s) : 0;

    return r < 0 ? r : end_stanza(s);
}

void sources_release(struct sources *s)
{
    forget_stanza(s);
    buf_release(&s->line);
}
