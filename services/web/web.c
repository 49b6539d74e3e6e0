// SPDX-License-Identifier: GPL-3.0-only
#include "web/web.h"
#include "web/launchpad.h"
#include "web/limits.h"
#include "web/page_cache.h"
#include "web/static_files.h"
#include "web/statistics.h"

#include "base/file.h"
#include "data/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define SESSION_FILE_MAX ((size_t)4096)

// The newest time of a static file, as text: pages put it behind the files' addresses, so that
// browsers may keep them for long and still get a new one at once.
static char *static_version(const char *dir_path)
{
    DIR *dir = opendir(dir_path);
    struct dirent *entry;
    int64_t newest = 0;

    while (dir && (entry = readdir(dir))) {
        struct stat st;

        if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
            int64_t ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;

            newest = ms > newest ? ms : newest;
        }
    }
    if (dir)
        (void)closedir(dir);
    return str_format("%llx", (unsigned long long)newest);
}

static int load_store_credentials(const struct web_settings *s, char **ret_user,
                                  char **ret_password, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    const char *user, *password;
    int r;

    if (!s->store_credentials)
        return 0;
    r = ini_load(s->store_credentials, &ini, err);
    if (r < 0 || (r = ini_require(ini, "", "SWIFT_USERNAME", &user, err)) < 0 ||
        (r = ini_require(ini, "", "SWIFT_PASSWORD", &password, err)) < 0)
        return r;
    *ret_user = strdup(user);
    *ret_password = strdup(password);
    return *ret_user && *ret_password ? 0 : error_oom(err);
}

static int load_templates(const char *dir, struct template_set **ret, struct error *err)
{
    struct template_set *set = template_set_new();
    _cleanup_free_ char *html = path_join(dir, "html");
    int r;

    if (!set || !html) {
        if (set)
            template_set_free(set);
        return error_oom(err);
    }
    r = template_set_load(set, html, err);
    if (r < 0) {
        template_set_free(set);
        return r;
    }
    *ret = set;
    return 0;
}

static int read_session_key(const char *path, struct session_key *ret, struct error *err)
{
    _cleanup_json_ json_t *content = NULL;
    const char *key = NULL;
    int r = json_parse_file(path, SESSION_FILE_MAX, &content, err);

    if (r == 0)
        r = json_get_string(content, "key", &key, err);
    if (r < 0)
        return r;
    return session_key_derive(key, ret) < 0 ? error_oom(err) : 0;
}

// The charm gives all units of an application one key: who logs in at one is known at all. Until it
// does, their account at the broker is what they have in common; without that, the key is this
// life's own.
static int make_session_key(const struct web *web, const struct web_settings *settings,
                            struct session_key *ret, struct error *err)
{
    struct amqp_settings broker = {0};
    int r;

    if (settings->session_key_file)
        return read_session_key(settings->session_key_file, ret, err);
    if (settings_load_broker(web->config_dir, &broker, NULL) < 0 || str_empty(broker.password)) {
        amqp_settings_release(&broker);
        *ret = web->session_key;
        return web->broker ? 0 : session_key_make(ret, err);
    }
    r = session_key_derive(broker.password, ret);
    amqp_settings_release(&broker);
    return r < 0 ? error_oom(err) : 0;
}

static int make_parts(const struct web *web, struct web *fresh, struct error *err)
{
    fresh->static_version = static_version(fresh->settings.static_dir);
    if (static_files_load(fresh->settings.static_dir, &fresh->static_files) < 0)
        return error_oom(err);
    fresh->page_cache = page_cache_new();
    fresh->page_lengths = calloc(web_routes_len, sizeof(*fresh->page_lengths));
    fresh->launchpad = web->launchpad ? web->launchpad : launchpad_new();
    fresh->limits = web->limits ? web->limits : limits_new();
    return fresh->static_version && fresh->page_cache && fresh->page_lengths && fresh->launchpad &&
                   fresh->limits
               ? 0
               : error_oom(err);
}

// All that can fail. The store is opened last: one that is kept is borrowed until all is well.
static int load(const struct web *web, struct web *fresh, struct error *err)
{
    int r = settings_load_results(web->config_dir, &fresh->settings, err);

    if (r == 0)
        r = load_store_credentials(&fresh->settings, &fresh->store_user, &fresh->store_password,
                                   err);
    if (r == 0 && fresh->settings.store_reader)
        r = settings_read_store(fresh->settings.store_reader, &fresh->store_reader, err);
    if (r == 0)
        r = load_templates(fresh->settings.templates_dir, &fresh->templates, err);
    if (r == 0)
        r = make_session_key(web, &fresh->settings, &fresh->session_key, err);
    if (r == 0)
        r = make_parts(web, fresh, err);
    if (r < 0 || !fresh->settings.store_dir)
        return r;
    if (web->store && str_equal(fresh->settings.store_dir, web->settings.store_dir))
        fresh->store = web->store; // uploads in progress go on
    else
        r = store_open(fresh->settings.store_dir, &fresh->store, err);
    return r;
}

// Leaves to `other` what both have.
static void disown(struct web *web, const struct web *other)
{
    if (web->store == other->store)
        web->store = NULL;
    if (web->launchpad == other->launchpad)
        web->launchpad = NULL;
    if (web->limits == other->limits)
        web->limits = NULL;
}

// What goes on through a change of settings.
static void carry_over(struct web *web, struct web *fresh)
{
    disown(web, fresh);
    fresh->config_dir = TAKE_PTR(web->config_dir);
    fresh->broker = TAKE_PTR(web->broker);
    fresh->streams = TAKE_PTR(web->streams);
    fresh->http = TAKE_PTR(web->http);
    fresh->swift = TAKE_PTR(web->swift);
    fresh->commands = TAKE_PTR(web->commands);
    fresh->readings = TAKE_PTR(web->readings);
    fresh->turns = TAKE_PTR(web->turns);
    fresh->archive_indexes = TAKE_PTR(web->archive_indexes);
    fresh->event = TAKE_PTR(web->event);
    fresh->answer_error_page = web->answer_error_page;
    fresh->http_timer = TAKE_PTR(web->http_timer);
    fresh->noted = remembered_move(&web->noted);
    fresh->nonces = remembered_move(&web->nonces);
    fresh->ended = remembered_move(&web->ended);
    fresh->proven_keys = remembered_move(&web->proven_keys);
    fresh->keyed = strv_move(&web->keyed);
}

int web_load(struct web *web, struct error *err)
{
    struct web fresh = {0};
    int r = load(web, &fresh, err);

    if (r < 0) {
        disown(&fresh, web);
        web_release(&fresh);
        return r;
    }
    carry_over(web, &fresh);
    web_release(web);
    *web = fresh;
    limits_set(web->limits, web->settings.page_rate_limit, web->settings.request_rate_limit);
    return 0;
}

void web_release(struct web *web)
{
    free(web->config_dir);
    web_settings_release(&web->settings);
    if (web->templates)
        template_set_free(web->templates);
    store_free(web->store);
    free(web->store_user);
    free(web->store_password);
    swift_settings_release(&web->store_reader);
    free(web->static_version);
    static_files_free(web->static_files);
    if (web->db)
        database_close(web->db);
    free(web->db_trouble);
    strv_release(&web->keyed);
    remembered_release(&web->noted);
    remembered_release(&web->nonces);
    remembered_release(&web->ended);
    remembered_release(&web->proven_keys);
    page_cache_free(web->page_cache);
    free(web->page_lengths);
    launchpad_free(web->launchpad);
    limits_free(web->limits);
    statistics_forget(web);
    *web = (struct web){0};
}
