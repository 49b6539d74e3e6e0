// SPDX-License-Identifier: GPL-3.0-only
#include "web/launchpad.h"

#include "base/clock.h"
#include "base/log.h"
#include "web/web.h"

#define ANSWER_MAX ((size_t)8 * 1024 * 1024) // of teams, each entry has some kilobytes
#define TIMEOUT_US (15 * USEC_PER_SEC)
#define URL_MAX ((size_t)8 * 1024)

// What is kept of an answer's status and body: a new reference, NULL when it cannot be understood.
typedef json_t *reducer(long status, const json_t *body);

struct waiter {
    struct exchange *x;
};

struct question {
    struct question *next;
    char *url;
    reducer *reduce;
    json_t *answer;    // NULL: on its way, or failed
    char *failure;     // NULL: none
    uint64_t until_us; // when it is forgotten; 0: on its way
    struct waiter *waiting;
    size_t waiting_len;
};

struct launchpad {
    struct question *questions; // the newest first
};

struct launchpad *launchpad_new(void)
{
    return calloc(1, sizeof(struct launchpad));
}

static void question_free(struct question *q)
{
    free(q->url);
    free(q->failure);
    free(q->waiting);
    json_decref(q->answer);
    free(q);
}

void launchpad_free(struct launchpad *launchpad)
{
    struct question *q = launchpad ? launchpad->questions : NULL;

    while (q) {
        struct question *next = q->next;

        question_free(q);
        q = next;
    }
    free(launchpad);
}

// ---- what is kept

// Forgets what is too old, and the oldest beyond the limit; not what is on its way.
static void tidy(struct launchpad *launchpad)
{
    struct question **at = &launchpad->questions;
    uint64_t now = clock_monotonic_us();
    size_t kept = 0;

    while (*at) {
        struct question *q = *at;

        if (q->until_us > 0 && (q->until_us <= now || kept >= LAUNCHPAD_ANSWERS)) {
            *at = q->next;
            question_free(q);
            continue;
        }
        kept++;
        at = &q->next;
    }
}

static struct question *find(const struct launchpad *launchpad, const char *url)
{
    struct question *q = launchpad->questions;

    while (q && strcmp(q->url, url) != 0)
        q = q->next;
    return q;
}

static int wait_for(struct question *q, struct exchange *x)
{
    struct waiter *grown = reallocarray(q->waiting, q->waiting_len + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    q->waiting = grown;
    grown[q->waiting_len++].x = x;
    return EXCHANGE_WAIT;
}

// ---- asking

static void read_answer(struct question *q, const struct http_response *response)
{
    _cleanup_json_ json_t *body = NULL;

    if (response->status >= 500 || response->status == 429) {
        q->failure = str_format("it answers with status %ld", response->status);
        return;
    }
    (void)json_parse(buf_str(&response->body), response->body.len, "answer", &body, NULL);
    q->answer = q->reduce(response->status, body);
    if (!q->answer)
        q->failure = strdup("its answer cannot be understood");
}

static void on_answer(int r, const struct http_response *response, const struct error *why,
                      void *userdata)
{
    struct question *q = userdata;
    struct waiter *waiting = TAKE_PTR(q->waiting);
    size_t n = q->waiting_len;

    q->waiting_len = 0;
    if (r < 0)
        q->failure = strdup(error_message(why));
    else
        read_answer(q, response);
    if (!q->answer)
        log_warning("Launchpad: %s", q->failure ? q->failure : "no memory");
    q->until_us = clock_monotonic_us() + (q->answer ? LAUNCHPAD_KEEP_US : LAUNCHPAD_FAILURE_US);
    for (size_t i = 0; i < n; i++)
        exchange_again(waiting[i].x);
    free(waiting);
}

static int ask(struct exchange *x, const char *url, reducer *reduce, struct question **ret,
               struct error *err)
{
    const struct http_request request = {.url = url,
                                         .connect_timeout_us = TIMEOUT_US,
                                         .idle_timeout_us = TIMEOUT_US,
                                         .redirects = 3};
    struct launchpad *launchpad = x->web->launchpad;
    struct question *q = calloc(1, sizeof(*q));
    int r;

    if (!q || !(q->url = strdup(url))) {
        free(q);
        return error_oom(err);
    }
    q->reduce = reduce;
    r = http_async_start(x->web->http, &request, ANSWER_MAX, on_answer, q, err);
    if (r < 0) {
        question_free(q);
        return r;
    }
    q->next = launchpad->questions;
    launchpad->questions = q;
    *ret = q;
    return 0;
}

// The kept answer, or what there is of it so far.
static int look_up(struct exchange *x, const char *url, reducer *reduce, const json_t **ret,
                   struct error *err)
{
    struct question *q;
    int r;

    tidy(x->web->launchpad);
    q = find(x->web->launchpad, url);
    if (!q) {
        r = ask(x, url, reduce, &q, err);
        if (r < 0)
            return r;
    }
    if (q->until_us == 0) {
        r = wait_for(q, x);
        return r < 0 ? error_oom(err) : r;
    }
    if (!q->answer)
        return error_set(err, -ENOTCONN, "Launchpad cannot be asked right now: %s",
                         q->failure ? q->failure : "no memory");
    *ret = q->answer;
    return 0;
}

// ---- addresses

// `NAME=VALUE`, or with the value as JSON, as the API takes texts.
static int add_param(struct buf *url, const char *name, const char *value, bool as_json)
{
    _cleanup_free_ char *text = as_json ? str_format("\"%s\"", value) : strdup(value);
    _cleanup_free_ char *escaped = text ? http_escape(text, false) : NULL;
    bool first = !memchr(buf_str(url), '?', url->len);

    return escaped ? buf_addf(url, "%c%s=%s", first ? '?' : '&', name, escaped) : -ENOMEM;
}

static int start_url(const struct exchange *x, struct buf *url, const char *path)
{
    const char *base = x->web->settings.launchpad_api_url;

    return buf_addf(url, "%s%s%s", base, str_ends_with(base, "/") ? "" : "/", path);
}

// A link of the API's own: the address of a thing is its name.
static int add_link(const struct exchange *x, struct buf *url, const char *name, const char *kind,
                    const char *thing)
{
    _cleanup_buf_ struct buf link = BUF_INIT(URL_MAX);

    if (start_url(x, &link, kind) < 0 || buf_add_str(&link, thing) < 0)
        return -ENOMEM;
    return add_param(url, name, buf_str(&link), true);
}

// ---- teams

static json_t *reduce_teams(long status, const json_t *body)
{
    const json_t *entries = json_object_get(body, "entries");
    json_t *names, *entry;
    size_t i;

    if (status != 200 && status != 404)
        return NULL;
    if (status == 200 && !json_is_array(entries))
        return NULL;
    names = json_array();
    json_array_foreach ((json_t *)entries, i, entry) {
        if (json_array_append_new(names, json_string(json_text(entry, "name"))) < 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

int launchpad_teams(struct exchange *x, const char *user, const json_t **ret, struct error *err)
{
    _cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
    _cleanup_free_ char *name = http_escape(user, false);

    if (!name || start_url(x, &url, "~") < 0 ||
        buf_addf(&url, "%s/super_teams?ws.size=300", name) < 0)
        return error_oom(err);
    return look_up(x, buf_str(&url), reduce_teams, ret, err);
}

// ---- packages

// The component as a string; null when there is no such publication or series, false when there is
// no such archive.
static json_t *reduce_component(long status, const json_t *body)
{
    const json_t *entries = json_object_get(body, "entries");
    const char *component = json_text(json_array_get(entries, 0), "component_name");

    if (status == 404)
        return json_false();
    if (status == 400 || status == 401) // of a private archive
        return json_null();
    if (status != 200 || !json_is_array(entries))
        return NULL;
    return *component ? json_string(component) : json_null();
}

static int add_archive(const struct exchange *x, struct buf *url, const char *ppa)
{
    const char *slash = ppa ? strchr(ppa, '/') : NULL;
    _cleanup_free_ char *owner = slash ? strndup(ppa, (size_t)(slash - ppa)) : NULL;
    _cleanup_free_ char *user = owner ? http_escape(owner, false) : NULL;
    _cleanup_free_ char *name = slash ? http_escape(slash + 1, false) : NULL;

    if (!ppa)
        return start_url(x, url, "ubuntu/+archive/primary");
    if (!user || !name || start_url(x, url, "~") < 0)
        return -ENOMEM;
    return buf_addf(url, "%s/+archive/ubuntu/%s", user, name);
}

int launchpad_find(struct exchange *x, const struct launchpad_source *source, const char **ret,
                   bool *ret_archive, struct error *err)
{
    _cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
    const json_t *answer = NULL;
    int r;

    if (add_archive(x, &url, source->ppa) < 0 ||
        add_param(&url, "ws.op", "getPublishedSources", false) < 0 ||
        add_param(&url, "source_name", source->name, true) < 0 ||
        add_param(&url, "exact_match", "true", false) < 0 ||
        add_link(x, &url, "distro_series", "ubuntu/", source->release) < 0 ||
        (source->version && add_param(&url, "version", source->version, true) < 0) ||
        add_param(&url, "ws.size", "1", false) < 0)
        return error_oom(err);
    r = look_up(x, buf_str(&url), reduce_component, &answer, err);
    if (r == 0) {
        *ret = json_string_value(answer);
        *ret_archive = !json_is_false(answer);
    }
    return r;
}

int launchpad_component(struct exchange *x, const struct launchpad_source *source, const char **ret,
                        struct error *err)
{
    bool archive = false;

    return launchpad_find(x, source, ret, &archive, err);
}

static json_t *reduce_upload(long status, const json_t *body _unused_)
{
    return json_boolean(status >= 200 && status < 300);
}

int launchpad_may_upload(struct exchange *x, const char *user, const char *release,
                         const char *component, const char *package, bool *ret, struct error *err)
{
    _cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
    const json_t *answer = NULL;
    int r;

    if (add_archive(x, &url, NULL) < 0 || add_param(&url, "ws.op", "checkUpload", false) < 0 ||
        add_link(x, &url, "distroseries", "ubuntu/", release) < 0 ||
        add_link(x, &url, "person", "~", user) < 0 ||
        add_param(&url, "component", component, false) < 0 ||
        add_param(&url, "pocket", "Proposed", false) < 0 ||
        add_param(&url, "sourcepackagename", package, true) < 0)
        return error_oom(err);
    r = look_up(x, buf_str(&url), reduce_upload, &answer, err);
    if (r == 0)
        *ret = json_is_true(answer);
    return r;
}
