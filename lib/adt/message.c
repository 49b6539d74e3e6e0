// SPDX-License-Identifier: GPL-3.0-only
#include "adt/message.h"

#include "adt/names.h"
#include "base/utf8.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LOGTAIL_BYTES 2000
#define LOGTAIL_LINES 5
#define LOGTAIL_HEAD_MAX 4096

int test_status_format(const struct test_status *status, struct buf *body, struct error *err)
{
    _cleanup_json_ json_t *message = json_object();
    int r;

    if (!message || json_put_string(message, "release", status->release) < 0 ||
        json_put_string(message, "architecture", status->arch) < 0 ||
        json_put_string(message, "package", status->package) < 0 ||
        json_put_bool(message, "running", status->running) < 0 ||
        json_put(message, "params", status->params ? json_incref(status->params) : json_object()) <
            0 ||
        json_put_int(message, "duration", (int64_t)status->duration_s) < 0 ||
        json_put_string(message, "logtail", status->logtail ? status->logtail : "") < 0)
        return error_oom(err);
    r = json_write(message, body);
    return r < 0 ? error_set(err, r, "status message: too long") : 0;
}

static int get_duration(const json_t *object, uint64_t *ret, struct error *err)
{
    int64_t duration = 0;
    int r = json_get_optional_int(object, "duration", &duration, err);

    if (r < 0)
        return r;
    if (duration < 0)
        return error_set(err, -EBADMSG, "duration: is negative");
    *ret = (uint64_t)duration;
    return 0;
}

int test_status_parse(const char *body, size_t len, struct test_status *ret, struct error *err)
{
    _cleanup_json_ json_t *message = NULL;
    _cleanup_(test_status_release) struct test_status status = {0};
    int r = json_parse(body, len, "status message", &message, err);

    if (r < 0)
        return r;
    if (!json_is_object(message))
        return error_set(err, -EBADMSG, "status message: expected an object, got %s",
                         json_type_name(message));
    if ((r = json_copy_string(message, "release", &status.release, err)) < 0 ||
        (r = json_copy_string(message, "architecture", &status.arch, err)) < 0 ||
        (r = json_copy_string(message, "package", &status.package, err)) < 0 ||
        (r = json_get_optional_bool(message, "running", &status.running, err)) < 0 ||
        (r = get_duration(message, &status.duration_s, err)) < 0 ||
        (r = json_copy_optional_string(message, "logtail", "", &status.logtail, err)) < 0)
        return error_prefix(err, r, "status message");
    status.params = json_incref(json_object_get(message, "params"));
    if (!json_is_object(status.params)) {
        json_decref(status.params);
        status.params = json_object();
        if (!status.params)
            return error_oom(err);
    }
    *ret = status;
    status = (struct test_status){0};
    return 0;
}

void test_status_release(struct test_status *status)
{
    free(status->release);
    free(status->arch);
    free(status->package);
    free(status->logtail);
    json_decref(status->params);
    *status = (struct test_status){0};
}

static ssize_t read_at(int fd, char *to, size_t len, off_t offset)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = pread(fd, to + got, len - got, offset + (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

// Bytes of the first lines, at most LOGTAIL_LINES.
static size_t head_length(const char *text, size_t len)
{
    const char *at = text;
    int lines;

    for (lines = 0; lines < LOGTAIL_LINES; lines++) {
        const char *newline = memchr(at, '\n', len - (size_t)(at - text));

        if (!newline)
            return len;
        at = newline + 1;
    }
    return (size_t)(at - text);
}

int logtail_make(const char *log_path, struct buf *ret, struct error *err)
{
    _cleanup_close_ int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    char head[LOGTAIL_HEAD_MAX], tail[LOGTAIL_BYTES];
    size_t head_len, tail_len, skip = 0;
    struct stat st;
    off_t start;
    int r;

    if (fd < 0 && errno == ENOENT)
        return 0; // the test has not written a line so far
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, -errno, "cannot read the log %s", log_path);
    head_len = (size_t)read_at(fd, head, sizeof(head), 0);
    head_len = head_length(head, head_len);
    start = st.st_size > LOGTAIL_BYTES ? st.st_size - LOGTAIL_BYTES : 0;
    if (start < (off_t)head_len)
        start = (off_t)head_len; // nothing twice
    tail_len = (size_t)read_at(fd, tail, sizeof(tail), start);
    // A cut inside a character: begin with the next one.
    while (skip < 3 && skip < tail_len && start > (off_t)head_len &&
           ((unsigned char)tail[skip] & 0xc0) == 0x80)
        skip++;
    r = utf8_add_clean(ret, head, head_len);
    if (r == 0 && start > (off_t)head_len)
        r = buf_add_str(ret, "[...]\n");
    if (r == 0)
        r = utf8_add_clean(ret, tail + skip, tail_len - skip);
    return r < 0 ? error_set(err, r, "the log's tail does not fit") : 0;
}

int test_complete_format(const struct test_complete *done, struct buf *body, struct error *err)
{
    _cleanup_json_ json_t *message = json_object();
    int r;

    if (!message || json_put_string(message, "architecture", done->arch) < 0 ||
        json_put_string(message, "container", done->container) < 0 ||
        json_put_int(message, "duration", (int64_t)done->duration_s) < 0 ||
        json_put_int(message, "exitcode", done->exitcode) < 0 ||
        json_put_string(message, "package", done->package) < 0 ||
        json_put_string(message, "testpkg_version", done->testpkg_version) < 0 ||
        json_put_string(message, "release", done->release) < 0 ||
        json_put_string(message, "requester", done->requester) < 0 ||
        json_put_string(message, "swift_dir", done->swift_dir) < 0 ||
        json_put_string(message, "triggers", done->triggers) < 0 ||
        json_put_string(message, "env", done->env) < 0)
        return error_oom(err);
    r = json_write(message, body);
    return r < 0 ? error_set(err, r, "completion message: too long") : 0;
}

static int check_complete(const struct test_complete *done, struct error *err)
{
    _cleanup_free_ char *release = NULL, *arch = NULL, *package = NULL, *run_id = NULL;
    int r = run_path_parse(done->swift_dir, &release, &arch, &package, &run_id, err);

    if (r < 0)
        return error_prefix(err, -EBADMSG, "swift_dir");
    if (!str_equal(release, done->release) || !str_equal(arch, done->arch) ||
        !str_equal(package, done->package))
        return error_set(err, -EBADMSG, "swift_dir: %s is not of %s on %s/%s", done->swift_dir,
                         done->package, done->release, done->arch);
    if (strpbrk(done->container, "/\n") || str_empty(done->container))
        return error_set(err, -EBADMSG, "container: expected a name without '/', got \"%.100s\"",
                         done->container);
    return 0;
}

static int parse_complete_texts(const json_t *message, struct test_complete *done,
                                struct error *err)
{
    int r;

    if ((r = json_copy_string(message, "release", &done->release, err)) < 0 ||
        (r = json_copy_string(message, "architecture", &done->arch, err)) < 0 ||
        (r = json_copy_string(message, "container", &done->container, err)) < 0 ||
        (r = json_copy_string(message, "package", &done->package, err)) < 0 ||
        (r = json_copy_string(message, "swift_dir", &done->swift_dir, err)) < 0 ||
        (r = json_copy_optional_string(message, "testpkg_version", "", &done->testpkg_version,
                                       err)) < 0 ||
        (r = json_copy_optional_string(message, "requester", "", &done->requester, err)) < 0 ||
        (r = json_copy_optional_string(message, "triggers", "", &done->triggers, err)) < 0 ||
        (r = json_copy_optional_string(message, "env", "", &done->env, err)) < 0)
        return r;
    return 0;
}

int test_complete_parse(const char *body, size_t len, struct test_complete *ret, struct error *err)
{
    _cleanup_json_ json_t *message = NULL;
    _cleanup_(test_complete_release) struct test_complete done = {0};
    int64_t exitcode = -1;
    int r = json_parse(body, len, "completion message", &message, err);

    if (r < 0)
        return r;
    if (!json_is_object(message))
        return error_set(err, -EBADMSG, "completion message: expected an object, got %s",
                         json_type_name(message));
    if ((r = parse_complete_texts(message, &done, err)) < 0 ||
        (r = get_duration(message, &done.duration_s, err)) < 0 ||
        (r = json_get_optional_int(message, "exitcode", &exitcode, err)) < 0)
        return error_prefix(err, r, "completion message");
    if (exitcode < 0 || exitcode > 255)
        return error_set(err, -EBADMSG, "completion message: exitcode: expected 0 to 255");
    done.exitcode = (int)exitcode;
    r = check_complete(&done, err);
    if (r < 0)
        return error_prefix(err, r, "completion message");
    *ret = done;
    done = (struct test_complete){0};
    return 0;
}

int test_complete_env(const struct request *request, char **ret, struct error *err)
{
    _cleanup_strv_ struct strv parts = STRV_INIT;
    char *env;

    if (request->all_proposed && strv_add(&parts, "all-proposed=1") < 0)
        return error_oom(err);
    if (request->testname && strv_addf(&parts, "testname=%s", request->testname) < 0)
        return error_oom(err);
    if (!request_is_private(request))
        STRV_FOREACH (assignment, &request->env)
            if (strv_add(&parts, assignment) < 0)
                return error_oom(err);
    env = strv_join(&parts, ",");
    if (!env)
        return error_oom(err);
    *ret = env;
    return 0;
}

void test_complete_release(struct test_complete *done)
{
    free(done->release);
    free(done->arch);
    free(done->container);
    free(done->package);
    free(done->testpkg_version);
    free(done->requester);
    free(done->swift_dir);
    free(done->triggers);
    free(done->env);
    *done = (struct test_complete){0};
}
