// SPDX-License-Identifier: GPL-3.0-only
#include "adt/request.h"

#include "adt/names.h"
#include "base/clock.h"
#include "base/parse.h"

#include <ctype.h>
#include <sys/random.h>

#define WORD_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define HEX_DIGITS "0123456789abcdefABCDEF"

#define PPA_FORM "[user:token@]lpuser/name[:fingerprint]"
#define TREE_FORM "\"URL\", \"URL branch\" or \"URL#branch\""

// JSON's.
static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Where the package ends and the JSON begins: at the first white space.
static int split_body(const char *body, size_t len, char **ret_package, const char **ret_json,
                      size_t *ret_json_len, struct error *err)
{
    size_t name_len = 0, rest;

    while (name_len < len && !is_white(body[name_len]))
        name_len++;
    rest = name_len < len ? name_len + 1 : len;
    *ret_json = body + rest;
    *ret_json_len = len - rest;
    if (memchr(body, '\0', name_len))
        return error_set(err, -EBADMSG, "package name: contains a NUL byte");
    *ret_package = strndup(body, name_len);
    if (!*ret_package)
        return error_oom(err);
    if (!name_is_package(*ret_package)) {
        int r = error_set(err, -EBADMSG,
                          "package name: expected a letter or digit, then letters, digits and "
                          "any of .+-, got \"%.100s\"",
                          *ret_package);

        free(*ret_package);
        *ret_package = NULL;
        return r;
    }
    return 0;
}

static bool only_blanks(const char *s, size_t len)
{
    size_t i = 0;

    while (i < len && is_white(s[i]))
        i++;
    return i == len;
}

// ---------------------------------------------------------------- members

#define UUID_MAX 128 // bytes: it travels in headers and file names its lines

// Whether it is one line to all who read it: header fields, lists of ours, and the argument file of
// autopkgtest, where Python also takes U+0080 to U+009F, U+2028 and U+2029 for line breaks.
static bool is_line(const char *s)
{
    if (str_has_control(s))
        return false;
    for (; *s; s++)
        if ((str_starts_with(s, "\xc2") && (unsigned char)s[1] < 0xa0) ||
            str_starts_with(s, "\xe2\x80\xa8") || str_starts_with(s, "\xe2\x80\xa9"))
            return false;
    return true;
}

// Printable ASCII without blanks and without any of `but`; not empty.
static bool is_word(const char *s, size_t len, const char *but)
{
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)s[i]) || strchr(but, s[i]))
            return false;
    return len > 0;
}

static bool is_trigger(const char *s)
{
    size_t source = strcspn(s, "/");

    return name_is_package_len(s, source) && s[source] && name_is_version(s + source + 1);
}

static bool is_assignment(const char *s)
{
    size_t name = strspn(s, WORD_CHARS);

    return name > 0 && !isdigit((unsigned char)s[0]) && s[name] == '=' && is_line(s);
}

static bool is_credentials(const char *s, size_t len)
{
    const char *colon = memchr(s, ':', len);

    return colon && colon > s && colon + 1 < s + len && is_word(s, len, "");
}

// lpuser and name, as they stand in it.
struct ppa {
    const char *user, *name;
    size_t user_len, name_len;
};

static bool split_ppa(const char *s, struct ppa *ret)
{
    const char *at = strrchr(s, '@');
    const char *user = at ? at + 1 : s;
    size_t user_len = strcspn(user, "/");
    const char *name = user[user_len] ? user + user_len + 1 : "";
    size_t name_len = strcspn(name, ":");
    const char *fingerprint = name[name_len] ? name + name_len + 1 : "0";

    *ret = (struct ppa){user, name, user_len, name_len};
    return (!at || is_credentials(s, (size_t)(at - s))) && name_is_package_len(user, user_len) &&
           name_is_package_len(name, name_len) && *fingerprint &&
           fingerprint[strspn(fingerprint, HEX_DIGITS)] == '\0';
}

static bool is_ppa(const char *s)
{
    struct ppa ppa;

    return split_ppa(s, &ppa);
}

// URL, and where the branch begins.
static bool split_tree(const char *s, size_t *ret_url, const char **ret_branch)
{
    size_t url = strcspn(s, " ");
    const char *branch = s + url + strspn(s + url, " ");

    *ret_url = url;
    *ret_branch = branch;
    if (*branch && (*branch == '-' || strchr(branch, ' ') || memchr(s, '#', url)))
        return false;
    return isalpha((unsigned char)s[0]) && memmem(s, url, "://", 3) && is_line(s);
}

static bool is_tree(const char *s)
{
    const char *branch;
    size_t url;

    return split_tree(s, &url, &branch);
}

static bool is_reader(const char *s)
{
    return *s && is_line(s);
}

// Of an access list of the store: a comma would begin another entry.
static bool is_swift_user(const char *s)
{
    return is_word(s, strlen(s), ",:");
}

static bool is_uuid(const char *s)
{
    return strlen(s) <= UUID_MAX && is_word(s, strlen(s), "");
}

enum shape { TEXT, LIST, NAME_OR_LIST, ANYTHING };

static const struct member {
    const char *key;
    enum shape shape;
    size_t at; // in struct request: a char * or a struct strv
    bool (*fits)(const char *value);
    const char *expected; // in messages
    bool hushed;          // the value may be a secret and is not repeated in messages
} members[] = {
    {"triggers", LIST, offsetof(struct request, triggers), is_trigger, "source/version", false},
    {"ppas", LIST, offsetof(struct request, ppas), is_ppa, PPA_FORM, true},
    {"env", LIST, offsetof(struct request, env), is_assignment, "VAR=value, in one line", true},
    {"readable-by", NAME_OR_LIST, offsetof(struct request, readable_by), is_reader, "a name",
     false},
    {"test-git", TEXT, offsetof(struct request, test_git), is_tree, TREE_FORM, true},
    {"build-git", TEXT, offsetof(struct request, build_git), is_tree, TREE_FORM, true},
    {"test-bzr", TEXT, offsetof(struct request, test_bzr), is_line, "one line", true},
    {"testname", TEXT, offsetof(struct request, testname), is_line, "one line", false},
    {"swiftuser", TEXT, offsetof(struct request, swiftuser), is_swift_user,
     "a name without blanks, commas and colons", true},
    {"requester", TEXT, offsetof(struct request, requester), is_line, "one line", false},
    {"submit-time", TEXT, offsetof(struct request, submit_time), is_line, "one line", false},
    {"uuid", TEXT, offsetof(struct request, uuid), is_uuid,
     "at most 128 printable characters without blanks", false},
    {"all-proposed", ANYTHING, 0, NULL, NULL, false},
};

static char **text_of(const struct request *q, const struct member *m)
{
    return (void *)((char *)(uintptr_t)q + m->at);
}

static struct strv *list_of(const struct request *q, const struct member *m)
{
    return (void *)((char *)(uintptr_t)q + m->at);
}

const char *request_key(size_t index)
{
    return index < ARRAY_SIZE(members) ? members[index].key : NULL;
}

static int misfit(const struct member *m, const char *place, const char *value, struct error *err)
{
    if (m->hushed)
        return error_set(err, -EBADMSG, "%s%s: expected %s", m->key, place, m->expected);
    return error_set(err, -EBADMSG, "%s%s: expected %s, got \"%.100s\"", m->key, place, m->expected,
                     value);
}

static int read_list(const json_t *params, const struct member *m, struct strv *ret,
                     struct error *err)
{
    const json_t *value = json_object_get(params, m->key);
    _cleanup_strv_ struct strv list = STRV_INIT;
    int r;

    if (m->shape == NAME_OR_LIST && json_is_string(value))
        r = strv_add(&list, json_string_value(value)) < 0 ? error_oom(err) : 0;
    else
        r = json_get_optional_strv(params, m->key, &list, err);
    for (size_t i = 0; r == 0 && i < list.len; i++) {
        _cleanup_free_ char *place = str_format("[%zu]", i);

        if (!m->fits(list.items[i]))
            r = misfit(m, place ? place : "", list.items[i], err);
    }
    if (r < 0)
        return r;
    *ret = list;
    list = (struct strv)STRV_INIT;
    return 0;
}

static int read_text(const json_t *params, const struct member *m, char **ret, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int r = json_copy_optional_string(params, m->key, NULL, &text, err);

    if (r < 0)
        return r;
    if (text && !m->fits(text))
        return misfit(m, "", text, err);
    *ret = TAKE_PTR(text);
    return 0;
}

static int read_member(struct request *q, const struct member *m, struct error *err)
{
    switch (m->shape) {
    case TEXT:
        return read_text(q->params, m, text_of(q, m), err);
    case LIST:
    case NAME_OR_LIST:
        return read_list(q->params, m, list_of(q, m), err);
    case ANYTHING:
        q->all_proposed = json_object_get(q->params, m->key) != NULL;
        break;
    }
    return 0;
}

// Reads all members that can be read; gives the first that cannot.
static int read_members(struct request *q, struct error *err)
{
    int first = 0;

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        int r = read_member(q, &members[i], first < 0 ? NULL : err);

        if (r == -ENOMEM)
            return r;
        if (first == 0)
            first = r;
    }
    if (first == 0 && q->test_git && q->build_git)
        return error_set(err, -EBADMSG, "test-git and build-git exclude each other");
    return first;
}

// What stands at the place of a mistake may be a secret: the message loses it.
static int hush(struct error *err, int r)
{
    const char *message = error_message(err);
    const char *near = strstr(message, " near '");
    _cleanup_free_ char *kept = near ? strndup(message, (size_t)(near - message)) : NULL;

    return kept ? error_set(err, r, "%s", kept) : near ? error_oom(err) : r;
}

static int read_params(const char *text, size_t len, json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *params = NULL;
    int r;

    if (only_blanks(text, len)) {
        params = json_object();
        r = params ? 0 : error_oom(err);
    } else {
        r = json_parse(text, len, "parameters", &params, err);
    }
    if (r < 0)
        return hush(err, r);
    if (!json_is_object(params))
        return error_set(err, -EBADMSG, "parameters: expected an object, got %s",
                         json_type_name(params));
    *ret = TAKE_PTR(params);
    return 0;
}

int request_parse(const char *body, size_t len, struct request *ret, struct error *err)
{
    struct request q = REQUEST_INIT;
    const char *json = NULL;
    size_t json_len = 0;
    int r = split_body(body, len, &q.package, &json, &json_len, err);

    if (r < 0)
        return r;
    if (len > REQUEST_BODY_MAX)
        r = error_set(err, -EBADMSG, "request: longer than %zu bytes", REQUEST_BODY_MAX);
    else if ((r = read_params(json, json_len, &q.params, err)) == 0)
        r = read_members(&q, err);
    if (r < 0 && r != -ENOMEM) {
        json_decref(q.params);
        q.params = json_object();
        r = q.params ? -EBADMSG : error_oom(err);
    }
    if (r == -ENOMEM) {
        request_release(&q);
        return r;
    }
    *ret = q;
    return r;
}

static int put_list(json_t *params, const char *key, const struct strv *list)
{
    json_t *array;

    if (list->len == 0)
        return 0;
    array = json_array();
    if (!array)
        return -ENOMEM;
    STRV_FOREACH (item, list)
        if (json_array_append_new(array, json_string(item)) < 0) {
            json_decref(array);
            return -ENOMEM;
        }
    return json_put(params, key, array);
}

static int put_member(const struct request *q, const struct member *m, json_t *params)
{
    switch (m->shape) {
    case TEXT:
        return json_put_string(params, m->key, *text_of(q, m));
    case LIST:
    case NAME_OR_LIST:
        return put_list(params, m->key, list_of(q, m));
    case ANYTHING:
        if (q->all_proposed && !json_object_get(params, m->key))
            return json_put_int(params, m->key, 1);
        break;
    }
    return 0;
}

static int put_members(const struct request *q, json_t *params)
{
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (put_member(q, &members[i], params) < 0)
            return -ENOMEM;
    return 0;
}

int request_format(const struct request *request, struct buf *body, struct error *err)
{
    _cleanup_json_ json_t *params = request->params ? json_copy(request->params) : json_object();
    int r;

    if (!params || put_members(request, params) < 0)
        return error_oom(err);
    if ((r = buf_add_str(body, request->package)) < 0 || (r = buf_add_char(body, '\n')) < 0 ||
        (r = json_write(params, body)) < 0)
        return error_set(err, r, "request: too long");
    return 0;
}

char *request_uuid_new(void)
{
    unsigned char b[16];
    char hex[2 * sizeof(b) + 1];

    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
        return NULL;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    hex_encode(b, sizeof(b), hex);
    return str_format("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int request_complete(struct request *request, struct error *err)
{
    if (!request->params && !(request->params = json_object()))
        return error_oom(err);
    if (!request->uuid && !(request->uuid = request_uuid_new()))
        return error_oom(err);
    if (!request->submit_time) {
        int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC);

        request->submit_time = clock_format_utc(now, "%Y-%m-%d %H:%M:%S+00:00");
        if (!request->submit_time)
            return error_oom(err);
    }
    return put_members(request, request->params) < 0 ? error_oom(err) : 0;
}

// Whether a URL has more before its host than the user name that ssh needs.
static bool has_credentials(const char *url)
{
    const char *authority = url ? strstr(url, "://") : NULL;
    size_t len = authority ? strcspn(authority + 3, "/?# ") : 0;
    const char *at = len ? memrchr(authority + 3, '@', len) : NULL;

    return at && (str_starts_with(url, "http") ||
                  memchr(authority + 3, ':', (size_t)(at - authority - 3)));
}

bool request_is_private(const struct request *request)
{
    if (request->swiftuser || json_object_get(request->params, "swiftuser") ||
        has_credentials(request->test_git) || has_credentials(request->build_git) ||
        has_credentials(request->test_bzr))
        return true;
    STRV_FOREACH (ppa, &request->ppas)
        if (strchr(ppa, '@'))
            return true;
    return false;
}

int request_ppa_name(const char *ppa, char **ret_user, char **ret_name, struct error *err)
{
    _cleanup_free_ char *user = NULL;
    struct ppa parts;

    // Not repeated: it may have a secret, at whatever place.
    if (!split_ppa(ppa, &parts))
        return error_set(err, -EBADMSG, "expected " PPA_FORM);
    user = strndup(parts.user, parts.user_len);
    *ret_name = user ? strndup(parts.name, parts.name_len) : NULL;
    if (!*ret_name)
        return error_oom(err);
    *ret_user = TAKE_PTR(user);
    return 0;
}

int request_tree_url(const char *text, char **ret, struct error *err)
{
    const char *branch;
    size_t url;

    if (!split_tree(text, &url, &branch))
        return error_set(err, -EBADMSG, "expected " TREE_FORM);
    *ret = *branch ? str_format("%.*s#%s", (int)url, text, branch) : strndup(text, url);
    return *ret ? 0 : error_oom(err);
}

int request_container(const struct request *request, const char *release, char **ret,
                      struct error *err)
{
    const char *prefix = request_is_private(request) ? "private-" : "";
    _cleanup_free_ char *user = NULL, *name = NULL;
    char *container;
    int r;

    if (request->ppas.len == 0) {
        container = str_format("%sautopkgtest-%s", prefix, release);
    } else {
        r = request_ppa_name(request->ppas.items[request->ppas.len - 1], &user, &name, err);
        if (r < 0)
            return r;
        container = str_format("%sautopkgtest-%s-%s-%s", prefix, release, user, name);
    }
    if (!container)
        return error_oom(err);
    *ret = container;
    return 0;
}

char *request_read_acl(const struct request *request)
{
    if (!request_is_private(request))
        return strdup(".r:*,.rlistings");
    return request->swiftuser ? str_format("*:%s", request->swiftuser) : strdup("");
}

void request_release(struct request *request)
{
    free(request->package);
    strv_release(&request->triggers);
    strv_release(&request->ppas);
    strv_release(&request->env);
    free(request->test_git);
    free(request->build_git);
    free(request->test_bzr);
    free(request->testname);
    free(request->swiftuser);
    strv_release(&request->readable_by);
    free(request->requester);
    free(request->submit_time);
    free(request->uuid);
    json_decref(request->params);
    *request = (struct request)REQUEST_INIT;
}
