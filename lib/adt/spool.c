// SPDX-License-Identifier: GPL-3.0-only
#include "adt/spool.h"

#include "adt/names.h"
#include "base/file.h"

#define RUN_JSON_MAX ((size_t)64 * 1024)
#define VERSION_MAX ((size_t)4096)
#define SPOOLED_BODY_MAX                                                                           \
    ((size_t)16 * 1024 * 1024) // also of those that are refused for their length

int spool_run_write(const char *dir, const struct spool_run *run, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "run.json");
    _cleanup_buf_ struct buf text = BUF_INIT(RUN_JSON_MAX);
    _cleanup_json_ json_t *object = json_object();
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);

    if (!path || !object || json_put_string(object, "run-id", run->run_id) < 0 ||
        json_put_string(object, "release", run->release) < 0 ||
        json_put_string(object, "arch", run->arch) < 0 ||
        json_put_string(object, "container", run->container) < 0 ||
        json_put_string(object, "read-acl", run->read_acl) < 0 ||
        json_put_int(object, "exitcode", run->exitcode) < 0 ||
        json_put_int(object, "duration", (int64_t)run->duration_s) < 0 ||
        json_put_string(object, "uuid", run->uuid) < 0 ||
        json_put_string(object, "worker", run->worker) < 0 ||
        json_put_string(object, "origin-queue", run->origin_queue) < 0 ||
        json_write(object, &text) < 0)
        return error_oom(err);
    return file_replace(path, buf_str(&text), text.len, &attributes, NULL, err);
}

static int read_members(const json_t *object, struct spool_run *run, struct error *err)
{
    int64_t exitcode = -1, duration = -1;
    int r;

    if ((r = json_copy_string(object, "run-id", &run->run_id, err)) < 0 ||
        (r = json_copy_string(object, "release", &run->release, err)) < 0 ||
        (r = json_copy_string(object, "arch", &run->arch, err)) < 0 ||
        (r = json_copy_string(object, "container", &run->container, err)) < 0 ||
        (r = json_copy_string(object, "read-acl", &run->read_acl, err)) < 0 ||
        (r = json_get_optional_int(object, "exitcode", &exitcode, err)) < 0 ||
        (r = json_get_optional_int(object, "duration", &duration, err)) < 0 ||
        (r = json_copy_string(object, "uuid", &run->uuid, err)) < 0 ||
        (r = json_copy_string(object, "worker", &run->worker, err)) < 0 ||
        (r = json_copy_string(object, "origin-queue", &run->origin_queue, err)) < 0)
        return r;
    if (exitcode < 0 || exitcode > 255)
        return error_set(err, -EBADMSG, "exitcode: expected 0 to 255");
    if (duration < 0)
        return error_set(err, -EBADMSG, "duration: expected seconds, from 0 on");
    run->exitcode = (int)exitcode;
    run->duration_s = (uint64_t)duration;
    return 0;
}

static int check_names(const struct spool_run *run, struct error *err)
{
    if (!name_is_run_id(run->run_id) || !name_is_release(run->release) ||
        !name_is_arch(run->arch) || str_empty(run->container) || strchr(run->container, '/'))
        return error_set(err, -EBADMSG, "run-id, release, arch or container is none");
    return 0;
}

int spool_run_read(const char *dir, struct spool_run *ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "run.json");
    _cleanup_json_ json_t *object = NULL;
    struct spool_run run = {0};
    int r;

    if (!path)
        return error_oom(err);
    r = json_parse_file(path, RUN_JSON_MAX, &object, err);
    if (r < 0)
        return r;
    r = read_members(object, &run, err);
    if (r == 0)
        r = check_names(&run, err);
    if (r < 0) {
        spool_run_release(&run);
        return error_prefix(err, r, "%s", path);
    }
    *ret = run;
    return 0;
}

void spool_run_release(struct spool_run *run)
{
    free(run->run_id);
    free(run->release);
    free(run->arch);
    free(run->container);
    free(run->read_acl);
    free(run->uuid);
    free(run->worker);
    free(run->origin_queue);
    *run = (struct spool_run){0};
}

bool spool_is_stored(const char *dir)
{
    _cleanup_free_ char *path = path_join(dir, "stored");

    return path && access(path, F_OK) == 0;
}

int spool_mark_stored(const char *dir, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "stored");
    struct file_attributes attributes = FILE_ATTRIBUTES(0640);

    return path ? file_replace(path, "", 0, &attributes, NULL, err) : error_oom(err);
}

int spool_list(const char *spool_dir, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir_list(spool_dir, &names, err);

    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return error_prefix(err, r, "the spool");
    STRV_FOREACH (name, &names) // sorted: a run id begins with its date
        if (name_is_run_id(name) && strv_add(ret, name) < 0)
            return error_oom(err);
    return 0;
}

int spool_read_request(const char *dir, struct request *ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "request");
    _cleanup_buf_ struct buf body = BUF_INIT(SPOOLED_BODY_MAX);
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &body, err);
    if (r < 0)
        return r;
    r = request_parse(buf_str(&body), body.len, ret, err);
    if (r == -EBADMSG && ret->package) {
        error_clear(err);
        return 0;
    }
    return r < 0 ? error_prefix(err, r, "%s", path) : 0;
}

char *spool_version(char *text)
{
    char *blank = strchr(str_strip(text), ' ');
    char *version = blank ? str_strip(blank) : NULL;

    // What a source package says of itself may be anything.
    return version && name_is_version(version) ? version : NULL;
}

// "unknown" when there is none.
static int read_version(const char *dir, char **ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/output/testpkg-version", dir);
    _cleanup_buf_ struct buf text = BUF_INIT(VERSION_MAX);
    const char *version;
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &text, err);
    if (r < 0 && r != -ENOENT && r != -E2BIG)
        return r;
    error_clear(err);
    version = r == 0 && text.data ? spool_version(text.data) : NULL;
    *ret = strdup(version ? version : "unknown");
    return *ret ? 0 : error_oom(err);
}

static int fill_from_request(const char *dir, struct test_complete *done, struct error *err)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r = spool_read_request(dir, &request, err);

    if (r < 0)
        return r;
    done->package = TAKE_PTR(request.package);
    done->requester = strdup(request.requester ? request.requester : "");
    done->triggers = strv_join(&request.triggers, " ");
    if (!done->requester || !done->triggers)
        return error_oom(err);
    return test_complete_env(&request, &done->env, err);
}

int spool_complete_message(const char *dir, struct test_complete *ret, struct error *err)
{
    _cleanup_(spool_run_release) struct spool_run run = {0};
    _cleanup_(test_complete_release) struct test_complete done = {0};
    int r;

    if ((r = spool_run_read(dir, &run, err)) < 0 || (r = fill_from_request(dir, &done, err)) < 0 ||
        (r = read_version(dir, &done.testpkg_version, err)) < 0)
        return r;
    done.swift_dir = run_path(run.release, run.arch, done.package, run.run_id);
    if (!done.swift_dir)
        return error_oom(err);
    done.release = TAKE_PTR(run.release);
    done.arch = TAKE_PTR(run.arch);
    done.container = TAKE_PTR(run.container);
    done.duration_s = run.duration_s;
    done.exitcode = run.exitcode;
    *ret = done;
    done = (struct test_complete){0};
    return 0;
}
