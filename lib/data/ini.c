// SPDX-License-Identifier: GPL-3.0-only
#include "data/ini.h"

#include "base/file.h"
#include "base/parse.h"

#include <ini.h>
#include <string.h>

#define INI_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct value {
    size_t section; // index in ini.sections
    char *key, *text;
};

struct ini {
    char *name; // for messages
    struct strv sections;
    struct value *values;
    size_t count, alloc;
};

// What inih's callbacks share: inih asks for lines and gives keys.
struct parse {
    struct ini *ini;
    const char *at, *end; // text not handed out yet
    size_t line;          // number of the line handed out last
    bool midline;         // its end was not handed out yet
    size_t section;       // the one this line belongs to
    int r;                // of the first failure; its message is in err
    struct error *err;
};

static size_t find_section(const struct ini *ini, const char *section, size_t len)
{
    size_t i;

    for (i = 0; i < ini->sections.len; i++)
        if (strncmp(ini->sections.items[i], section, len) == 0 &&
            ini->sections.items[i][len] == '\0')
            break;
    return i;
}

// The index of a section, added when it is new.
static int enter_section(struct ini *ini, const char *section, size_t len, size_t *ret)
{
    *ret = find_section(ini, section, len);
    return *ret < ini->sections.len ? 0 : strv_take(&ini->sections, strndup(section, len));
}

// inih calls back for keys only: headings are noted here, so that an empty section is known, too.
static int note_heading(struct parse *p, const char *line, size_t len)
{
    const char *close;

    while (len > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    if (len == 0 || *line != '[')
        return 0;
    close = memchr(line, ']', len);
    return close ? enter_section(p->ini, line + 1, (size_t)(close - line - 1), &p->section) : 0;
}

// A reader in the manner of fgets().
static char *read_line(char *text, int size, void *userdata)
{
    struct parse *p = userdata;
    size_t left = (size_t)(p->end - p->at), n, room = size > 0 ? (size_t)size - 1 : 0;
    const char *newline;

    if (left == 0 || room == 0 || p->r < 0)
        return NULL;
    newline = memchr(p->at, '\n', left);
    n = newline ? (size_t)(newline - p->at) + 1 : left;
    if (!p->midline) {
        p->line++;
        p->r = note_heading(p, p->at, n);
        if (p->r < 0) {
            (void)error_oom(p->err);
            return NULL;
        }
    }
    p->midline = n > room;
    if (n > room)
        n = room;
    memcpy(text, p->at, n);
    text[n] = '\0';
    p->at += n;
    return text;
}

static int add_value(struct ini *ini, size_t section, const char *key, const char *text)
{
    struct value value = {.section = section};

    if (ini->count == ini->alloc) {
        size_t alloc = ini->alloc ? ini->alloc * 2 : 32;
        struct value *values = reallocarray(ini->values, alloc, sizeof(*values));

        if (!values)
            return -ENOMEM;
        ini->values = values;
        ini->alloc = alloc;
    }
    value.key = strdup(key);
    value.text = strdup(text);
    if (!value.key || !value.text) {
        free(value.key);
        free(value.text);
        return -ENOMEM;
    }
    ini->values[ini->count++] = value;
    return 0;
}

static int on_value(void *userdata, const char *section, const char *key, const char *text)
{
    struct parse *p = userdata;
    const char *full = p->ini->sections.items[p->section];

    if (p->r < 0)
        return 0;
    if (strcmp(full, section) != 0) // inih cuts names at 49 bytes
        p->r = error_set(p->err, -EINVAL, "%s: line %zu: section name too long: [%s]", p->ini->name,
                         p->line, full);
    else if (!*key)
        p->r = error_set(p->err, -EINVAL, "%s: line %zu: a value without a key", p->ini->name,
                         p->line);
    else if (ini_get(p->ini, section, key))
        p->r =
            error_set(p->err, -EINVAL, "%s: line %zu: %s: given twice", p->ini->name, p->line, key);
    else if (add_value(p->ini, p->section, key, text) < 0)
        p->r = error_oom(p->err);
    return p->r == 0;
}

// Values are taken as they are, of any length: a password may have a semicolon in it.
static void set_up_inih(void)
{
    ini_allow_multiline = false;
    ini_allow_bom = false;
    ini_allow_inline_comments = false;
    ini_use_stack = false;
    ini_allow_realloc = true;
    ini_max_line = (int)INI_BYTES_MAX + 3;
    ini_stop_on_first_error = true;
    ini_allow_no_value = false;
}

static struct ini *ini_new(const char *name)
{
    _cleanup_(ini_freep) struct ini *ini = calloc(1, sizeof(*ini));

    if (!ini)
        return NULL;
    ini->name = strdup(name);
    if (!ini->name || strv_add(&ini->sections, "") < 0)
        return NULL;
    return TAKE_PTR(ini);
}

int ini_parse_text(const char *text, size_t len, const char *name, struct ini **ret,
                   struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = ini_new(name);
    struct parse p = {.ini = ini, .err = err};
    int line;

    if (!ini)
        return error_oom(err);
    if (len > INI_BYTES_MAX)
        return error_set(err, -E2BIG, "%s: larger than %zu bytes", name, INI_BYTES_MAX);
    if (len > 0 && memchr(text, '\0', len))
        return error_set(err, -EINVAL, "%s: not a text file: it has a NUL byte", name);
    p.at = len > 0 ? text : "";
    p.end = p.at + len;
    if (len >= 3 && memcmp(p.at, BYTE_ORDER_MARK, 3) == 0)
        p.at += 3;
    set_up_inih();
    line = ini_parse_stream(read_line, &p, on_value, &p);
    if (p.r < 0)
        return p.r;
    if (line < 0)
        return error_oom(err);
    if (line > 0)
        return error_set(err, -EINVAL, "%s: line %d: expected KEY = VALUE or [SECTION]", name,
                         line);
    *ret = TAKE_PTR(ini);
    return 0;
}

int ini_load(const char *path, struct ini **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(INI_BYTES_MAX);
    int r = file_read(path, &text, err);

    if (r < 0)
        return r;
    return ini_parse_text(buf_str(&text), text.len, path, ret, err);
}

void ini_free(struct ini *ini)
{
    size_t i;

    for (i = 0; i < ini->count; i++) {
        free(ini->values[i].key);
        free(ini->values[i].text);
    }
    free(ini->values);
    strv_release(&ini->sections);
    free(ini->name);
    free(ini);
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
    size_t at = find_section(ini, section, strlen(section)), i;

    for (i = 0; i < ini->count; i++)
        if (ini->values[i].section == at && strcmp(ini->values[i].key, key) == 0)
            return ini->values[i].text;
    return NULL;
}

// The part before the first heading is a section when something is in it.
bool ini_has_section(const struct ini *ini, const char *section)
{
    size_t at = find_section(ini, section, strlen(section)), i;

    if (at > 0)
        return at < ini->sections.len;
    for (i = 0; i < ini->count; i++)
        if (ini->values[i].section == 0)
            return true;
    return false;
}

int ini_sections(const struct ini *ini, struct strv *ret)
{
    for (size_t i = ini_has_section(ini, "") ? 0 : 1; i < ini->sections.len; i++) {
        int r = strv_add(ret, ini->sections.items[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

static int prefix(const struct ini *ini, const char *section, const char *key, int r,
                  struct error *err)
{
    if (!*section)
        return error_prefix(err, r, "%s: %s", ini->name, key);
    return error_prefix(err, r, "%s: [%s] %s", ini->name, section, key);
}

int ini_get_uint(const struct ini *ini, const char *section, const char *key, uint64_t min,
                 uint64_t max, uint64_t fallback, uint64_t *ret, struct error *err)
{
    const char *text = ini_get(ini, section, key);
    int r;

    if (!text) {
        *ret = fallback;
        return 0;
    }
    r = parse_uint(text, min, max, ret, err);
    return r < 0 ? prefix(ini, section, key, r, err) : 0;
}

int ini_get_bool(const struct ini *ini, const char *section, const char *key, bool fallback,
                 bool *ret, struct error *err)
{
    const char *text = ini_get(ini, section, key);
    int r;

    if (!text) {
        *ret = fallback;
        return 0;
    }
    r = parse_bool(text, ret, err);
    return r < 0 ? prefix(ini, section, key, r, err) : 0;
}

int ini_require(const struct ini *ini, const char *section, const char *key, const char **ret,
                struct error *err)
{
    const char *text = ini_get(ini, section, key);

    if (str_empty(text)) {
        (void)error_set(err, -EINVAL, "%s", text ? "is empty" : "is missing");
        return prefix(ini, section, key, -EINVAL, err);
    }
    *ret = text;
    return 0;
}
