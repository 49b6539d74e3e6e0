// SPDX-License-Identifier: GPL-3.0-only
//
// An instance, as `open` sees it:
//
//     (none) ──POST /servers──▶ BUILD ──▶ ACTIVE ──ssh answers──▶ ready
//        ▲                        │          │
//        │   pause              ERROR    no answer in time
//        └────────◀── removed ◀───┴──────────┘
//
// A POST that fails may have made one all the same, so that every way back goes by way of removing
// what carries the run's tags.
#include "data/base64.h"
#include "data/json.h"
#include "nova-setup/setup.h"

#include <sys/random.h>

#define POLL_FIRST_US (USEC_PER_SEC / 4)
#define POLL_US (3 * USEC_PER_SEC)
#define BUILD_WAIT_US (900 * USEC_PER_SEC)
#define ANSWER_WAIT_US (600 * USEC_PER_SEC)
#define REBOOT_WAIT_US (900 * USEC_PER_SEC)
#define REMOVE_WAIT_US (120 * USEC_PER_SEC)
#define PAUSE_MAX_US (120 * USEC_PER_SEC)
#define CONSOLE_LINES 100
#define CONSOLE_MAX ((size_t)16 * 1024)

// ---------------------------------------------------------------- what Nova says

static int copy(const char *text, char **ret)
{
    if (str_empty(text))
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

// How good an address is for reaching the instance; 0: it is none.
static unsigned rank(const json_t *entry)
{
    const char *address = json_text(entry, "addr");

    if (!*address || address[strspn(address, "0123456789abcdefABCDEF.:")] != '\0')
        return 0;
    return 1U + (json_integer_value(json_object_get(entry, "version")) == 4 ? 1 : 0) +
           (str_equal(json_text(entry, "OS-EXT-IPS:type"), "floating") ? 2 : 0);
}

static const char *best_address(const json_t *server)
{
    const char *network, *best = NULL;
    const json_t *list, *entry;
    unsigned of_best = 0;
    size_t i;

    json_object_foreach (json_object_get(server, "addresses"), network, list) {
        json_array_foreach (list, i, entry) {
            if (rank(entry) <= of_best)
                continue;
            of_best = rank(entry);
            best = json_text(entry, "addr");
        }
    }
    return best;
}

static bool is_id(const char *text)
{
    return *text && strlen(text) <= 64 &&
           text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")] ==
               '\0';
}

int instance_parse(const json_t *server, struct instance *ret, struct error *err)
{
    _cleanup_(instance_release) struct instance i = {0};

    if (!is_id(json_text(server, "id")))
        return error_set(err, -EIO, "Nova describes a server without an id");
    if (copy(json_text(server, "id"), &i.id) < 0 || copy(json_text(server, "name"), &i.name) < 0 ||
        copy(json_text(server, "status"), &i.status) < 0 ||
        copy(best_address(server), &i.address) < 0 ||
        copy(json_text(json_object_get(server, "fault"), "message"), &i.fault) < 0 ||
        copy(json_text(json_object_get(server, "metadata"), TAG_BOOT), &i.boot) < 0)
        return error_oom(err);
    *ret = i;
    i = (struct instance){0};
    return 0;
}

void instance_release(struct instance *i)
{
    free(i->id);
    free(i->name);
    free(i->status);
    free(i->address);
    free(i->fault);
    free(i->boot);
    *i = (struct instance){0};
}

bool instance_is_ours(const struct setup *s, const json_t *server)
{
    const json_t *tags = json_object_get(server, "metadata");

    if (!str_equal(json_text(tags, TAG_MODEL), s->model) ||
        !str_equal(json_text(tags, TAG_UNIT), s->unit) ||
        !str_equal(json_text(tags, TAG_WORKER), s->worker))
        return false;
    if (s->keep && str_equal(json_text(tags, TAG_RUN), s->keep))
        return false;
    return !s->run || str_equal(json_text(tags, TAG_RUN), s->run);
}

static int get(struct setup *s, const char *id, struct instance *ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("/servers/%s", id);
    const struct openstack_call call = {.service = OPENSTACK_COMPUTE, .path = path};
    _cleanup_json_ json_t *answer = NULL;
    int r = path ? openstack_call(s->cloud, &call, &answer, err) : error_oom(err);

    return r < 0 ? r : instance_parse(json_object_get(answer, "server"), ret, err);
}

// ---------------------------------------------------------------- removal

struct listing {
    const struct setup *s;
    struct strv ids;
};

static int note_ours(const json_t *server, void *userdata)
{
    struct listing *listing = userdata;
    const char *status = json_text(server, "status"), *id = json_text(server, "id");

    if (!instance_is_ours(listing->s, server) || !is_id(id) || str_equal(status, "DELETED") ||
        str_equal(status, "SOFT_DELETED"))
        return 0;
    return strv_add(&listing->ids, id);
}

static int list_ours(struct setup *s, struct strv *ret, struct error *err)
{
    struct listing listing = {.s = s};
    // Nova takes the name as a regular expression; ours has nothing special in it.
    _cleanup_free_ char *path = s->run ? str_format("/servers/detail?limit=200&name=%s", s->run)
                                       : strdup("/servers/detail?limit=200");
    int r = path ? openstack_list(s->cloud, OPENSTACK_COMPUTE, path, "servers", note_ours, &listing,
                                  err)
                 : error_oom(err);

    *ret = listing.ids;
    return r;
}

static int remove_one(struct setup *s, const char *id, struct error *err)
{
    _cleanup_free_ char *path = str_format("/servers/%s", id);
    const struct openstack_call call = {
        .service = OPENSTACK_COMPUTE, .method = "DELETE", .path = path};
    int r = path ? openstack_call(s->cloud, &call, NULL, err) : error_oom(err);

    return r == -ENOENT ? 0 : r;
}

// One round: tells Nova to end what is there. Gives how many that are.
static int remove_round(struct setup *s, struct error *err)
{
    _cleanup_strv_ struct strv ids = STRV_INIT;
    int r = list_ours(s, &ids, err);

    STRV_FOREACH (id, &ids)
        if (r >= 0)
            r = remove_one(s, id, err);
    return r < 0 ? r : (int)ids.len;
}

static bool is_passing(int r)
{
    return r == -EAGAIN || r == -EBUSY;
}

// Not setup_pause(): who was told to end still cleans up.
static void sleep_us(uint64_t us)
{
    struct timespec time = {.tv_sec = (time_t)(us / USEC_PER_SEC),
                            .tv_nsec = (long)(us % USEC_PER_SEC * 1000)};

    (void)nanosleep(&time, NULL);
}

int instance_remove_all(struct setup *s, uint64_t wait_us, unsigned *ret_removed, struct error *err)
{
    uint64_t end = clock_monotonic_us() + wait_us, pause = USEC_PER_SEC / 4;
    unsigned most = 0;

    for (;;) {
        int r;

        error_clear(err);
        r = remove_round(s, err);
        if (r > 0 && (unsigned)r > most)
            most = (unsigned)r;
        if (ret_removed)
            *ret_removed = most;
        if (r == 0 || (r < 0 && !is_passing(r)))
            return r;
        if (clock_monotonic_us() + pause >= end)
            return r < 0 ? -EAGAIN
                         : error_set(err, -EAGAIN, "%d instance%s not gone yet", r,
                                     r == 1 ? " is" : "s are");
        sleep_us(pause);
        pause = pause * 2 < 5 * USEC_PER_SEC ? pause * 2 : 5 * USEC_PER_SEC;
    }
}

// ---------------------------------------------------------------- making one

// apt 2.6 may wait forever for a download that it means to try again a moment later; with
// cloud-init the tests' apt does so at once
// (https://cloudinit.readthedocs.io/en/latest/reference/modules.html#apt-configure).
static int write_user_data(const struct setup *s, char **ret, struct error *err)
{
    _cleanup_json_ json_t *config =
        json_pack("{s:b, s:[s], s:{s:s}}", "manage_etc_hosts", 1, "ssh_authorized_keys",
                  s->public_key, "apt", "conf", "Acquire::Retries::Delay \"false\";\n");
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX), encoded = BUF_INIT(BUF_OWN_MAX);

    if (config && !str_empty(s->mirror) &&
        json_put(json_object_get(config, "apt"), "primary",
                 json_pack("[{s:[s], s:s}]", "arches", "default", "uri", s->mirror)) < 0)
        return error_oom(err);
    // JSON is YAML, as cloud-init reads it.
    if (!config || buf_add_str(&text, "#cloud-config\n") < 0 || json_write(config, &text) < 0 ||
        base64_encode(buf_str(&text), text.len, &encoded) < 0)
        return error_oom(err);
    *ret = buf_take(&encoded);
    return *ret ? 0 : error_oom(err);
}

static int write_request(const struct setup *s, const struct resources *resources, json_t **ret,
                         struct error *err)
{
    _cleanup_free_ char *user_data = NULL;
    json_t *server;
    int r = write_user_data(s, &user_data, err);

    if (r < 0)
        return r;
    server = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "name", s->run, "imageRef",
                       resources->image, "flavorRef", resources->flavor, "user_data", user_data,
                       "metadata", TAG_MODEL, s->model, TAG_UNIT, s->unit, TAG_WORKER, s->worker,
                       TAG_RUN, s->run);
    if (!server ||
        (resources->network &&
         json_put(server, "networks", json_pack("[{s:s}]", "uuid", resources->network)) < 0) ||
        (resources->group &&
         json_put(server, "security_groups", json_pack("[{s:s}]", "name", resources->group)) < 0) ||
        (!str_empty(s->keypair) && json_put_string(server, "key_name", s->keypair) < 0)) {
        json_decref(server);
        return error_oom(err);
    }
    *ret = json_pack("{s:o}", "server", server);
    return *ret ? 0 : error_oom(err);
}

static int create(struct setup *s, const struct resources *resources, char **ret_id,
                  struct error *err)
{
    _cleanup_json_ json_t *body = NULL, *answer = NULL;
    struct openstack_call call = {
        .service = OPENSTACK_COMPUTE, .method = "POST", .path = "/servers"};
    const char *id;
    int r = write_request(s, resources, &body, err);

    if (r < 0)
        return r;
    call.body = body;
    r = openstack_call(s->cloud, &call, &answer, err);
    if (r < 0)
        return r;
    id = json_text(json_object_get(answer, "server"), "id");
    if (!is_id(id))
        return error_set(err, -EIO, "the new server has no id");
    *ret_id = strdup(id);
    return *ret_id ? 0 : error_oom(err);
}

// 0: it is up; 1: not yet; -EAGAIN: this one will not do, another may.
static int look_active(struct setup *s, const char *id, struct instance *ret, struct error *err)
{
    _cleanup_(instance_release) struct instance i = {0};
    int r = get(s, id, &i, err);

    if (r == -EAGAIN) {
        error_clear(err);
        return 1;
    }
    if (r == -ENOENT)
        return error_set(err, -EAGAIN, "the instance has vanished");
    if (r < 0)
        return r;
    if (str_equal(i.status, "ERROR"))
        return error_set(err, -EAGAIN, "%s", i.fault ? i.fault : "the instance is in state ERROR");
    if (!str_equal(i.status, "ACTIVE") || !i.address)
        return 1;
    *ret = i;
    i = (struct instance){0};
    return 0;
}

static int wait_active(struct setup *s, const char *id, struct instance *ret, struct error *err)
{
    uint64_t end = clock_monotonic_us() + BUILD_WAIT_US, pause = POLL_FIRST_US;
    int r;

    while ((r = look_active(s, id, ret, err)) == 1) {
        if (clock_monotonic_us() >= end)
            return error_set(err, -EAGAIN, "the instance does not become active");
        if (!setup_pause(s, pause))
            return error_set(err, -ETIMEDOUT, "no time is left");
        pause = pause * 2 < POLL_US ? pause * 2 : POLL_US;
    }
    return r;
}

// Waits for an answer whose boot id is not `old` (NULL: any).
static int wait_answer(struct setup *s, const char *address, const char *old, uint64_t wait_us,
                       char **ret_boot, struct error *err)
{
    uint64_t end = clock_monotonic_us() + wait_us, pause = POLL_FIRST_US;

    for (;; pause = pause * 2 < POLL_US ? pause * 2 : POLL_US) {
        _cleanup_free_ char *boot = NULL;
        int r;

        error_clear(err);
        r = access_boot_id(s, address, &boot, err);
        if (r == 0 && !str_equal(boot, old)) {
            *ret_boot = TAKE_PTR(boot);
            return 0;
        }
        if (r < 0 && r != -EAGAIN)
            return r;
        if (clock_monotonic_us() >= end || !setup_pause(s, pause))
            return r < 0 ? error_prefix(err, -EAGAIN, "%s does not answer", address)
                         : error_set(err, -EAGAIN, "%s has not rebooted", address);
    }
}

static int note_boot(struct setup *s, const char *id, const char *boot, struct error *err)
{
    _cleanup_free_ char *path = str_format("/servers/%s/metadata", id);
    _cleanup_json_ json_t *body = json_pack("{s:{s:s}}", "metadata", TAG_BOOT, boot);
    const struct openstack_call call = {
        .service = OPENSTACK_COMPUTE, .method = "POST", .path = path, .body = body};

    return path && body ? openstack_call(s->cloud, &call, NULL, err) : error_oom(err);
}

static int try_once(struct setup *s, struct resources *resources, struct instance *ret,
                    struct error *err)
{
    _cleanup_free_ char *id = NULL, *boot = NULL;
    int r = resources->image ? 0 : resources_find(s, resources, err);

    if (r < 0) {
        resources_release(resources);
        return r;
    }
    // What an `open` that was killed has left of this run.
    if ((r = instance_remove_all(s, REMOVE_WAIT_US, NULL, err)) < 0 ||
        (r = create(s, resources, &id, err)) < 0)
        return r;
    say("instance %s (%s) is being made", s->run, id);
    if ((r = wait_active(s, id, ret, err)) < 0)
        return r;
    r = wait_answer(s, ret->address, NULL, ANSWER_WAIT_US, &boot, err);
    if (r == -EAGAIN)
        instance_tell(s, ret);
    return r < 0 ? r : note_boot(s, id, boot, err);
}

// Some more or less, so that workers that were refused together do not come back together.
static uint64_t around(uint64_t us)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        return us;
    return us * 3 / 4 + us / 2 * (random % 1000) / 1000;
}

static int remove_rest(struct setup *s, int r)
{
    _cleanup_error_ struct error why = ERROR_INIT;

    if (instance_remove_all(s, REMOVE_WAIT_US, NULL, &why) < 0)
        say("an instance may be left behind, the worker removes it later: %s", error_message(&why));
    return r;
}

int instance_open(struct setup *s, struct instance *ret, struct error *err)
{
    _cleanup_(resources_release) struct resources resources = {0};
    uint64_t pause = s->pause_us;
    int r = access_prepare(s, err);

    if (r < 0)
        return r;
    for (;;) {
        uint64_t us = around(pause);

        r = try_once(s, &resources, ret, err);
        if (r == 0)
            return 0;
        instance_release(ret);
        if (!is_passing(r) && r != -EDQUOT)
            return remove_rest(s, r);
        say("%s; trying again in %llu s", error_message(err),
            (unsigned long long)(us / USEC_PER_SEC));
        if (!setup_pause(s, us))
            return remove_rest(s, -ETIMEDOUT);
        error_clear(err);
        pause = pause * 2 < PAUSE_MAX_US ? pause * 2 : PAUSE_MAX_US;
    }
}

// ---------------------------------------------------------------- one that is there

int instance_find(struct setup *s, struct instance *ret, struct error *err)
{
    _cleanup_strv_ struct strv ids = STRV_INIT;
    int r = s->server ? strv_add(&ids, s->server) : list_ours(s, &ids, err);

    if (r < 0)
        return r;
    if (ids.len == 0)
        return error_set(err, -ENOENT, "there is no instance of %s", s->run);
    return get(s, ids.items[0], ret, err);
}

int instance_wait_reboot(struct setup *s, struct error *err)
{
    _cleanup_(instance_release) struct instance i = {0};
    _cleanup_free_ char *boot = NULL;
    int r = instance_find(s, &i, err);

    if (r < 0)
        return r;
    if (!i.address || !i.boot)
        return error_set(err, -ENOENT, "the instance has no address, or was never waited for");
    r = wait_answer(s, i.address, i.boot, REBOOT_WAIT_US, &boot, err);
    return r < 0 ? r : note_boot(s, i.id, boot, err);
}

// The last bytes, from the start of a line, without what would change a terminal.
static void say_console(const char *text)
{
    size_t len = strlen(text);
    const char *start = len > CONSOLE_MAX ? strchr(text + len - CONSOLE_MAX, '\n') : text;
    _cleanup_free_ char *copy_of = strdup(start ? start : "");
    char *rest = copy_of;

    for (char *c = copy_of; c && *c; c++)
        if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
            *c = ' ';
    for (char *line; rest && (line = strsep(&rest, "\n"));)
        if (*line)
            say("| %s", line);
}

void instance_tell(struct setup *s, const struct instance *instance)
{
    _cleanup_free_ char *path = str_format("/servers/%s/action", instance->id);
    _cleanup_json_ json_t *body =
        json_pack("{s:{s:i}}", "os-getConsoleOutput", "length", CONSOLE_LINES);
    const struct openstack_call call = {
        .service = OPENSTACK_COMPUTE, .method = "POST", .path = path, .body = body};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *answer = NULL;

    say("instance %s (%s): state %s, address %s%s%s", instance->name ? instance->name : "?",
        instance->id, instance->status ? instance->status : "?",
        instance->address ? instance->address : "none", instance->fault ? ", fault: " : "",
        instance->fault ? instance->fault : "");
    if (!path || !body || openstack_call(s->cloud, &call, &answer, &err) < 0) {
        say("its console cannot be had: %s", error_message(&err));
        return;
    }
    say_console(json_text(answer, "output"));
}
