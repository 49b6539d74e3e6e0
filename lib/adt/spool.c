// SPDX-License-Identifier: GPL-3.0-only
#include "adt/spool.h"

#include "adt/names.h"
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>

#define RUN_JSON_MAX ((size_t)64 * 1024)
#define VERSION_MAX ((size_t)4096)

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

static int copy_member(const json_t *object, const char *key, char **ret, struct error *err)
{
    const char *value = NULL;
    int r = json_get_string(object, key, &value, err);

    if (r < 0)
        return r;
    *ret = strdup(value);
    return *ret ? 0 : error_oom(err);
}

static int read_members(const json_t *object, struct spool_run *run, struct error *err)
{
    int64_t exitcode = -1, duration = -1;
    int r;

    if ((r = copy_member(object, "run-id", &run->run_id, err)) < 0 ||
        (r = copy_member(object, "release", &run->release, err)) < 0 ||
        (r = copy_member(object, "arch", &run->arch, err)) < 0 ||
        (r = copy_member(object, "container", &run->container, err)) < 0 ||
        (r = copy_member(object, "read-acl", &run->read_acl, err)) < 0 ||
        (r = json_get_optional_int(object, "exitcode", &exitcode, err)) < 0 ||
        (r = json_get_optional_int(object, "duration", &duration, err)) < 0 ||
        (r = copy_member(object, "uuid", &run->uuid, err)) < 0 ||
        (r = copy_member(object, "worker", &run->worker, err)) < 0 ||
        (r = copy_member(object, "origin-queue", &run->origin_queue, err)) < 0)
        return r;
    if (exitcode < 0 || exitcode > 255)
        return error_set(err, -EBADMSG, "exitcode: expected 0 to 255");
    if (duration < 0)
        return error_set(err, -EBADMSG, "duration: expected seconds, from 0 on");
    run->exitcode = (int)exitcode;
    run->duration_s = (uint64_t)duration;
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
    DIR *dir = opendir(spool_dir);
    struct dirent *entry;
    int r = 0;

    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return error_errno(err, -errno, "cannot read the spool %s", spool_dir);
    while (r == 0 && (entry = readdir(dir)))
        if (name_is_run_id(entry->d_name))
            r = strv_add(ret, entry->d_name);
    (void)closedir(dir);
    if (r < 0)
        return error_oom(err);
    strv_sort(ret); // a run id begins with its date
    return 0;
}

// `PACKAGE VERSION` as autopkgtest writes it; "unknown" when it did not get so far.
static int read_version(const char *dir, char **ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/output/testpkg-version", dir);
    _cleanup_buf_ struct buf text = BUF_INIT(VERSION_MAX);
    char *line, *blank;
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &text, err);
    if (r < 0 && r != -ENOENT && r != -E2BIG)
        return r;
    error_clear(err);
    line = r < 0 || !text.data ? NULL : str_strip(text.data);
    blank = line ? strchr(line, ' ') : NULL;
    *ret = strdup(blank ? str_strip(blank) : "unknown");
    return *ret ? 0 : error_oom(err);
}

static int fill_from_request(const char *dir, struct test_complete *done, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "request");
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &body, err);
    if (r < 0)
        return r;
    // An unreadable request has a result as well, as long as it names its package.
    r = request_parse(buf_str(&body), body.len, &request, err);
    if (r < 0 && !request.package)
        return error_prefix(err, r, "%s", path);
    error_clear(err);
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
