// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "base/process.h"
#include "nova-setup/setup.h"

#include <fcntl.h>
#include <sys/file.h>

#define KEYGEN_WAIT_US (60 * USEC_PER_SEC)
#define SSH_WAIT_US (30 * USEC_PER_SEC)
#define KEY_MAX ((size_t)16 * 1024)
#define NOT_YET 75

// On images with cloud-init the machine is ready when that has ended.
static const char look[] =
    "if [ -d /var/lib/cloud ] && [ ! -e /var/lib/cloud/instance/boot-finished ]; "
    "then exit 75; fi; cat /proc/sys/kernel/random/boot_id";

static int run(const char *const *argv, uint64_t wait_us, struct process_result *result,
               struct error *err)
{
    struct process_spec spec = PROCESS_SPEC_INIT;

    spec.argv = argv;
    spec.die_with_parent = true;
    return process_run(&spec, NULL, 0, wait_us, result, err);
}

// A new pair in the place of none. Another program's lock was waited for, so that there is one.
static int make_key(const char *path, struct error *err)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(64 * 1024);
    _cleanup_free_ char *fresh = str_format("%s.new", path), *half = str_format("%s.new.pub", path);
    _cleanup_free_ char *public = str_format("%s.pub", path);
    int r;

    if (!fresh || !half || !public)
        return error_oom(err);
    if ((r = file_remove(fresh, NULL, err)) < 0 || (r = file_remove(half, NULL, err)) < 0 ||
        (r = run((const char *[]){"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
                                  "autopkgtest-cloud", "-f", fresh, NULL},
                 KEYGEN_WAIT_US, &result, err)) < 0)
        return r;
    if (result.status != 0)
        return error_set(err, -EIO, "ssh-keygen: %s", buf_str(&result.errors));
    if (rename(half, public) < 0 || rename(fresh, path) < 0)
        return error_errno(err, -errno, "cannot rename %s", fresh);
    return 0;
}

static int ensure_key(const char *path, struct error *err)
{
    _cleanup_free_ char *lock = str_format("%s.lock", path);
    _cleanup_close_ int fd = -1;
    int r;

    if (!lock)
        return error_oom(err);
    r = dir_make_parent(path, 0700, err);
    if (r < 0)
        return r;
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return error_errno(err, -errno, "cannot lock %s", lock);
    return access(path, F_OK) == 0 ? 0 : make_key(path, err);
}

int access_prepare(struct setup *s, struct error *err)
{
    _cleanup_free_ char *public = str_format("%s.pub", s->key_file);
    _cleanup_buf_ struct buf text = BUF_INIT(KEY_MAX);
    int r = public ? ensure_key(s->key_file, err) : error_oom(err);

    if (r < 0 || (r = file_read(public, &text, err)) < 0)
        return r;
    s->public_key = strndup(buf_str(&text), strcspn(buf_str(&text), "\n"));
    return s->public_key ? 0 : error_oom(err);
}

int access_boot_id(const struct setup *s, const char *address, char **ret, struct error *err)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(64 * 1024);
    const char *const argv[] = {"ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o",
                                // a machine that is some seconds old
                                "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-i",
                                s->key_file, "-l", s->login, address, look, NULL};
    const char *said;
    int r = run(argv, SSH_WAIT_US, &result, err);

    if (r == -ETIMEDOUT)
        return -EAGAIN;
    if (r < 0)
        return r;
    said = buf_str(&result.out);
    if (result.status == NOT_YET)
        return error_set(err, -EAGAIN, "cloud-init has not ended");
    if (result.status != 0)
        return error_set(err, -EAGAIN, "ssh ended with %d: %.*s", result.status,
                         (int)strcspn(buf_str(&result.errors), "\n"), buf_str(&result.errors));
    if (strspn(said, "0123456789abcdef-\n") != strlen(said) || strlen(said) < 8)
        return error_set(err, -EAGAIN, "expected the boot id, got something else");
    *ret = strndup(said, strcspn(said, "\n"));
    return *ret ? 0 : error_oom(err);
}
