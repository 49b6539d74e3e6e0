// SPDX-License-Identifier: GPL-3.0-only
#include "charm/apt_sources.h"

#include "base/file.h"

#define FILE_MAX_BYTES ((size_t)1024 * 1024)

// What follows `deb ` or `deb-src ` in a line, blanks evened out; NULL when it is another line. The
// caller frees.
static char *entry_of(const char *line, const char *type)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_free_ char *text = strndup(line, strcspn(line, "#\n"));

    struct strv rest; // borrowed from `words`

    if (!text || strv_split(&words, text, " \t\r") < 0 || words.len < 3 ||
        strcmp(words.items[0], type) != 0 || str_starts_with(words.items[1], "cdrom:"))
        return NULL;
    rest = (struct strv){.items = words.items + 1, .len = words.len - 1};
    return strv_join(&rest, " ");
}

static bool has_source_entry(const char *text, const char *entry)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        _cleanup_free_ char *other = entry_of(line, "deb-src");

        if (other && strcmp(other, entry) == 0)
            return true;
    }
    return false;
}

int apt_sources_from_list(const char *text, struct buf *list)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        _cleanup_free_ char *entry = entry_of(line, "deb");
        int r;

        if (!entry || has_source_entry(text, entry) || has_source_entry(buf_str(list), entry))
            continue;
        r = buf_addf(list, "deb-src %s\n", entry);
        if (r < 0)
            return r;
    }
    return 0;
}

// The value of a field when `line` is its first line.
static const char *field(const char *line, const char *name)
{
    size_t len = strlen(name);

    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    return line + len + 1;
}

static bool has_word(const char *text, const char *word)
{
    _cleanup_free_ char *line = strndup(text, strcspn(text, "\n"));
    _cleanup_strv_ struct strv words = STRV_INIT;

    return line && strv_split(&words, line, " \t\r") == 0 && strv_contains(&words, word);
}

// One paragraph, `len` bytes.
static int add_paragraph(const char *text, size_t len, struct buf *out)
{
    const char *end = text + len;
    size_t before = out->len;
    bool binary = false, off = false;
    int r = 0;

    for (const char *line = text; line < end && r >= 0;) {
        size_t n = strcspn(line, "\n") + 1;
        const char *types = field(line, "Types");
        const char *enabled = field(line, "Enabled");

        if (line + n > end)
            n = (size_t)(end - line);
        if (types) {
            binary = has_word(types, "deb") && !has_word(types, "deb-src");
            r = buf_add_str(out, "Types: deb-src\n");
        } else if (*line != '#') {
            r = buf_add(out, line, n);
        }
        off = off || (enabled && has_word(enabled, "no"));
        line += n;
    }
    if (!binary || off)
        buf_truncate(out, before);
    else if (r >= 0)
        r = buf_add_str(out, out->data[out->len - 1] == '\n' ? "\n" : "\n\n");
    return r;
}

int apt_sources_from_deb822(const char *text, struct buf *deb822)
{
    while (*text) {
        const char *end = text;
        int r;

        text += strspn(text, " \t\r\n");
        // A paragraph ends at an empty line; one of blanks alone counts as empty too.
        for (end = text; *end; end += strcspn(end, "\n"), end += *end == '\n')
            if (end[strspn(end, " \t\r")] == '\n')
                break;
        if (end == text)
            break;
        r = add_paragraph(text, (size_t)(end - text), deb822);
        if (r < 0)
            return r;
        text = end + strcspn(end, "\n");
    }
    return 0;
}

static int add_file(const char *path, struct buf *list, struct buf *deb822, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX_BYTES);
    int r;

    r = file_read(path, &text, err);
    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    r = str_ends_with(path, ".sources") ? apt_sources_from_deb822(buf_str(&text), deb822)
                                        : apt_sources_from_list(buf_str(&text), list);
    return r < 0 ? error_oom(err) : 0;
}

// A file apt reads that is not one of ours.
static bool is_foreign_list(const char *name)
{
    return (str_ends_with(name, ".list") || str_ends_with(name, ".sources")) &&
           !str_starts_with(name, "autopkgtest-cloud.");
}

int apt_sources_make(const char *root, struct buf *ret_list, struct buf *ret_deb822,
                     struct error *err)
{
    _cleanup_free_ char *main_list = str_format("%s/etc/apt/sources.list", root);
    _cleanup_free_ char *folder = str_format("%s/etc/apt/sources.list.d", root);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r;

    if (!main_list || !folder)
        return error_oom(err);
    r = dir_list(folder, &names, err);
    if (r < 0 && r != -ENOENT)
        return r;
    error_clear(err);
    r = add_file(main_list, ret_list, ret_deb822, err);
    for (size_t i = 0; r >= 0 && i < names.len; i++)
        if (is_foreign_list(names.items[i])) {
            _cleanup_free_ char *path = path_join(folder, names.items[i]);

            r = path ? add_file(path, ret_list, ret_deb822, err) : error_oom(err);
        }
    return r;
}
