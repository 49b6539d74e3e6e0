// SPDX-License-Identifier: GPL-3.0-only
// The distribution's inih cuts lines at 200 bytes without a word and takes " ;" in a value for a
// comment; passwords and setup commands are longer, or have one. Hence a parser of our own for the
// few rules that the header names.
#include "data/ini.h"

#include "base/file.h"
#include "base/parse.h"

#define INI_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct entry {
    char *section, *key, *value;
};

struct ini {
    char *name; // of the file, for messages
    struct entry *entries;
    size_t len, alloc;
    struct strv sections;
};

void ini_free(struct ini *ini)
{
    size_t i;

    for (i = 0; i < ini->len; i++) {
        free(ini->entries[i].section);
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
    free(ini->entries);
    strv_release(&ini->sections);
    free(ini->name);
    free(ini);
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
    size_t i;

    for (i = 0; i < ini->len; i++)
        if (str_equal(ini->entries[i].section, section) && str_equal(ini->entries[i].key, key))
            return ini->entries[i].value;
    return NULL;
}

bool ini_has_section(const struct ini *ini, const char *section)
{
    return strv_contains(&ini->sections, section);
}

int ini_sections(const struct ini *ini, struct strv *ret)
{
    STRV_FOREACH (section, &ini->sections)
        if (strv_add(ret, section) < 0)
            return -ENOMEM;
    return 0;
}

static int add_entry(struct ini *ini, const char *section, const char *key, const char *value)
{
    struct entry *entry;

    if (ini->len == ini->alloc) {
        size_t alloc = ini->alloc ? ini->alloc * 2 : 32;
        struct entry *entries = reallocarray(ini->entries, alloc, sizeof(*entries));

        if (!entries)
            return -ENOMEM;
        ini->entries = entries;
        ini->alloc = alloc;
    }
    entry = &ini->entries[ini->len++];
    entry->section = strdup(section);
    entry->key = strdup(key);
    entry->value = strdup(value);
    return entry->section && entry->key && entry->value ? 0 : -ENOMEM;
}

static int parse_heading(struct ini *ini, size_t number, char *line, struct error *err)
{
    size_t n = strlen(line);
    char *section;

    if (line[n - 1] != ']')
        return error_set(err, -EINVAL, "%s: line %zu: expected [section], got \"%s\"", ini->name,
                         number, line);
    line[n - 1] = '\0';
    section = str_strip(line + 1);
    if (!*section)
        return error_set(err, -EINVAL, "%s: line %zu: the section has no name", ini->name, number);
    if (ini_has_section(ini, section))
        return error_set(err, -EINVAL, "%s: line %zu: there is a second section [%s]", ini->name,
                         number, section);
    return strv_add(&ini->sections, section) < 0 ? error_oom(err) : 0;
}

static int parse_assignment(struct ini *ini, size_t number, char *line, struct error *err)
{
    const char *section = ini->sections.len ? ini->sections.items[ini->sections.len - 1] : "";
    char *equals = strchr(line, '=');
    const char *key;

    // The value may be a secret: messages show the key at most.
    if (!equals)
        return error_set(err, -EINVAL, "%s: line %zu: expected key = value", ini->name, number);
    *equals = '\0';
    key = str_strip(line);
    if (!*key)
        return error_set(err, -EINVAL, "%s: line %zu: there is no key before the '='", ini->name,
                         number);
    if (ini_get(ini, section, key))
        return error_set(err, -EINVAL, "%s: line %zu: %s is set a second time", ini->name, number,
                         key);
    return add_entry(ini, section, key, str_strip(equals + 1)) < 0 ? error_oom(err) : 0;
}

static int parse_line(struct ini *ini, size_t number, char *line, struct error *err)
{
    line = str_strip(line);
    if (!*line || *line == '#')
        return 0;
    return *line == '[' ? parse_heading(ini, number, line, err)
                        : parse_assignment(ini, number, line, err);
}

static int parse_lines(struct ini *ini, char *text, struct error *err)
{
    size_t number;

    for (number = 1; text; number++) {
        char *line = strsep(&text, "\n");
        int r = parse_line(ini, number, line, err);

        if (r < 0)
            return r;
    }
    return 0;
}

int ini_parse_text(const char *text, size_t len, const char *name, struct ini **ret,
                   struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = calloc(1, sizeof(*ini));
    _cleanup_free_ char *copy = strndup(len ? text : "", len);
    int r;

    if (!ini || !copy || !(ini->name = strdup(name)))
        return error_oom(err);
    if (strlen(copy) != len)
        return error_set(err, -EINVAL, "%s: contains a NUL byte", name);
    r = parse_lines(ini, copy, err);
    explicit_bzero(copy, len);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(ini);
    return 0;
}

int ini_load(const char *path, struct ini **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(INI_BYTES_MAX);
    int r = file_read(path, &text, err);

    if (r < 0)
        return r;
    r = ini_parse_text(buf_str(&text), text.len, path, ret, err);
    if (text.data)
        explicit_bzero(text.data, text.len);
    return r;
}

int ini_get_uint(const struct ini *ini, const char *section, const char *key, uint64_t min,
                 uint64_t max, uint64_t fallback, uint64_t *ret, struct error *err)
{
    const char *value = ini_get(ini, section, key);
    int r;

    if (str_empty(value)) {
        *ret = fallback;
        return 0;
    }
    r = parse_uint(value, min, max, ret, err);
    return r < 0 ? error_prefix(err, -EINVAL, "%s: [%s] %s", ini->name, section, key) : 0;
}

int ini_get_bool(const struct ini *ini, const char *section, const char *key, bool fallback,
                 bool *ret, struct error *err)
{
    const char *value = ini_get(ini, section, key);
    int r;

    if (str_empty(value)) {
        *ret = fallback;
        return 0;
    }
    r = parse_bool(value, ret, err);
    return r < 0 ? error_prefix(err, r, "%s: [%s] %s", ini->name, section, key) : 0;
}

int ini_require(const struct ini *ini, const char *section, const char *key, const char **ret,
                struct error *err)
{
    const char *value = ini_get(ini, section, key);

    if (str_empty(value))
        return error_set(err, -EINVAL, "%s: [%s] %s: is missing", ini->name, section, key);
    *ret = value;
    return 0;
}
