// SPDX-License-Identifier: GPL-3.0-only
#include "adt/names.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "cli/remote.h"
#include "data/json.h"
#include "net/http.h"

#include <ctype.h>
#include <time.h>

#define MARK "user.autopkgtest-cloud" // as services/worker/command.h has them
#define ALIVE "user.autopkgtest-cloud-alive"
#define MODEL "user.autopkgtest-cloud-model"
#define IMAGE_DESCRIPTION "autopkgtest " // of an image of autopkgtest-build-lxd
#define IMAGE_S 3600                     // what autopkgtest-image@.service gives the making of one
#define STOP_S 60

// ---------------------------------------------------------------- what is stale

// Seconds since 1970 of RFC 3339 as LXD writes it, UTC; 0 when it is none.
static int64_t seconds_of(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    return end && strchr(end, 'Z') ? (int64_t)timegm(&tm) : 0;
}

static bool is_old(const json_t *instance, const struct remote_stale *s)
{
    int64_t made = seconds_of(json_text(instance, "created_at"));
    uint64_t alive = 0;

    (void)parse_uint(json_text(json_object_get(instance, "config"), ALIVE), 0, INT64_MAX / 2,
                     &alive, NULL); // of a test that runs since a few minutes: none yet
    if (made > 0 && (int64_t)alive > made)
        made = (int64_t)alive;
    return made > 0 && made + (int64_t)s->older_s <= s->now;
}

// Whether a worker has marked it: UNIT/NAME ends with the run's id, "-20261126-181447-b9b95".
static bool is_of_run(const char *mark)
{
    static const char shape[] = "-00000000-000000-xxxxx";
    size_t len = strlen(mark), at = len - strlen(shape);

    if (len < strlen(shape))
        return false;
    for (size_t i = 0; shape[i]; i++) {
        unsigned char c = (unsigned char)mark[at + i];

        if (shape[i] == '-' ? c != '-' : shape[i] == '0' ? !isdigit(c) : !isxdigit(c))
            return false;
    }
    return true;
}

// Whether the mark, UNIT/NAME, ends with one of the runs that go on: NAME is made of the worker's
// name and the run's, with hyphens.
static bool is_running(const char *mark, const struct strv *runs)
{
    STRV_FOREACH (run, runs) {
        _cleanup_free_ char *end = strdup(run);
        size_t len = end ? strlen(end) : 0;

        if (!end)
            return true; // rather nothing than too much
        while (len > 0 && end[len - 1] == '@')
            end[--len] = '\0';
        for (char *c = end; *c; c++)
            if (*c == '_')
                *c = '-';
        if (str_ends_with(mark, end))
            return true;
    }
    return false;
}

// Whether the mark begins with the unit, or with a unit of the application.
static bool is_of(const char *mark, const char *owner)
{
    size_t len = strlen(owner);

    return len > 0 && strncmp(mark, owner, len) == 0 && mark[len] == '/';
}

bool remote_instance_is_stale(const json_t *instance, const struct remote_stale *s)
{
    const json_t *config = json_object_get(instance, "config");
    const char *mark = json_text(config, MARK);

    if (!is_of(mark, s->app) || !str_equal(json_text(config, MODEL), s->model))
        return false;
    if (is_of(mark, s->unit) && is_of_run(mark))
        return !is_running(mark, s->runs);
    return is_old(instance, s);
}

bool remote_image_is_stale(const json_t *image, const struct remote_stale *s)
{
    const char *description = json_text(json_object_get(image, "properties"), "description");
    int64_t uploaded = seconds_of(json_text(image, "uploaded_at"));
    uint64_t age_s = s->older_s < IMAGE_S ? s->older_s : IMAGE_S;

    return str_starts_with(description, IMAGE_DESCRIPTION) &&
           json_array_size(json_object_get(image, "aliases")) == 0 && uploaded > 0 &&
           uploaded + (int64_t)age_s <= s->now;
}

static int load_settings(struct ini **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(settings_dir(), "worker.conf");

    return path ? ini_load(path, ret, err) : error_oom(err);
}

// The runs that this unit's workers have at hand.
static int read_runs(const struct ini *ini, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv workers = STRV_INIT;
    const char *work = NULL;
    int r = ini_require(ini, "worker", "work-dir", &work, err);

    if (r < 0)
        return r;
    r = dir_list(work, &workers, err);
    if (r == -ENOENT)
        return 0;
    STRV_FOREACH (worker, &workers) {
        _cleanup_free_ char *dir = path_join(work, worker);
        _cleanup_strv_ struct strv runs = STRV_INIT;

        if (!dir)
            return error_oom(err);
        (void)dir_list(dir, &runs, NULL); // it has just ended
        STRV_FOREACH (run, &runs)
            if (name_is_run_id(run) && strv_add(ret, run) < 0)
                return error_oom(err);
    }
    return r;
}

// ---------------------------------------------------------------- removing

static char *path_of(const char *kind, const char *name, const char *more)
{
    _cleanup_free_ char *escaped = http_escape(name, false);

    return escaped ? str_format("/1.0/%s/%s%s", kind, escaped, more) : NULL;
}

// Those of autopkgtest go by themselves when they stop.
static int remove_instance(struct lxd *lxd, const char *name, struct error *err)
{
    _cleanup_free_ char *path = path_of("instances", name, "");
    _cleanup_free_ char *state = path_of("instances", name, "/state");
    _cleanup_json_ json_t *stop =
        json_pack("{s:s, s:b, s:i}", "action", "stop", "force", 1, "timeout", STOP_S);
    _cleanup_error_ struct error ignored = ERROR_INIT;
    int r;

    if (!path || !state || !stop)
        return error_oom(err);
    (void)lxd_call(lxd, "PUT", state, stop, NULL, &ignored); // it may be down already
    r = lxd_call(lxd, "DELETE", path, NULL, NULL, err);
    if (r != -ENOENT)
        return r;
    error_clear(err);
    return 0;
}

static int remove_image(struct lxd *lxd, const char *fingerprint, struct error *err)
{
    _cleanup_free_ char *path = path_of("images", fingerprint, "");
    int r = path ? lxd_call(lxd, "DELETE", path, NULL, NULL, err) : error_oom(err);

    if (r != -ENOENT)
        return r;
    error_clear(err);
    return 0;
}

struct cleaning {
    const struct remote_call *call;
    struct remote_stale stale;
    struct lxd *lxd;
    json_t *instances, *images; // names of what was removed
};

static int clean_instances(struct cleaning *c, const json_t *list, struct error *err)
{
    const json_t *instance;
    size_t i;

    json_array_foreach (list, i, instance) {
        const char *name = json_text(instance, "name");
        int r;

        if (!remote_instance_is_stale(instance, &c->stale))
            continue;
        r = c->call->dry_run ? 0 : remove_instance(c->lxd, name, err);
        if (r < 0)
            return error_prefix(err, r, "%s", name);
        if (json_array_append_new(c->instances, json_string(name)) < 0)
            return error_oom(err);
    }
    return 0;
}

static int clean_images(struct cleaning *c, const json_t *list, struct error *err)
{
    const json_t *image;
    size_t i;

    json_array_foreach (list, i, image) {
        const char *fingerprint = json_text(image, "fingerprint");
        int r;

        if (!remote_image_is_stale(image, &c->stale))
            continue;
        r = c->call->dry_run ? 0 : remove_image(c->lxd, fingerprint, err);
        if (r < 0)
            return error_prefix(err, r, "image %.12s", fingerprint);
        if (json_array_append_new(c->images, json_sprintf("%.12s", fingerprint)) < 0)
            return error_oom(err);
    }
    return 0;
}

// What is there is listed before the runs: one that begins meanwhile is not in the list.
static int clean(struct cleaning *c, struct error *err)
{
    _cleanup_json_ json_t *instances = NULL, *images = NULL;
    _cleanup_(ini_freep) struct ini *ini = NULL;
    _cleanup_strv_ struct strv runs = STRV_INIT;
    _cleanup_free_ char *app = NULL;
    const char *unit = NULL, *model = NULL;
    int r;

    if ((r = load_settings(&ini, err)) < 0 ||
        (r = ini_require(ini, "worker", "unit", &unit, err)) < 0)
        return r;
    model = ini_get(ini, "worker", "model");
    app = strndup(unit, strcspn(unit, "/"));
    if (!app)
        return error_oom(err);
    if ((r = lxd_call(c->lxd, "GET", "/1.0/instances?recursion=1", NULL, &instances, err)) < 0 ||
        (r = lxd_call(c->lxd, "GET", "/1.0/images?recursion=1", NULL, &images, err)) < 0 ||
        (r = read_runs(ini, &runs, err)) < 0)
        return r;
    c->stale = (struct remote_stale){.unit = unit,
                                     .app = app,
                                     .model = model ? model : "",
                                     .runs = &runs,
                                     .now = (int64_t)(clock_realtime_us() / USEC_PER_SEC),
                                     .older_s = c->call->older_h * 3600};
    if ((r = clean_instances(c, instances, err)) < 0)
        return r;
    return clean_images(c, images, err);
}

// {"instances": […], "images": […]}, and "why" not all of it.
static json_t *clean_one(const struct remote_call *call, const char *address)
{
    _cleanup_(lxd_freep) struct lxd *lxd = NULL;
    struct cleaning c = {.call = call, .instances = json_array(), .images = json_array()};
    _cleanup_error_ struct error why = ERROR_INIT;
    json_t *answer = json_pack("{s:o, s:o}", "instances", c.instances, "images", c.images);
    const json_t *server = NULL;
    int r = answer ? remote_open(address, &lxd, &server, &why) : -ENOMEM;

    c.lxd = lxd;
    if (r == 0)
        r = clean(&c, &why);
    if (r < 0 && answer && json_put_string(answer, "why", error_message(&why)) < 0) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

static void print_list(const char *address, const char *what, const json_t *list, bool dry_run)
{
    const json_t *name;
    size_t i;

    json_array_foreach (list, i, name)
        (void)printf("%s: %s %s%s\n", address, what, json_string_value(name),
                     dry_run ? " is stale" : " removed");
}

int remote_clean(const struct remote_call *call, struct error *err)
{
    _cleanup_json_ json_t *all = json_object();

    STRV_FOREACH (address, &call->addresses) {
        json_t *one = clean_one(call, address);

        if (json_put(all, address, one) < 0)
            return error_oom(err);
        if (call->json)
            continue;
        print_list(address, "instance", json_object_get(one, "instances"), call->dry_run);
        print_list(address, "image", json_object_get(one, "images"), call->dry_run);
        if (json_object_get(one, "why"))
            (void)printf("%s: %s\n", address, json_text(one, "why"));
    }
    if (call->json && cli_print_json(all) != EX_OK)
        return error_set(err, -EIO, "cannot print");
    return 0;
}
