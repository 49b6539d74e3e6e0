// SPDX-License-Identifier: GPL-3.0-only
#include "adt/names.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/strv.h"

#include <ctype.h>
#include <openssl/evp.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX_DIGITS "0123456789abcdef"
#define PACKAGE_NAME_MAX 100 // object stores take names of containers up to 256 bytes

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

static bool spans(const char *s, const char *allowed)
{
    return *s && s[strspn(s, allowed)] == '\0';
}

bool name_is_package_len(const char *s, size_t len)
{
    // Not '.': a name of dots alone would be another folder; not '-': it would be an option.
    if (len == 0 || len > PACKAGE_NAME_MAX || !isalnum((unsigned char)s[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && (!s[i] || !strchr(".+-", s[i])))
            return false;
    return true;
}

bool name_is_package(const char *s)
{
    return name_is_package_len(s, strlen(s));
}

bool name_is_version(const char *s)
{
    return spans(s, LOWER UPPER DIGITS "_.+:~-");
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
    if (part.len < 5 || path[0] == '/' || strstr(path, "//") || !name_is_release(part.items[0]) ||
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
