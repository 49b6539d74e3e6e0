// SPDX-License-Identifier: GPL-3.0-only
#include "upload/upload.h"

#include "base/clock.h"
#include "base/file.h"
#include "data/archive.h"

#include <inttypes.h>

#define TESTINFO_MAX ((size_t)4 * 1024 * 1024)
#define TRIGGERS_VARIABLE "ADT_TEST_TRIGGERS="

// Members of result.tar that autopkgtest wrote; everything else of output/ is an artifact.
static const char *const from_output[] = {"testbed-packages", "summary"};
static const char *const not_artifacts[] = {"testbed-packages", "summary",   "testpkg-version",
                                            "testinfo.json",    "log",       "exitcode",
                                            "duration",         "requester", "uuid"};

static bool has_triggers(const json_t *environment)
{
    const json_t *item;
    size_t i;

    json_array_foreach (environment, i, item) {
        const char *text = json_string_value(item);

        if (text && str_starts_with(text, TRIGGERS_VARIABLE))
            return true;
    }
    return false;
}

static int add_triggers(json_t *testinfo, const struct request *request)
{
    _cleanup_free_ char *joined = strv_join(&request->triggers, " ");
    _cleanup_free_ char *variable = joined ? str_format(TRIGGERS_VARIABLE "%s", joined) : NULL;
    json_t *environment = json_object_get(testinfo, "custom_environment");

    if (!variable)
        return -ENOMEM;
    if (!json_is_array(environment)) {
        if (json_put(testinfo, "custom_environment", json_array()) < 0)
            return -ENOMEM;
        environment = json_object_get(testinfo, "custom_environment");
    }
    if (has_triggers(environment))
        return 0;
    return json_array_append_new(environment, json_string(variable)) < 0 ? -ENOMEM : 0;
}

int parcel_testinfo(const char *text, size_t len, const struct request *request, struct buf *b,
                    struct error *err)
{
    _cleanup_json_ json_t *testinfo = NULL;

    // What an autopkgtest that died left half-written counts as nothing.
    if (!text || json_parse(text, len, "testinfo.json", &testinfo, NULL) < 0 ||
        !json_is_object(testinfo)) {
        json_decref(testinfo);
        testinfo = json_object();
    }
    if (!testinfo || add_triggers(testinfo, request) < 0 || json_write(testinfo, b) < 0)
        return error_oom(err);
    return 0;
}

static int add_text(struct tar_writer *w, const char *name, const char *text, struct error *err)
{
    _cleanup_free_ char *line = str_format("%s\n", text);

    return line ? tar_writer_add(w, name, line, strlen(line), err) : error_oom(err);
}

static int add_number(struct tar_writer *w, const char *name, uint64_t value, struct error *err)
{
    _cleanup_free_ char *text = str_format("%" PRIu64, value);

    return text ? add_text(w, name, text, err) : error_oom(err);
}

static int add_version(const struct parcel *parcel, struct tar_writer *w, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/output/testpkg-version", parcel->dir);
    _cleanup_buf_ struct buf text = BUF_INIT(64 * 1024);

    if (!path)
        return error_oom(err);
    // PACKAGE VERSION, or nothing when autopkgtest did not get so far
    if (file_read(path, &text, NULL) == 0 && strchr(buf_str(&text), ' '))
        return tar_writer_add(w, "testpkg-version", buf_str(&text), text.len, err);
    buf_truncate(&text, 0);
    if (buf_addf(&text, "%s unknown", parcel->request.package) < 0)
        return error_oom(err);
    return add_text(w, "testpkg-version", buf_str(&text), err);
}

static int add_testinfo(const struct parcel *parcel, struct tar_writer *w, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/output/testinfo.json", parcel->dir);
    _cleanup_buf_ struct buf text = BUF_INIT(TESTINFO_MAX), out = BUF_INIT(2 * TESTINFO_MAX);
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &text, NULL);
    r = parcel_testinfo(r == 0 ? buf_str(&text) : NULL, text.len, &parcel->request, &out, err);
    return r < 0 ? r : tar_writer_add(w, "testinfo.json", buf_str(&out), out.len, err);
}

static int add_from_output(const struct parcel *parcel, struct tar_writer *w, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(from_output); i++) {
        _cleanup_free_ char *path = str_format("%s/output/%s", parcel->dir, from_output[i]);
        int r;

        if (!path)
            return error_oom(err);
        if (access(path, F_OK) == 0 && (r = tar_writer_add_file(w, from_output[i], path, err)) < 0)
            return r;
    }
    return 0;
}

// What the completion message says of it: an index made anew from the store is then the same.
static int add_env(const struct request *request, struct tar_writer *w, struct error *err)
{
    _cleanup_free_ char *env = NULL;
    int r = test_complete_env(request, &env, err);

    return r < 0 ? r : add_text(w, "env", env, err);
}

static int pack_result(const struct parcel *parcel, int64_t mtime, struct error *err)
{
    _cleanup_free_ char *path = path_join(parcel->packed, "result.tar");
    _cleanup_(tar_writer_freep) struct tar_writer *w = NULL;
    const struct request *q = &parcel->request;
    int r;

    if (!path)
        return error_oom(err);
    if ((r = tar_writer_open(path, false, mtime, &w, err)) < 0 ||
        (r = add_number(w, "exitcode", (uint64_t)parcel->run.exitcode, err)) < 0 ||
        (r = add_version(parcel, w, err)) < 0 ||
        (r = add_number(w, "duration", parcel->run.duration_s, err)) < 0 ||
        (r = add_testinfo(parcel, w, err)) < 0 || (r = add_env(q, w, err)) < 0 ||
        (r = add_from_output(parcel, w, err)) < 0)
        return r;
    if (q->requester && (r = add_text(w, "requester", q->requester, err)) < 0)
        return r;
    if (!str_empty(parcel->run.uuid) && (r = add_text(w, "uuid", parcel->run.uuid, err)) < 0)
        return r;
    return tar_writer_close(TAKE_PTR(w), err);
}

static bool is_not_artifact(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(not_artifacts); i++)
        if (str_equal(name, not_artifacts[i]))
            return true;
    return false;
}

static int pack_artifacts(const struct parcel *parcel, int64_t mtime, struct error *err)
{
    _cleanup_free_ char *path = path_join(parcel->packed, "artifacts.tar.gz");
    _cleanup_free_ char *output = path_join(parcel->dir, "output");
    _cleanup_(tar_writer_freep) struct tar_writer *w = NULL;
    int r;

    if (!path || !output)
        return error_oom(err);
    if ((r = tar_writer_open(path, true, mtime, &w, err)) < 0 ||
        (r = tar_writer_add_tree(w, output, is_not_artifact, err)) < 0)
        return r;
    return tar_writer_close(TAKE_PTR(w), err);
}

int parcel_pack(const struct parcel *parcel, struct error *err)
{
    _cleanup_free_ char *log = path_join(parcel->dir, "log");
    _cleanup_free_ char *log_gz = path_join(parcel->packed, "log.gz");
    int64_t mtime = 0;
    int r;

    if (!log || !log_gz)
        return error_oom(err);
    if ((r = clock_parse_compact(parcel->run.run_id, &mtime, err)) < 0 ||
        (r = dir_make(parcel->packed, 0750, err)) < 0 || (r = gzip_file(log, log_gz, err)) < 0 ||
        (r = pack_artifacts(parcel, mtime, err)) < 0)
        return r;
    return pack_result(parcel, mtime, err);
}
