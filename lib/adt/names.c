// SPDX-License-Identifier: GPL-3.0-only
#include "adt/names.h"

#include "base/clock.h"
#include "base/parse.h"

#include <openssl/evp.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define HEX_DIGITS "0123456789abcdef"

// How a context is written in a queue's name and in queues.json.
static const struct {
    const char *infix, *name;
} contexts[CONTEXT_COUNT] = {
    [CONTEXT_NORMAL] = {"", "ubuntu"},
    [CONTEXT_HUGE] = {"huge-", "huge"},
    [CONTEXT_PPA] = {"ppa-", "ppa"},
    [CONTEXT_UPSTREAM] = {"upstream-", "upstream"},
};

const char *queue_context_name(enum queue_context context)
{
    return contexts[context].name;
}

char *queue_name(enum queue_context context, const char *release, const char *arch)
{
    return str_format("debci-%s%s-%s", contexts[context].infix, release, arch);
}

int queue_name_parse(const char *queue, enum queue_context *ret_context, char **ret_release,
                     char **ret_arch, struct error *err)
{
    enum queue_context context = CONTEXT_NORMAL;
    _cleanup_free_ char *name = NULL, *arch = NULL;
    const char *rest, *dash;
    int i;

    if (!str_starts_with(queue, "debci-"))
        return error_set(err, -EINVAL, "expected debci-[CONTEXT-]RELEASE-ARCH, got \"%s\"", queue);
    rest = queue + strlen("debci-");
    for (i = CONTEXT_NORMAL + 1; i < CONTEXT_COUNT; i++)
        if (str_starts_with(rest, contexts[i].infix)) {
            context = (enum queue_context)i;
            rest += strlen(contexts[i].infix);
            break;
        }
    dash = strrchr(rest, '-'); // architectures have no '-', releases may
    if (!dash || dash == rest || !name_is_arch(dash + 1))
        return error_set(err, -EINVAL, "expected debci-[CONTEXT-]RELEASE-ARCH, got \"%s\"", queue);
    name = strndup(rest, (size_t)(dash - rest));
    arch = strdup(dash + 1);
    if (!name || !arch)
        return error_oom(err);
    *ret_context = context;
    *ret_release = TAKE_PTR(name);
    *ret_arch = TAKE_PTR(arch);
    return 0;
}

static bool spans(const char *s, const char *allowed)
{
    return *s && s[strspn(s, allowed)] == '\0';
}

bool name_is_package(const char *s)
{
    // A name that is only dots would be another folder.
    return spans(s, LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS ".+-") && s[0] != '.' && s[0] != '-';
}

bool name_is_release(const char *s)
{
    return s[0] >= 'a' && s[0] <= 'z' && spans(s, LOWER DIGITS ".-");
}

bool name_is_arch(const char *s)
{
    return strlen(s) <= 16 && spans(s, LOWER DIGITS);
}

bool name_is_run_id(const char *s)
{
    int64_t seconds;

    return strlen(s) == 22 && clock_parse_compact(s, &seconds, NULL) == 0 && s[15] == '_' &&
           strspn(s + 16, HEX_DIGITS) == 5 && s[21] == '@';
}

int container_name(const struct request *request, const char *release, char **ret,
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

char *container_read_acl(const struct request *request)
{
    if (!request_is_private(request))
        return strdup(".r:*,.rlistings");
    return request->swiftuser ? str_format("*:%s", request->swiftuser) : strdup("");
}

char *package_prefix(const char *package)
{
    return strndup(package, str_starts_with(package, "lib") ? 4 : 1);
}

char *run_id_new(int64_t seconds, const char *body, size_t body_len, const char *arch,
                 const char *release)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *date = clock_format_utc(seconds, "%Y%m%d_%H%M%S");
    unsigned len = 0;

    if (!date || buf_add(&text, body, body_len) < 0 || buf_add_str(&text, arch) < 0 ||
        buf_add_str(&text, release) < 0 ||
        EVP_Digest(buf_str(&text), text.len, digest, &len, EVP_sha1(), NULL) != 1)
        return NULL;
    hex_encode(digest, len, hex);
    return str_format("%s_%.5s@", date, hex);
}

char *run_path(const char *release, const char *arch, const char *package, const char *run_id)
{
    _cleanup_free_ char *prefix = package_prefix(package);

    return prefix ? str_format("%s/%s/%s/%s/%s", release, arch, prefix, package, run_id) : NULL;
}

int run_path_parse(const char *path, char **ret_release, char **ret_arch, char **ret_package,
                   char **ret_run_id, struct error *err)
{
    _cleanup_strv_ struct strv part = STRV_INIT;
    _cleanup_free_ char *prefix = NULL;

    if (strv_split(&part, path, "/") < 0)
        return error_oom(err);
    if (part.len < 5 || path[0] == '/' || !name_is_release(part.items[0]) ||
        !name_is_arch(part.items[1]) || !name_is_package(part.items[3]) ||
        !name_is_run_id(part.items[4]))
        return error_set(err, -EINVAL, "expected RELEASE/ARCH/PREFIX/PACKAGE/RUNID, got \"%.200s\"",
                         path);
    prefix = package_prefix(part.items[3]);
    if (!prefix)
        return error_oom(err);
    if (!str_equal(prefix, part.items[2]))
        return error_set(err, -EINVAL, "expected prefix %s of package %s, got \"%.20s\"", prefix,
                         part.items[3], part.items[2]);
    *ret_release = TAKE_PTR(part.items[0]);
    *ret_arch = TAKE_PTR(part.items[1]);
    *ret_package = TAKE_PTR(part.items[3]);
    *ret_run_id = TAKE_PTR(part.items[4]);
    return 0;
}
