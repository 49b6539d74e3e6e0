// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include "base/parse.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <strings.h>

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static int md5_begin(EVP_MD_CTX *md)
{
    return EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1 ? 0 : -ENOMEM;
}

static void md5_finish(EVP_MD_CTX *md, char hex[static SWIFT_MD5_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    (void)EVP_DigestFinal_ex(md, digest, &len);
    hex_encode(digest, 16, hex);
}

// The sums of a file on their way.
struct sums {
    EVP_MD_CTX *whole, *part;
    uint64_t part_size, part_left;
    struct strv *parts; // NULL: only the whole
};

static int end_part(struct sums *s)
{
    char hex[SWIFT_MD5_HEX];

    md5_finish(s->part, hex);
    s->part_left = s->part_size;
    return strv_add(s->parts, hex) < 0 || md5_begin(s->part) < 0 ? -ENOMEM : 0;
}

static int add_bytes(struct sums *s, const char *bytes, size_t len)
{
    if (EVP_DigestUpdate(s->whole, bytes, len) != 1)
        return -ENOMEM;
    while (s->parts && len > 0) {
        size_t take = len < s->part_left ? len : (size_t)s->part_left;

        if (EVP_DigestUpdate(s->part, bytes, take) != 1)
            return -ENOMEM;
        s->part_left -= take;
        bytes += take;
        len -= take;
        if (s->part_left == 0 && end_part(s) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int add_file(struct sums *s, int fd)
{
    char bytes[16384];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (add_bytes(s, bytes, (size_t)n) < 0)
            return -ENOMEM;
    }
    return s->parts && s->part_left < s->part_size ? end_part(s) : 0;
}

int swift_file_md5(const char *path, uint64_t part_size, char whole[static SWIFT_MD5_HEX],
                   struct strv *parts, struct error *err)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *all = EVP_MD_CTX_new(), *part = EVP_MD_CTX_new();
    struct sums s = {
        .whole = all, .part = part, .part_size = part_size, .part_left = part_size, .parts = parts};
    _cleanup_close_ int fd = -1;
    int r;

    if (!all || !part || md5_begin(all) < 0 || md5_begin(part) < 0)
        return error_set(err, -ENOMEM, "no MD5 sum can be made");
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    r = fd < 0 ? -errno : add_file(&s, fd);
    if (r < 0)
        return error_errno(err, r, "cannot read %s", path);
    md5_finish(all, whole);
    return 0;
}

int swift_text_md5(const void *text, size_t len, char hex[static SWIFT_MD5_HEX], struct error *err)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (!md || md5_begin(md) < 0 || EVP_DigestUpdate(md, text, len) != 1)
        return error_set(err, -ENOMEM, "no MD5 sum can be made");
    md5_finish(md, hex);
    return 0;
}

static bool etag_matches(const char *etag, const char *md5)
{
    return etag && (strcasecmp(etag, md5) == 0 ||
                    (etag[0] == '"' && strncasecmp(etag + 1, md5, SWIFT_MD5_HEX - 1) == 0 &&
                     str_equal(etag + SWIFT_MD5_HEX, "\"")));
}

int swift_put_checked(struct swift *swift, const struct swift_call *object, const char *etag,
                      const struct strv *extra, struct http_response *answer, struct error *err)
{
    struct swift_call call = *object;
    _cleanup_strv_ struct strv headers = STRV_INIT;
    int r;

    // The store checks what arrived against it before it says 201.
    if (strv_addf(&headers, "ETag: %s", etag) < 0 || (extra && strv_add_list(&headers, extra) < 0))
        return error_oom(err);
    call.method = "PUT";
    call.headers = &headers;
    r = swift_call(swift, &call, answer, err);
    if (r < 0)
        return r;
    if (!etag_matches(http_response_header(answer, "etag"), etag))
        return error_set(err, -EIO, "store: %s/%s: it stored something else than was sent",
                         call.container, call.object);
    return 0;
}
