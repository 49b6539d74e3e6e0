// SPDX-License-Identifier: GPL-3.0-only
#include "base/parse.h"
#include "net/http.h"
#include "web/conditional.h"
#include "web/encoding.h"
#include "web/page_inside.h"
#include "web/reading.h"
#include "web/store_http.h"
#include "web/web.h"

#include <openssl/evp.h>

#define ETAG_BYTES ((size_t)16)
#define TYPE_TEXT "text/plain; charset=utf-8"
#define RANGE_TEXT_MAX ((size_t)100) // a longer header has several ranges, or nonsense

// ---- entity tags

// The caller frees; *ret is NULL when the archive has none.
static int member_etag(const struct inside *in, const char *archive_etag, char **ret)
{
    _cleanup_free_ char *text = NULL, *hex = NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    *ret = NULL;
    if (!archive_etag)
        return 0;
    text = str_format("%s\n%s", archive_etag, in->path);
    hex = malloc(2 * ETAG_BYTES + 1);
    if (!text || !hex || EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    hex_encode(digest, ETAG_BYTES, hex);
    *ret = TAKE_PTR(hex);
    return 0;
}

// Whoever names the tag had the file from here: whether it is still the same the archive's tag
// says, and nothing has to be read. `*` asks whether there is such a file.
static int answer_known(struct exchange *x, const struct inside *in, bool *ret_answered,
                        struct error *err)
{
    const char *known = exchange_header(x, "If-None-Match");
    _cleanup_free_ char *archive_etag = NULL, *etag = NULL;
    int r;

    *ret_answered = false;
    if (!known || strchr(known, '*') || exchange_header(x, "If-Match"))
        return 0;
    r = stored_etag(x, &in->archive, &archive_etag, err);
    if (r != 0)
        return r;
    if (member_etag(in, archive_etag, &etag) < 0 || (etag && exchange_set_tag(x, etag) < 0))
        return error_oom(err);
    exchange_encode(x, TYPE_TEXT, ENCODING_SIZE_UNKNOWN); // only text has the tag of a coding
    if (!exchange_is_known(x))
        return 0;
    *ret_answered = true;
    return exchange_add_vary(x, TYPE_TEXT) < 0 || store_add_guards(x) < 0 ||
                   exchange_answer_empty(x, MHD_HTTP_NOT_MODIFIED) < 0
               ? error_oom(err)
               : 0;
}

// ---- reading

static const char *wanted_range(const struct exchange *x, const char *etag)
{
    const char *range = x->method == METHOD_GET ? exchange_header(x, "Range") : NULL;

    return range && strlen(range) <= RANGE_TEXT_MAX &&
                   if_range_holds(exchange_header(x, "If-Range"), etag, NULL)
               ? range
               : "";
}

// The file is looked for while its archive comes; what its address names may be one that stood
// further in front (a hard link), for which all of the archive has to be there.
static int start(struct exchange *x, const struct inside *in, struct error *err)
{
    _cleanup_(stored_file_unrefp) struct stored_file *file = NULL;
    _cleanup_free_ char *archive_etag = NULL, *etag = NULL;
    const char *arguments[] = {"member", in->path, "", NULL};
    _cleanup_close_ int fd = -1;
    int r = x->archive_way == ARCHIVE_WHOLE
                ? stored_open(x, &in->archive, &fd, &archive_etag, err)
                : stored_follow(x, &in->archive, &fd, &archive_etag, &file, err);

    if (r != 0)
        return r;
    if (member_etag(in, archive_etag, &etag) < 0)
        return error_oom(err);
    arguments[2] = wanted_range(x, etag);
    free(x->archive_etag);
    x->archive_etag = TAKE_PTR(archive_etag);
    return reading_follow(x, &fd, &file, arguments, 0, err);
}

// ---- answering

struct member {
    int64_t size, first, length; // length -1: all of it, 0: it has no such part
    bool text;
};

static int read_head(struct exchange *x, struct member *ret, struct error *err)
{
    _cleanup_json_ json_t *head = NULL;
    const char *text = NULL;
    int r = reading_text(x, &text, err);

    ret->length = -1;
    if (r == 0)
        r = json_parse(text, strlen(text), "member", &head, err);
    if (r == 0)
        r = json_get_optional_int(head, "size", &ret->size, err);
    if (r == 0)
        r = json_get_optional_int(head, "first", &ret->first, err);
    if (r == 0)
        r = json_get_optional_int(head, "length", &ret->length, err);
    return r < 0 ? r : json_get_optional_bool(head, "text", &ret->text, err);
}

static int add_headers(struct exchange *x, const struct inside *in, const struct member *member,
                       const char *etag)
{
    const char *type = member->text ? TYPE_TEXT : "application/octet-stream";
    const char *slash = strrchr(in->path, '/');
    _cleanup_free_ char *name = http_escape(slash ? slash + 1 : in->path, false), *as = NULL;

    if (!name || store_add_guards(x) < 0 || (etag && exchange_set_tag(x, etag) < 0) ||
        exchange_add_header(x, "Accept-Ranges", "bytes") < 0 || exchange_add_vary(x, type) < 0 ||
        exchange_add_header(x, "Content-Type", type) < 0)
        return -ENOMEM;
    exchange_encode(x, type, member->length < 0 ? (uint64_t)member->size : 0);
    if (member->text && !params_get(&x->query, "download"))
        return 0;
    as = str_format("attachment; filename*=UTF-8''%s", name);
    return as ? exchange_add_header(x, "Content-Disposition", as) : -ENOMEM;
}

// It has no date: an archive may say anything of that.
static enum precondition check_conditions(struct exchange *x, const char *etag)
{
    const char *wanted = exchange_header(x, "If-Match");

    if (wanted && !etag_listed(wanted, etag ? etag : ""))
        return PRECONDITION_FAILED;
    return exchange_is_known(x) ? PRECONDITION_NOT_MODIFIED : PRECONDITION_SEND;
}

static int answer_empty(struct exchange *x, unsigned status, struct error *err)
{
    reading_drop(x);
    return exchange_answer_empty(x, status) < 0 ? error_oom(err) : 0;
}

static int answer_content(struct exchange *x, const struct member *member, struct error *err)
{
    uint64_t size = (uint64_t)member->size, length = (uint64_t)member->length;

    if (member->length < 0)
        return reading_answer(x, MHD_HTTP_OK, size, NULL, NULL, err);
    if (file_add_range(x, (uint64_t)member->first, length, size) < 0)
        return error_oom(err);
    return length == 0 ? answer_empty(x, 416, err)
                       : reading_answer(x, MHD_HTTP_PARTIAL_CONTENT, length, NULL, NULL, err);
}

static int answer(struct exchange *x, const struct inside *in, struct error *err)
{
    _cleanup_free_ char *etag = NULL, *url = NULL;
    struct member member = {0};
    int r;

    if (reading_is_folder(x)) {
        url = str_format("%s/", x->path);
        return url ? exchange_redirect(x, MHD_HTTP_MOVED_PERMANENTLY, url) : error_oom(err);
    }
    r = read_head(x, &member, err);
    if (r < 0)
        return r;
    if (member_etag(in, x->archive_etag, &etag) < 0 || add_headers(x, in, &member, etag) < 0)
        return error_oom(err);
    switch (check_conditions(x, etag)) {
    case PRECONDITION_NOT_MODIFIED:
        return answer_empty(x, MHD_HTTP_NOT_MODIFIED, err);
    case PRECONDITION_FAILED:
        return answer_empty(x, MHD_HTTP_PRECONDITION_FAILED, err);
    case PRECONDITION_SEND:
        break;
    }
    return answer_content(x, &member, err);
}

int page_member(struct exchange *x, const struct inside *in, struct error *err)
{
    bool answered = false;
    int r;

    if (reading_needs_all(x)) {
        x->archive_way = ARCHIVE_WHOLE;
        reading_drop(x);
    }
    if (reading_done(x))
        return answer(x, in, err);
    r = answer_known(x, in, &answered, err);
    if (r != 0 || answered)
        return r;
    r = reading_claim(x, err);
    return r < 0 ? r : start(x, in, err);
}
