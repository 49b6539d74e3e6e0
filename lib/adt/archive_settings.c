// SPDX-License-Identifier: GPL-3.0-only
#include "adt/archive_settings.h"

#include "adt/names.h"
#include "base/file.h"
#include "data/ini.h"

#define SECTION "web"
#define POCKETS "release updates security"
#define COMPONENTS "main restricted universe multiverse"
#define PROGRAM "/opt/autopkgtest-cloud/bin/autopkgtest-sources"
#define INTERVAL_S 3600
#define INTERVAL_MAX_S 604800

static int words(const struct ini *ini, const char *key, const char *fallback, struct strv *ret,
                 struct error *err)
{
    const char *value = ini_get(ini, SECTION, key);

    if (strv_split(ret, str_empty(value) ? fallback : value, " \t") < 0)
        return error_oom(err);
    STRV_FOREACH (word, ret)
        if (!name_is_release(word))
            return error_set(err, -EINVAL, "web.conf: [web] %s: expected names, got \"%s\"", key,
                             word);
    return 0;
}

static int text(const struct ini *ini, const char *key, const char *fallback, char **ret,
                struct error *err)
{
    const char *value = ini_get(ini, SECTION, key);

    *ret = strdup(str_empty(value) ? fallback : value);
    return *ret ? 0 : error_oom(err);
}

static int read_url(const struct ini *ini, char **ret, struct error *err)
{
    const char *value = ini_get(ini, SECTION, "archive-url");

    if (str_empty(value))
        return 0;
    if (!str_starts_with(value, "http://") && !str_starts_with(value, "https://"))
        return error_set(err, -EINVAL,
                         "web.conf: [web] archive-url: expected http:// or https://, got \"%s\"",
                         value);
    *ret = strndup(value, strlen(value) - str_ends_with(value, "/"));
    return *ret ? 0 : error_oom(err);
}

static int read_all(const struct ini *ini, struct archive_settings *s, struct error *err)
{
    const char *database = NULL;
    int r;

    if ((r = ini_require(ini, SECTION, "database", &database, err)) < 0 ||
        (r = text(ini, "database", "", &s->database, err)) < 0 ||
        (r = read_url(ini, &s->url, err)) < 0 ||
        (r = words(ini, "releases", "", &s->releases, err)) < 0 ||
        (r = words(ini, "pockets", POCKETS, &s->pockets, err)) < 0 ||
        (r = words(ini, "components", COMPONENTS, &s->components, err)) < 0 ||
        (r = text(ini, "sources-program", PROGRAM, &s->program, err)) < 0)
        return r;
    return ini_get_uint(ini, SECTION, "sources-interval", 1, INTERVAL_MAX_S, INTERVAL_S,
                        &s->interval_s, err);
}

int archive_settings_load(const char *dir, struct archive_settings *ret, struct error *err)
{
    _cleanup_(archive_settings_release) struct archive_settings s = {0};
    _cleanup_(ini_freep) struct ini *ini = NULL;
    _cleanup_free_ char *path = path_join(dir, "web.conf");
    int r;

    if (!path)
        return error_oom(err);
    if ((r = ini_load(path, &ini, err)) < 0 || (r = read_all(ini, &s, err)) < 0)
        return r;
    *ret = s;
    s = (struct archive_settings){0};
    return 0;
}

void archive_settings_release(struct archive_settings *s)
{
    free(s->url);
    strv_release(&s->releases);
    strv_release(&s->pockets);
    strv_release(&s->components);
    free(s->program);
    free(s->database);
    *s = (struct archive_settings){0};
}
