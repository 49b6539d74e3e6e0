// SPDX-License-Identifier: GPL-3.0-only
// What is larger than the store takes at once becomes a Static Large Object: segments in the
// container CONTAINER_segments, then a manifest under the object's own name, with which the object
// appears, whole. Readers see one object. Format: "Static Large Objects" in Swift's documentation.
//
//     CONTAINER_segments/OBJECT/MD5/SIZE/NNNNNNNN
//
// MD5 is that of the whole file, SIZE how many bytes each segment but the last has. So an upload
// that is done again finds the segments it has put there before, and never touches one that the
// object which is being replaced still needs.
#include "net/swift_internal.h"

#include "data/json.h"

#include <inttypes.h>

#define INFO_MAX ((size_t)1024 * 1024)
#define GIB ((uint64_t)1024 * 1024 * 1024)
#define SEGMENT_SIZE GIB // what is sent again when a connection is lost stays bearable
#define OBJECT_MAX_DEFAULT (5 * GIB)
#define SEGMENTS_MAX_DEFAULT 1000
#define PAGE 1000

// ---------------------------------------------------------------- what the store takes

static int take_limit(const json_t *object, const char *key, uint64_t *ret, struct error *err)
{
    int64_t value = -1;
    int r = json_get_optional_int(object, key, &value, err);

    if (r < 0)
        return error_prefix(err, -EIO, "store: /info");
    if (value > 0)
        *ret = (uint64_t)value;
    return 0;
}

int swift_limits_parse(const char *text, size_t len, struct swift_limits *limits, struct error *err)
{
    _cleanup_json_ json_t *info = NULL;
    struct swift_limits told = *limits;
    const json_t *swift, *slo, *bulk;
    int r;

    if (json_parse(text, len, "/info", &info, err) < 0)
        return error_prefix(err, -EIO, "store");
    swift = json_object_get(info, "swift");
    slo = json_object_get(info, "slo");
    bulk = json_object_get(info, "bulk_delete");
    if (!json_is_object(swift))
        return error_set(err, -EIO, "store: /info does not tell of a Swift");
    if (!json_is_object(slo))
        told.segments_max = 0;
    if ((r = take_limit(swift, "max_file_size", &told.object_max, err)) < 0 ||
        (slo && (r = take_limit(slo, "max_manifest_segments", &told.segments_max, err)) < 0) ||
        (bulk && (r = take_limit(bulk, "max_deletes_per_request", &told.deletes_max, err)) < 0))
        return r;
    *limits = told;
    return 0;
}

// It is beside the API's version: http://HOST/v1/AUTH_x -> http://HOST/info.
static char *info_url(const char *storage_url)
{
    const char *host = strstr(storage_url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    const char *version = path ? strstr(path, "/v1") : NULL;

    if (!path)
        path = storage_url + strlen(storage_url);
    return str_format("%.*s/info", (int)((version ? version : path) - storage_url), storage_url);
}

int swift_limits(struct swift *swift, struct swift_limits *ret, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(INFO_MAX);
    struct http_request request = {.retries = swift->retries};
    _cleanup_free_ char *url = NULL;
    int r = 0;

    if (!swift->limits_known) {
        r = swift->token ? 0 : swift_authenticate(swift, err);
        if (r < 0)
            return r;
        url = info_url(swift->storage_url);
        if (!url)
            return error_oom(err);
        request.url = url;
        r = http_perform(swift->http, &request, &answer, err);
        if (r < 0)
            return swift_transfer_error(r);
        if (answer.status == 429 || answer.status >= 498)
            return error_set(err, -EAGAIN, "store: GET /info: HTTP status %ld", answer.status);
        swift->limits = (struct swift_limits){OBJECT_MAX_DEFAULT, SEGMENTS_MAX_DEFAULT, 0};
        // Whether it tells is up to its operator.
        if (answer.status == 200)
            (void)swift_limits_parse(buf_str(&answer.body), answer.body.len, &swift->limits, NULL);
        swift->limits_known = true;
    }
    *ret = swift->limits;
    return 0;
}

uint64_t swift_segment_size(uint64_t size, const struct swift_limits *limits)
{
    uint64_t least, segment = limits->object_max < SEGMENT_SIZE ? limits->object_max : SEGMENT_SIZE;

    if (limits->segments_max == 0)
        return 0;
    least = size / limits->segments_max + (size % limits->segments_max > 0);
    if (segment < least)
        segment = least;
    return segment <= limits->object_max ? segment : 0;
}

// ---------------------------------------------------------------- segments

struct large {
    struct swift *swift;
    const char *container, *object, *path;
    const struct strv *headers; // of the object
    uint64_t size, segment_size;
    char *segments_container, *prefix; // of the segments' names
    char md5[SWIFT_MD5_HEX];
    struct strv sums; // MD5 of each segment
};

static void large_release(struct large *l)
{
    free(l->segments_container);
    free(l->prefix);
    strv_release(&l->sums);
}

static char *segments_of(const char *container)
{
    return str_format("%s_segments", container);
}

static char *segment_name(const struct large *l, size_t i)
{
    return str_format("%s%08zu", l->prefix, i);
}

static uint64_t segment_bytes(const struct large *l, size_t i)
{
    uint64_t offset = i * l->segment_size;

    return l->size - offset < l->segment_size ? l->size - offset : l->segment_size;
}

// All names that begin with `prefix`.
static int list_all(struct swift *swift, const char *container, const char *prefix,
                    struct strv *ret, struct error *err)
{
    const char *marker = NULL;
    size_t before;
    int r;

    do {
        before = ret->len;
        r = swift_list(swift, container, prefix, NULL, marker, PAGE, ret, err);
        marker = ret->len ? ret->items[ret->len - 1] : NULL;
    } while (r == 0 && ret->len - before == PAGE);
    return r;
}

void swift_sweep_segments(struct swift *swift, const char *container, const char *object,
                          const char *keep)
{
    _cleanup_free_ char *segments = segments_of(container), *prefix = str_format("%s/", object);
    _cleanup_strv_ struct strv names = STRV_INIT;

    if (!segments || !prefix || list_all(swift, segments, prefix, &names, NULL) < 0)
        return;
    STRV_FOREACH (name, &names)
        if (!keep || !str_starts_with(name, keep))
            (void)swift_delete(swift, segments, name, NULL);
}

// The segments may be read by whom the object may be read by.
static int ensure_segments_container(const struct large *l, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    const struct swift_call call = {.method = "HEAD", .container = l->container};
    int r = swift_call(l->swift, &call, &answer, err);

    if (r < 0)
        return r;
    return swift_ensure_container(l->swift, l->segments_container,
                                  http_response_header(&answer, "x-container-read"), err);
}

static int put_segment(const struct large *l, size_t i, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    _cleanup_free_ char *name = segment_name(l, i);
    const struct swift_call call = {.container = l->segments_container,
                                    .object = name,
                                    .body_file = l->path,
                                    .body_offset = i * l->segment_size,
                                    .body_size = segment_bytes(l, i)};

    return name ? swift_put_checked(l->swift, &call, l->sums.items[i], NULL, &answer, err)
                : error_oom(err);
}

// Uploads those that are not there, in `present`.
static int put_segments(const struct large *l, const struct strv *present, struct error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < l->sums.len; i++) {
        _cleanup_free_ char *name = segment_name(l, i);

        if (!name)
            return error_oom(err);
        if (!strv_contains(present, name))
            r = put_segment(l, i, err);
    }
    return r;
}

// ---------------------------------------------------------------- the manifest

static int manifest(const struct large *l, struct buf *text)
{
    _cleanup_json_ json_t *list = json_array();

    for (size_t i = 0; list && i < l->sums.len; i++) {
        _cleanup_free_ char *name = segment_name(l, i);
        _cleanup_free_ char *path = name ? str_format("/%s/%s", l->segments_container, name) : NULL;

        if (!path || json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "path", path, "etag",
                                                           l->sums.items[i], "size_bytes",
                                                           (json_int_t)segment_bytes(l, i))) < 0)
            return -ENOMEM;
    }
    return list ? json_write(list, text) : -ENOMEM;
}

// *ret_refused: the store does not have the segments that the manifest names.
static int put_manifest(const struct large *l, bool *ret_refused, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *sums = strv_join(&l->sums, "");
    struct swift_call call = {
        .container = l->container, .object = l->object, .query = "?multipart-manifest=put"};
    char etag[SWIFT_MD5_HEX];
    int r;

    if (!sums || manifest(l, &text) < 0)
        return error_oom(err);
    call.body = buf_str(&text);
    call.body_len = text.len;
    // The sum over the segments' sums: a store without large objects refuses that.
    r = swift_text_md5(sums, strlen(sums), etag, err);
    if (r == 0)
        r = swift_put_checked(l->swift, &call, etag, l->headers, &answer, err);
    *ret_refused = answer.status == 400;
    return r;
}

static int large_begin(struct large *l, const struct swift_limits *limits, struct error *err)
{
    int r;

    l->segment_size = swift_segment_size(l->size, limits);
    if (l->segment_size == 0)
        return error_set(
            err, -EFBIG,
            "store: %s/%s: it has %" PRIu64 " bytes, more than the store takes (%" PRIu64
            " at once, %" PRIu64 " segments)",
            l->container, l->object, l->size, limits->object_max, limits->segments_max);
    r = swift_file_md5(l->path, l->segment_size, l->md5, &l->sums, err);
    if (r < 0)
        return r;
    if (l->sums.len != l->size / l->segment_size + (l->size % l->segment_size > 0))
        return error_set(err, -EIO, "cannot send %s: its size has changed", l->path);
    l->segments_container = segments_of(l->container);
    l->prefix = str_format("%s/%s/%" PRIu64 "/", l->object, l->md5, l->segment_size);
    return l->segments_container && l->prefix ? 0 : error_oom(err);
}

int swift_put_large(struct swift *swift, const char *container, const char *object,
                    const char *path, uint64_t size, const struct strv *headers, struct error *err)
{
    _cleanup_(large_release) struct large l = {.swift = swift,
                                               .container = container,
                                               .object = object,
                                               .path = path,
                                               .headers = headers,
                                               .size = size};
    _cleanup_strv_ struct strv present = STRV_INIT;
    bool refused = false;
    int r = large_begin(&l, &swift->limits, err);

    if (r == 0)
        r = ensure_segments_container(&l, err);
    if (r == 0)
        r = list_all(swift, l.segments_container, l.prefix, &present, err);
    if (r == 0)
        r = put_segments(&l, &present, err);
    if (r == 0)
        r = put_manifest(&l, &refused, err);
    if (refused) { // the listing was not up to date
        error_clear(err);
        strv_release(&present);
        r = put_segments(&l, &present, err);
        if (r == 0)
            r = put_manifest(&l, &refused, err);
    }
    if (r == 0)
        swift_sweep_segments(swift, container, object, l.prefix);
    return r;
}
