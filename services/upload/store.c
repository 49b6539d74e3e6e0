// SPDX-License-Identifier: GPL-3.0-only
#include "upload/upload.h"

#include "adt/run_files.h"
#include "base/file.h"
#include "base/parse.h"
#include "data/archive.h"

#define RESULT_MAX ((size_t)64 * 1024 * 1024)

static int put_packed(const struct parcel *parcel, struct swift *swift, size_t i, struct error *err)
{
    _cleanup_free_ char *object = str_format("%s/%s", parcel->prefix, run_files[i].name);
    _cleanup_free_ char *path = path_join(parcel->packed, run_files[i].name);
    _cleanup_strv_ struct strv headers = STRV_INIT;

    if (!object || !path || strv_add_all(&headers, run_files[i].headers) < 0)
        return error_oom(err);
    return swift_put_file(swift, parcel->run.container, object, path, &headers, err);
}

static int put_readers(const struct parcel *parcel, struct swift *swift, struct error *err)
{
    _cleanup_free_ char *object = str_format("%s/readable-by", parcel->prefix);
    _cleanup_free_ char *names = strv_join(&parcel->request.readable_by, "\n");
    _cleanup_strv_ struct strv headers = STRV_INIT;

    if (parcel->request.readable_by.len == 0)
        return 0;
    if (!object || !names || strv_add(&headers, "Content-Type: text/plain; charset=UTF-8") < 0)
        return error_oom(err);
    return swift_put(swift, parcel->run.container, object, names, strlen(names), &headers, err);
}

int parcel_store(const struct parcel *parcel, struct swift *swift, struct error *err)
{
    const char *acl = str_empty(parcel->run.read_acl) ? NULL : parcel->run.read_acl;
    int r = swift_ensure_container(swift, parcel->run.container, acl, err);

    if (r == 0)
        r = put_readers(parcel, swift, err);
    for (size_t i = 0; r == 0 && i < RUN_FILES_LEN; i++)
        r = put_packed(parcel, swift, i, err);
    return r < 0 ? error_prefix(err, r, "%s/%s", parcel->run.container, parcel->prefix) : 0;
}

// ---------------------------------------------------------------- looking for a result

static int read_number(const char *tar, const char *member, uint64_t max, uint64_t *ret,
                       struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    int r = tar_read_member(tar, member, &text, err);

    if (r == 0)
        r = parse_uint(text.data ? str_strip(text.data) : "", 0, max, ret, err);
    return r < 0 ? error_prefix(err, -EBADMSG, "result.tar: %s", member) : 0;
}

static int read_result(const char *tar, struct test_complete *done, struct error *err)
{
    _cleanup_buf_ struct buf version = BUF_INIT(4096);
    uint64_t exitcode = 0;
    const char *found;
    int r;

    if ((r = read_number(tar, "exitcode", 255, &exitcode, err)) < 0 ||
        (r = read_number(tar, "duration", UINT32_MAX, &done->duration_s, err)) < 0)
        return r;
    done->exitcode = (int)exitcode;
    if (tar_read_member(tar, "testpkg-version", &version, NULL) < 0 || !version.data ||
        !(found = spool_version(version.data)))
        return 0;
    free(done->testpkg_version);
    done->testpkg_version = strdup(found);
    return done->testpkg_version ? 0 : error_oom(err);
}

int parcel_find(const struct parcel *parcel, struct swift *swift, struct buf *body,
                struct error *err)
{
    _cleanup_free_ char *object = str_format("%s/result.tar", parcel->prefix);
    _cleanup_free_ char *path = path_join(parcel->dir, "found.tar");
    _cleanup_buf_ struct buf tar = BUF_INIT(RESULT_MAX);
    _cleanup_(test_complete_release) struct test_complete done = {0};
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);
    bool exists = false;
    int r;

    if (!object || !path)
        return error_oom(err);
    r = swift_head(swift, parcel->run.container, object, &exists, err);
    if (r < 0)
        return r;
    if (!exists)
        return error_set(err, -ENOENT, "no result of %s", parcel->run.run_id);
    if ((r = swift_get(swift, parcel->run.container, object, &tar, err)) < 0 ||
        (r = file_replace(path, buf_str(&tar), tar.len, &attributes, NULL, err)) < 0 ||
        (r = spool_complete_message(parcel->dir, &done, err)) < 0 ||
        (r = read_result(path, &done, err)) < 0)
        return r;
    return test_complete_format(&done, body, err);
}
