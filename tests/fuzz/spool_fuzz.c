// SPDX-License-Identifier: GPL-3.0-only
// Input: run.json, request, testpkg-version and testinfo.json of a spool folder, with a NUL byte
// between each. What is announced of it is what the indexer takes, and the result's testinfo.json
// is an object with the triggers.
#include "adt/spool.h"
#include "scratch.h"
#include "upload/upload.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const names[] = {"run.json", "request", "output/testpkg-version",
                                    "testinfo.json"};

static void check_testinfo(const struct parcel *parcel, const char *text, size_t len)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *testinfo = NULL;

    if (parcel_testinfo(text, len, &parcel->request, &out, NULL) < 0 ||
        json_parse(buf_str(&out), out.len, "testinfo", &testinfo, NULL) < 0 ||
        json_array_size(json_object_get(testinfo, "custom_environment")) == 0)
        abort();
}

static void check_message(void)
{
    _cleanup_(test_complete_release) struct test_complete done = {0}, back = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    if (spool_complete_message(scratch_dir(), &done, NULL) < 0 ||
        test_complete_format(&done, &body, NULL) < 0 ||
        test_complete_parse(buf_str(&body), body.len, &back, NULL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *at = size ? (const char *)bytes : "", *last = at;
    struct parcel parcel = {0};
    size_t last_len = 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *nul = size ? memchr(at, '\0', size) : NULL;

        last = at;
        last_len = nul && i + 1 < ARRAY_SIZE(names) ? (size_t)(nul - at) : size;
        scratch_put(names[i], last, last_len);
        size -= last_len;
        at += last_len;
        if (size > 0) {
            size--;
            at++;
        }
    }
    if (parcel_read(scratch_dir(), &parcel, NULL) < 0)
        return 0;
    check_message();
    check_testinfo(&parcel, last, last_len);
    parcel_release(&parcel);
    return 0;
}
