// SPDX-License-Identifier: GPL-3.0-only
#include "charm/plan_files.h"

#include "base/file.h"
#include "charm/accounts.h"
#include "charm/apt_sources.h"
#include "charm/cluster.h"
#include "charm/images.h"
#include "charm/instances.h"
#include "charm/lists.h"
#include "charm/nova_args.h"
#include "charm/remotes.h"
#include "charm/result_store.h"
#include "charm/running_workers.h"
#include "charm/store_reader.h"
#include "data/json.h"
#include "data/remote.h"
#include "data/template.h"

// Beside the units; a name that systemd takes for none. Links to it have its whole path: systemd
// 252 looks for a relative one from its own folder.
#define ROOT_FOLDER "autopkgtest-worker-root.d"

#define ALL_SERVICES (READ_BY_WORKERS | READ_BY_WEB | READ_BY_INDEXER)

// Everything the helpers below need.
struct making {
    const struct plan_input *input;
    struct plan *plan;
    struct template_set *templates;
    struct error *err;
};

// An empty file at the end of the plan, owned by root; NULL for lack of memory. The strings `user`
// and `group` of a file are literals.
static struct plan_file *file_add(struct plan *plan, const char *path, mode_t mode,
                                  unsigned readers)
{
    struct plan_file *grown = reallocarray(plan->files, plan->files_len + 1, sizeof(*plan->files));
    struct plan_file *file;
    char *copy = strdup(path);

    if (grown)
        plan->files = grown;
    if (!grown || !copy) {
        free(copy);
        return NULL;
    }
    file = &grown[plan->files_len++];
    *file = (struct plan_file){.path = copy,
                               .content = BUF_INIT(BUF_OWN_MAX),
                               .mode = mode,
                               .user = "root",
                               .group = "root",
                               .readers = readers};
    return file;
}

// Renders a template into a new file; `data` is taken over. With `wanted` false the file should not
// be there.
static int render(struct making *m, bool wanted, const char *name, const char *path, mode_t mode,
                  unsigned readers, json_t *data)
{
    const struct template_options options = {.partials = m->templates, .strict = true};
    _cleanup_json_ json_t *owned = data;
    const struct template *t = template_set_find(m->templates, name);
    struct plan_file *file = file_add(m->plan, path, mode, readers);

    if (!file)
        return error_oom(m->err);
    if (mode == 0640)
        file->group = ACCOUNT;
    file->absent = !wanted;
    if (!wanted)
        return 0;
    if (!owned)
        return error_oom(m->err);
    if (!t)
        return error_set(m->err, -ENOENT, "the charm has no template %s", name);
    return template_render(t, owned, &options, &file->content, m->err);
}

// Mustache takes any string for true; an option that is not set must be false.
static json_t *text_or_false(const char *text)
{
    return str_empty(text) ? json_false() : json_string(text);
}

static const char *backend_of(const struct cloud_workers *place)
{
    return place->kind == CLOUD_LXD ? "lxd" : "ssh";
}

// Everything that add_instance() needs.
struct listing {
    const struct plan_input *in;
    json_t *list;
    struct nova_args nova; // of the place whose workers come now
};

// The caller frees.
static char *worker_args(struct listing *listing, const struct instance *instance, const char *name)
{
    const struct cloud_workers *place = instance->place;
    struct nova_args *nova = &listing->nova;

    if (!str_empty(listing->in->settings->worker_args))
        return strdup(listing->in->settings->worker_args);
    if (!place || place->kind != CLOUD_OPENSTACK)
        return strdup(image_arguments(place ? BACKEND_COUNT : instance->backend));
    if (nova->place != place) {
        nova_args_release(nova);
        *nova = nova_args_of(listing->in->model, listing->in->settings, place);
    }
    return nova->before && nova->behind
               ? str_format("%s --worker=%s %s", nova->before, name, nova->behind)
               : NULL;
}

static int add_instance(const struct instance *instance, void *userdata)
{
    struct listing *listing = userdata;
    const struct cloud_workers *place = instance->place;
    _cleanup_free_ char *name = instance_name(instance), *args = NULL, *image = NULL;
    json_t *item;

    if (!name)
        return -ENOMEM;
    args = worker_args(listing, instance, name);
    if (!args)
        return -ENOMEM;
    // With arguments of their own, testbeds are the operator's.
    if (str_empty(listing->in->settings->worker_args))
        image = image_of_test(place ? BACKEND_COUNT : instance->backend);
    item = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", name, "cloud", instance->cloud,
                     "arch", instance->arch, "backend",
                     place ? backend_of(place) : backend_name(instance->backend), "args",
                     text_or_false(args), "image", text_or_false(image));
    return json_array_append_new(listing->list, item);
}

static json_t *instances_data(const struct plan_input *in)
{
    struct listing listing = {.in = in, .list = json_array()};
    int r = listing.list ? instances_each(in->settings, add_instance, &listing) : -ENOMEM;

    nova_args_release(&listing.nova);
    if (r >= 0)
        return listing.list;
    json_decref(listing.list);
    return NULL;
}

static json_t *worker_data(const struct plan_input *in)
{
    const struct settings *s = in->settings;
    _cleanup_free_ char *work = path_join(model_scratch_dir(in->model), "work");
    _cleanup_free_ char *spool = path_join(model_scratch_dir(in->model), "spool");
    _cleanup_free_ char *releases = strv_join(&s->releases, " ");
    json_t *instances = work && spool && releases ? instances_data(in) : NULL;

    if (!instances)
        return NULL;
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "unit",
                     in->model->unit, "model", text_or_false(in->model->uuid), "releases", releases,
                     "autopkgtest", in->autopkgtest, "work-dir", work, "spool-dir", spool,
                     "lists-dir", LISTS_DIR, "retry-delay", (json_int_t)s->retry_delay_s,
                     "upstream-percentage", (json_int_t)s->upstream_percentage, "setup-command",
                     text_or_false(s->setup_command), "setup-command2",
                     text_or_false(s->setup_command2), "mirror", text_or_false(s->mirror),
                     "instances", instances);
}

static char *architectures(const struct plan_input *in)
{
    _cleanup_strv_ struct strv names = STRV_INIT;

    for (size_t i = 0; i < in->settings->local_len; i++)
        if (strv_add(&names, in->settings->local[i].arch) < 0)
            return NULL;
    for (size_t i = 0; i < in->settings->clouds_len; i++)
        if (!strv_contains(&names, in->settings->clouds[i].arch) &&
            strv_add(&names, in->settings->clouds[i].arch) < 0)
            return NULL;
    strv_sort(&names);
    if (names.len == 0 && strv_add(&names, in->arch) < 0)
        return NULL;
    return strv_join(&names, " ");
}

// Where pages read results that are not in this unit's store. The caller frees.
static char *storage_url(const struct plan_input *in)
{
    const struct settings *s = in->settings;

    if (!str_empty(s->storage_url))
        return strndup(s->storage_url, strlen(s->storage_url) - str_ends_with(s->storage_url, "/"));
    return in->store->place == RESULT_STORE_ELSEWHERE
               ? str_format("%s/swift/v1", in->store->url)
               : str_format("http://127.0.0.1:%u/swift/v1", (unsigned)s->http_port);
}

// With a port, if there is one; the caller frees.
static char *host_of(const char *url)
{
    const char *host = strstr(url, "//") + 2;

    return strndup(host, strcspn(host, "/"));
}

// Whom the web service believes when it tells of others; the caller frees.
static char *trusted_proxies(const struct plan_input *in)
{
    _cleanup_strv_ struct strv all = STRV_INIT;

    return strv_add_list(&all, &in->settings->trusted_proxies) < 0 ||
                   strv_add_list(&all, &in->model->proxies) < 0
               ? NULL
               : strv_join(&all, " ");
}

static json_t *web_data(const struct plan_input *in)
{
    const struct settings *s = in->settings;
    const char *url = in->model->public_url;
    _cleanup_free_ char *releases = strv_join(&s->releases, " ");
    _cleanup_free_ char *archs = architectures(in);
    _cleanup_free_ char *teams = strv_join(&s->allowed_requestors, " ");
    _cleanup_free_ char *store_url = storage_url(in);
    _cleanup_free_ char *host = url ? host_of(url) : strdup(s->hostname);
    _cleanup_free_ char *proxies = trusted_proxies(in);

    if (!releases || !archs || !teams || !store_url || !host || !proxies)
        return NULL;
    return json_pack(
        "{s:s, s:s, s:o, s:I, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:s, "
        "s:s, s:o, s:b, s:b, s:o, s:o}",
        "unit", in->model->unit, "hostname", host, "public-url", text_or_false(url), "port",
        (json_int_t)s->http_port, "page-rate-limit", (json_int_t)s->page_rate_limit,
        "request-rate-limit", (json_int_t)s->request_rate_limit, "releases", releases,
        "architectures", archs, "authorization", s->authorization, "login-url",
        text_or_false(s->login_url), "allowed-requestors", text_or_false(teams),
        "launchpad-api-url", text_or_false(s->launchpad_api_url), "github-secrets",
        in->github_secrets != NULL, "github-credentials", in->github_credentials != NULL,
        "api-keys", in->api_keys != NULL, "session-key", in->session_key != NULL, "data-dir",
        model_data_dir(in->model), "store-url", store_url, "store-peer",
        text_or_false(in->store->url), "built-in-store", in->store->place == RESULT_STORE_HERE,
        "store-reader", store_reader_of(s) != NULL, "archive-url", text_or_false(s->archive_url),
        "trusted-proxies", text_or_false(proxies));
}

static json_t *broker_data(const struct broker *broker)
{
    _cleanup_free_ char *hosts = strv_join(&broker->hosts, " ");

    if (!hosts || broker->hosts.len == 0)
        return NULL;
    return json_pack("{s:s, s:s, s:I, s:s, s:i, s:b}", "host", broker->hosts.items[0], "hosts",
                     hosts, "port", (json_int_t)broker->port, "password", broker->password, "tls",
                     broker->tls ? 1 : 0, "ca", broker->ca.len > 0);
}

static json_t *store_data(const struct plan_input *in)
{
    return json_pack("{s:s}", "password", in->store_password);
}

static json_t *swift_account(const char *auth_url, const char *username, const char *password,
                             const struct swift_options *keystone)
{
    static const struct swift_options none;
    const struct swift_options *k = keystone ? keystone : &none;

    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "auth-url", auth_url, "username",
                     username, "password", password, "project-name", text_or_false(k->project_name),
                     "project-domain-name", text_or_false(k->project_domain_name),
                     "user-domain-name", text_or_false(k->user_domain_name), "region",
                     text_or_false(k->region));
}

// How results get into the store: a Swift, or the built-in one of this unit or of another.
static json_t *swift_data(const struct plan_input *in)
{
    const struct swift_options *swift = &in->settings->swift;
    _cleanup_free_ char *own_url =
        in->store->place == RESULT_STORE_ELSEWHERE
            ? str_format("%s/auth/v1.0", in->store->url)
            : str_format("http://127.0.0.1:%u/auth/v1.0", (unsigned)in->settings->http_port);

    if (!own_url)
        return NULL;
    return settings_use_swift(in->settings)
               ? swift_account(swift->auth_url, swift->username, swift->password, swift)
               : swift_account(own_url, ACCOUNT, in->store_password, NULL);
}

// How the web gets at those that are not public.
static json_t *reader_data(const struct plan_input *in)
{
    const struct swift_options *reader = store_reader_of(in->settings);

    return reader ? swift_account(reader->auth_url, reader->username, reader->password, reader)
                  : NULL;
}

// The hosts as `lxc` knows them.
static json_t *lxd_data(const json_t *remotes)
{
    json_t *list = json_array();
    const char *cloud;
    json_t *address;
    int r = list ? 0 : -ENOMEM;

    json_object_foreach ((json_t *)(uintptr_t)remotes, cloud, address) {
        _cleanup_free_ char *url = remote_url(json_string_value(address));

        if (r == 0)
            r = json_array_append_new(list, json_pack("{s:s, s:s}", "name", cloud, "url", url));
    }
    if (r == 0)
        return json_pack("{s:o}", "remotes", list);
    json_decref(list);
    return NULL;
}

// The other unit that keeps the results is reached without a proxy.
static json_t *proxy_data(const struct plan_input *in)
{
    const struct model *model = in->model;
    const char *host = in->store->url ? strstr(in->store->url, "://") + 3 : "";
    _cleanup_free_ char *no_proxy =
        str_format("%s%s%.*s", model->no_proxy, *model->no_proxy && *host ? "," : "",
                   (int)(*host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/")), host);

    if (!no_proxy)
        return NULL;
    return json_pack("{s:o, s:o, s:o}", "http-proxy", text_or_false(model->http_proxy),
                     "https-proxy", text_or_false(model->https_proxy), "no-proxy",
                     text_or_false(no_proxy));
}

// The broker's address for people: in the home of user ubuntu, where there is one.
static int add_people_copy(struct making *m, bool wanted)
{
    static const char name[] = "ubuntu";
    _cleanup_free_ char *home = NULL, *path = NULL;
    size_t at = m->plan->files_len - 1; // of the original; adding a file may move all
    const struct buf *original;
    struct plan_file *file;
    uid_t uid;
    gid_t gid;

    if (account_user(m->input->root, name, &uid, &home, NULL) < 0 ||
        account_group(m->input->root, name, &gid, NULL) < 0 || !home || home[0] != '/')
        return 0;
    path = path_join(home, "rabbitmq.cred");
    file = path ? file_add(m->plan, path, 0600, 0) : NULL;
    if (!file)
        return error_oom(m->err);
    file->user = file->group = name;
    file->absent = !wanted;
    original = &m->plan->files[at].content;
    if (wanted && buf_add(&file->content, buf_str(original), original->len) < 0)
        return error_oom(m->err);
    return 0;
}

static int add_broker(struct making *m)
{
    const struct broker *broker = &m->input->model->broker;
    bool ready = broker->state == BROKER_READY;
    struct plan_file *ca;
    int r;

    ca = file_add(m->plan, ETC_DIR "/rabbitmq-ca.pem", 0640, ALL_SERVICES);
    if (!ca)
        return error_oom(m->err);
    ca->group = ACCOUNT;
    ca->absent = !ready || broker->ca.len == 0;
    if (!ca->absent && buf_add(&ca->content, buf_str(&broker->ca), broker->ca.len) < 0)
        return error_oom(m->err);
    r = render(m, ready, "rabbitmq.cred", ETC_DIR "/rabbitmq.cred", 0640, ALL_SERVICES,
               ready ? broker_data(broker) : NULL);
    return r < 0 ? r : add_people_copy(m, ready);
}

// A secret's content as a file of the web service's; NULL: none.
static int add_secret(struct making *m, const char *path, unsigned readers, const json_t *content)
{
    struct plan_file *file = file_add(m->plan, path, 0640, readers);

    if (!file)
        return error_oom(m->err);
    file->group = ACCOUNT;
    file->absent = !content || !m->input->settings->web;
    if (!file->absent &&
        (json_write(content, &file->content) < 0 || buf_add_char(&file->content, '\n') < 0))
        return error_oom(m->err);
    return 0;
}

static int add_secrets(struct making *m)
{
    const struct plan_input *in = m->input;
    int r = add_secret(m, ETC_DIR "/api-keys.json", READ_BY_WEB, in->api_keys);

    if (r == 0)
        r = add_secret(m, SESSION_KEY_FILE, READ_BY_WEB, in->session_key);
    if (r == 0)
        r = add_secret(m, ETC_DIR "/github-secrets.json", READ_BY_WEB, in->github_secrets);
    if (r == 0)
        r = add_secret(m, ETC_DIR "/github-credentials.json", READ_BY_WEB | READ_BY_INDEXER,
                       in->github_credentials);
    return r;
}

// The clouds' files that are there and are not wanted any more.
static int add_old_novarcs(struct making *m)
{
    _cleanup_free_ char *dir = str_format("%s" NOVARCS_DIR, m->input->root);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir ? dir_list(dir, &names, m->err) : error_oom(m->err);

    if (r == -ENOENT) {
        error_clear(m->err);
        return 0;
    }
    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *path = str_format(NOVARCS_DIR "/%s", name);
        struct plan_file *file;

        if (r < 0 || (m->input->settings->worker && novarcs_find(m->input->novarcs, name)))
            continue;
        file = path ? file_add(m->plan, path, 0640, 0) : NULL;
        if (!file)
            return error_oom(m->err);
        file->absent = true;
    }
    return r;
}

// Read anew for every test: nobody has to be told.
static int add_novarcs(struct making *m)
{
    const struct novarcs *novarcs = m->input->novarcs;

    for (size_t i = 0; m->input->settings->worker && i < novarcs->len; i++) {
        const struct novarc *item = &novarcs->items[i];
        _cleanup_free_ char *path = str_format(NOVARCS_DIR "/%s", item->name);
        struct plan_file *file = path ? file_add(m->plan, path, 0640, 0) : NULL;

        if (!file)
            return error_oom(m->err);
        file->group = ACCOUNT;
        if (buf_add(&file->content, item->text, item->len) < 0)
            return error_oom(m->err);
    }
    return add_old_novarcs(m);
}

// Workers that finish their last tests, because the unit is being removed or the relation with the
// store has gone, keep what they store the results with.
static int add_store_account(struct making *m)
{
    bool known = m->input->store->place != RESULT_STORE_UNKNOWN;
    _cleanup_strv_ struct strv running = STRV_INIT;
    int r = known ? 0 : running_workers_list(m->input->root, &running, m->err);

    if (r < 0 || running.len > 0)
        return r;
    return render(m, known, "swift.cred", ETC_DIR "/swift.cred", 0640, READ_BY_WORKERS,
                  swift_data(m->input));
}

// Proxies come and go with each of their units, and readers are to keep their connections.
static int add_web_settings(struct making *m)
{
    static const char *const reloaded[] = {"trusted-proxies", "page-rate-limit",
                                           "request-rate-limit", NULL};
    size_t at = m->plan->files_len;
    int r = render(m, m->input->settings->web, "web.conf", ETC_DIR "/web.conf", 0640,
                   READ_BY_WEB | READ_BY_INDEXER, web_data(m->input));

    if (r == 0)
        m->plan->files[at].reloaded = reloaded;
    return r;
}

static int add_settings_files(struct making *m)
{
    const struct plan_input *in = m->input;
    const struct settings *s = in->settings;
    int r;

    if ((r = render(m, s->worker, "worker.conf", ETC_DIR "/worker.conf", 0640, READ_BY_WORKERS,
                    worker_data(in))) < 0 ||
        (r = add_web_settings(m)) < 0 ||
        (r = render(m, s->web, "store.cred", ETC_DIR "/store.cred", 0640, READ_BY_WEB,
                    store_data(in))) < 0 ||
        (r = add_store_account(m)) < 0 ||
        (r = render(m, s->web && settings_use_swift(s), "swift.cred", STORE_READER_FILE, 0640,
                    READ_BY_WEB, reader_data(in))) < 0 ||
        (r = render(m, json_object_size(in->remotes) > 0, "lxd.yml", REMOTES_DIR "/config.yml",
                    0640, 0, lxd_data(in->remotes))) < 0 ||
        (r = render(m, true, "proxy.env", ETC_DIR "/proxy.env", 0640,
                    RESTARTS_WORKERS | READ_BY_WEB | READ_BY_INDEXER, proxy_data(in))) < 0)
        return r;
    if ((r = add_broker(m)) < 0 || (r = add_secrets(m)) < 0)
        return r;
    return add_novarcs(m);
}

// What schroot is told of the images, each a chroot that is unpacked anew for each session.
static int add_schroots(struct making *m)
{
    json_t *images = m->plan->schroot ? json_array() : NULL;

    for (size_t i = 0; m->plan->schroot && i < m->plan->images.len; i++) {
        const char *name = m->plan->images.items[i];

        if (image_is_root(name) &&
            json_array_append_new(images, json_pack("{s:s}", "name", name)) < 0) {
            json_decref(images);
            return error_oom(m->err);
        }
    }
    return render(m, m->plan->schroot, "schroot", "/etc/schroot/chroot.d/autopkgtest-cloud", 0644,
                  0,
                  m->plan->schroot ? json_pack("{s:s, s:s, s:o}", "folder", IMAGES_DIR, "suffix",
                                               IMAGE_SCHROOT_SUFFIX, "images", images)
                                   : NULL);
}

static json_t *unit_data(const struct plan_input *in, const char *dir)
{
    return json_pack("{s:s, s:b, s:o}", "write-paths", dir, "low-port",
                     in->settings->http_port < 1024, "mirror", text_or_false(in->settings->mirror));
}

// ---- what systemd is told of workers that have to be root: the same of all, so each has a link to
// one folder, and one read of the folder of units tells which are missing

struct root_dropins {
    struct making *m;
    struct strv links, folders; // that are in the folder of units
    struct strv workers;        // that have to be root
};

static void root_dropins_release(struct root_dropins *d)
{
    strv_release(&d->links);
    strv_release(&d->folders);
    strv_release(&d->workers);
}

// The place of an instance's link; a unit from before there were links has a folder with the file.
struct root_place {
    char *unit;
    char *link, *old; // path of the link, of the file in a folder
};

static void root_place_release(struct root_place *place)
{
    free(place->unit);
    free(place->link);
    free(place->old);
}

static int root_place_of(const struct instance *instance, struct root_place *ret)
{
    _cleanup_free_ char *name = instance_name(instance);

    if (!name || !(ret->unit = str_format(WORKER_PREFIX "%s.service", name)) ||
        !(ret->link = str_format(UNIT_DIR "/%s.d", ret->unit)) ||
        !(ret->old = str_format("%s/null.conf", ret->link)))
        return -ENOMEM;
    return 0;
}

// The link of an instance that needs it, or that another one has none.
static int add_root_link(const struct instance *instance, void *userdata)
{
    struct root_dropins *d = userdata;
    _cleanup_(root_place_release) struct root_place place = {0};
    bool wanted =
        !instance->place && backend_needs_root(instance->backend) && d->m->input->settings->worker;
    bool linked, is_folder;
    struct plan_file *file;

    if (root_place_of(instance, &place) < 0 || (wanted && strv_add(&d->workers, place.unit) < 0))
        return error_oom(d->m->err);
    linked = strv_contains_sorted(&d->links, strrchr(place.link, '/') + 1);
    is_folder = strv_contains_sorted(&d->folders, strrchr(place.link, '/') + 1);
    if (wanted ? linked : !linked && !is_folder)
        return 0;
    file = file_add(d->m->plan, wanted || linked ? place.link : place.old, 0644, READ_BY_SYSTEMD);
    if (!file || strv_add(&file->restart, place.unit) < 0)
        return error_oom(d->m->err);
    file->absent = !wanted;
    file->link = wanted ? UNIT_DIR "/" ROOT_FOLDER : NULL;
    return 0;
}

// What links lead to stays when nobody wants it: a worker that finishes its last test still has it.
static int add_root_dropins(struct making *m)
{
    _cleanup_(root_dropins_release) struct root_dropins d = {.m = m};
    _cleanup_free_ char *dir = str_format("%s" UNIT_DIR, m->input->root);
    int r = dir ? dir_list_links(dir, &d.links, &d.folders, m->err) : error_oom(m->err);

    if (r == -ENOENT) {
        error_clear(m->err);
        r = 0;
    }
    if (r >= 0)
        r = instances_each(m->input->settings, add_root_link, &d);
    if (r < 0 || d.workers.len == 0)
        return r;
    r = render(m, true, "root.conf", UNIT_DIR "/" ROOT_FOLDER "/root.conf", 0644, READ_BY_SYSTEMD,
               json_object());
    if (r >= 0)
        m->plan->files[m->plan->files_len - 1].restart = strv_move(&d.workers);
    return r;
}

// Once made they stay, so that systemd knows how to stop what is no longer wanted.
static int add_unit(struct making *m, const char *name, json_t *data)
{
    _cleanup_free_ char *path = str_format(UNIT_DIR "/%s", name);

    if (path)
        return render(m, true, name, path, 0644, READ_BY_SYSTEMD, data);
    json_decref(data);
    return error_oom(m->err);
}

static int add_image_units(struct making *m)
{
    int r;

    if (!images_are_made(m->input->settings))
        return 0;
    r = add_unit(m, IMAGE_PREFIX ".service", unit_data(m->input, IMAGES_DIR));
    return r < 0 ? r : add_unit(m, IMAGE_PREFIX ".timer", json_object());
}

static json_t *influx_data(const struct influx_options *influx)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "url", influx->url, "database", influx->database,
                     "context", text_or_false(influx->context), "username",
                     text_or_false(influx->username), "password",
                     influx->password ? influx->password : "");
}

static int add_influx(struct making *m)
{
    bool wanted = m->plan->influx;
    int r = render(m, wanted, "influxdb.cred", ETC_DIR "/influxdb.cred", 0640, 0,
                   wanted ? influx_data(&m->input->settings->influx) : NULL);

    if (r < 0 || !wanted)
        return r;
    r = add_unit(m, INFLUX_TIMER, json_object());
    return r < 0 ? r : add_unit(m, "autopkgtest-influxdb.service", json_object());
}

static int add_metrics_units(struct making *m)
{
    int r = add_influx(m);

    if (r < 0 || !m->plan->metrics)
        return r;
    r = add_unit(m, METRICS_SOCKET, json_object());
    return r < 0 ? r : add_unit(m, "autopkgtest-metrics@.service", json_object());
}

static int add_lists_units(struct making *m)
{
    const struct settings *s = m->input->settings;
    int r;

    if (!m->plan->lists)
        return 0;
    r = add_unit(m, LISTS_SERVICE,
                 json_pack("{s:s, s:s, s:s}", "source", s->lists_url, "branch",
                           s->lists_branch ? s->lists_branch : "", "lists", LISTS_DIR));
    return r < 0 ? r : add_unit(m, LISTS_TIMER, json_object());
}

static int add_units(struct making *m)
{
    const struct plan_input *in = m->input;
    const struct settings *s = in->settings;
    int r;

    // Units of a role that is gone stay: a worker that finishes its last test still needs them.
    if (s->worker &&
        ((r = render(m, true, "autopkgtest-worker.target", UNIT_DIR "/" WORKER_TARGET, 0644,
                     READ_BY_SYSTEMD, json_object())) < 0 ||
         (r = render(m, true, "autopkgtest-worker@.service", UNIT_DIR "/" WORKER_PREFIX ".service",
                     0644, READ_BY_SYSTEMD | RESTARTS_WORKERS,
                     unit_data(in, model_scratch_dir(in->model)))) < 0))
        return r;
    if (s->web && ((r = render(m, true, "autopkgtest-web.service", UNIT_DIR "/" WEB_SERVICE, 0644,
                               READ_BY_SYSTEMD | READ_BY_WEB,
                               unit_data(in, model_data_dir(in->model)))) < 0 ||
                   (r = render(m, true, "autopkgtest-indexer.service", UNIT_DIR "/" INDEXER_SERVICE,
                               0644, READ_BY_SYSTEMD | READ_BY_INDEXER,
                               unit_data(in, model_data_dir(in->model)))) < 0))
        return r;
    if ((r = add_image_units(m)) < 0 || (r = add_metrics_units(m)) < 0 ||
        (r = add_lists_units(m)) < 0)
        return r;
    return add_root_dropins(m);
}

static int add_apt_sources(struct making *m)
{
    bool wanted =
        m->input->settings->worker && settings_count(m->input->settings, BACKEND_NULL) > 0;
    _cleanup_buf_ struct buf list = BUF_INIT(BUF_OWN_MAX), deb822 = BUF_INIT(BUF_OWN_MAX);
    static const char *const paths[] = {APT_SOURCES_LIST, APT_SOURCES_DEB822};
    struct buf *const texts[] = {&list, &deb822};
    int r;

    r = wanted ? apt_sources_make(m->input->root, &list, &deb822, m->err) : 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct plan_file *file = file_add(m->plan, paths[i], 0644, READ_BY_APT);

        if (!file)
            return error_oom(m->err);
        file->absent = texts[i]->len == 0;
        if (buf_addf(&file->content,
                     "# Sources of what this machine takes binary packages of, for "
                     "tests on the machine itself.\n%s",
                     buf_str(texts[i])) < 0)
            return error_oom(m->err);
    }
    return 0;
}

int plan_files(const struct plan_input *input, struct plan *plan, struct error *err)
{
    static const char *const folders[] = {"conf", "systemd"};
    _cleanup_(template_set_freep) struct template_set *templates = template_set_new();
    struct making m = {.input = input, .plan = plan, .templates = templates, .err = err};
    int r;

    if (!templates)
        return error_oom(err);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        _cleanup_free_ char *dir =
            str_format("%s/templates/%s", input->model->charm_dir, folders[i]);

        if (!dir)
            return error_oom(err);
        r = template_set_load(templates, dir, err);
        if (r < 0)
            return r;
    }
    if ((r = add_settings_files(&m)) < 0 || (r = add_schroots(&m)) < 0 || (r = add_units(&m)) < 0)
        return r;
    return add_apt_sources(&m);
}
