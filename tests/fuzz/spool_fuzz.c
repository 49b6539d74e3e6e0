// SPDX-License-Identifier: GPL-3.0-only
// Input: run.json, request, testpkg-version and testinfo.json of a spool folder, with a NUL byte
// between each. What is announced of it is what the indexer takes, and the result's testinfo.json
// is an object with the triggers.
#include "adt/spool.h"
#include "base/file.h"
#include "upload/upload.h"

#include <fcntl.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const names[] = {"run.json", "request", "output/testpkg-version",
                                    "testinfo.json"};

static const char *folder(void)
{
    static char dir[] = "/tmp/spool-fuzz-XXXXXX", output[sizeof(dir) + 8];
    static bool made;

    if (!made) {
        if (!mkdtemp(dir))
            abort();
        (void)snprintf(output, sizeof(output), "%s/output", dir);
        if (mkdir(output, 0700) < 0)
            abort();
        made = true;
    }
    return dir;
}

static void put(const char *dir, const char *name, const char *text, size_t len)
{
    _cleanup_free_ char *path = path_join(dir, name);
    _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

    if (fd < 0 || fd_write_all(fd, text, len) < 0)
        abort();
}

static void check_testinfo(const struct parcel *parcel, const char *text, size_t len)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *testinfo = NULL;

    if (parcel_testinfo(text, len, &parcel->request, &out, NULL) < 0 ||
        json_parse(buf_str(&out), out.len, "testinfo", &testinfo, NULL) < 0 ||
        json_array_size(json_object_get(testinfo, "custom_environment")) == 0)
        abort();
}

static void check_message(const char *dir)
{
    _cleanup_(test_complete_release) struct test_complete done = {0}, back = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    if (spool_complete_message(dir, &done, NULL) < 0 ||
        test_complete_format(&done, &body, NULL) < 0 ||
        test_complete_parse(buf_str(&body), body.len, &back, NULL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *dir = folder(), *at = size ? (const char *)bytes : "", *last = at;
    struct parcel parcel = {0};
    size_t last_len = 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *nul = size ? memchr(at, '\0', size) : NULL;

        last = at;
        last_len = nul && i + 1 < ARRAY_SIZE(names) ? (size_t)(nul - at) : size;
        put(dir, names[i], last, last_len);
        size -= last_len;
        at += last_len;
        if (size > 0) {
            size--;
            at++;
        }
    }
    if (parcel_read(dir, &parcel, NULL) < 0)
        return 0;
    check_message(dir);
    check_testinfo(&parcel, last, last_len);
    parcel_release(&parcel);
    return 0;
}
