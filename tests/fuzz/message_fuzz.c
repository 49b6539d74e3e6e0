// SPDX-License-Identifier: GPL-3.0-only
// Input: a status or completion message, an operator's order or its answer. What is read is written
// and read back as the same, and the pages' list of running tests takes it.
#include "adt/control.h"
#include "adt/names.h"
#include "web/running.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_running(struct test_status *status)
{
    struct running *running = NULL;
    _cleanup_json_ json_t *all = NULL;
    bool runs = status->running;

    if (running_new(&running) < 0)
        return;
    if (running_update(running, status, 1) < 0)
        abort();
    all = running_json(running);
    if (!json_is_object(all) || json_object_size(all) != (runs ? 1 : 0))
        abort();
    running_free(running);
}

static void check_status(const char *text, size_t len)
{
    _cleanup_(test_status_release) struct test_status status = {0}, back = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX), again = BUF_INIT(BUF_OWN_MAX);

    if (test_status_parse(text, len, &status, &err) < 0) {
        if (!err.message)
            abort();
        return;
    }
    if (!json_is_object(status.params) || test_status_format(&status, &body, NULL) < 0 ||
        test_status_parse(buf_str(&body), body.len, &back, NULL) < 0 ||
        test_status_format(&back, &again, NULL) < 0 || !str_equal(buf_str(&body), buf_str(&again)))
        abort();
    check_running(&status);
}

static void check_complete(const char *text, size_t len)
{
    _cleanup_(test_complete_release) struct test_complete done = {0}, back = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX), again = BUF_INIT(BUF_OWN_MAX);

    if (test_complete_parse(text, len, &done, &err) < 0) {
        if (!err.message)
            abort();
        return;
    }
    if (!name_is_release(done.release) || !name_is_arch(done.arch) ||
        !name_is_package(done.package) || done.exitcode < 0 || done.exitcode > 255 ||
        test_complete_format(&done, &body, NULL) < 0 ||
        test_complete_parse(buf_str(&body), body.len, &back, NULL) < 0 ||
        test_complete_format(&back, &again, NULL) < 0 ||
        !str_equal(buf_str(&body), buf_str(&again)))
        abort();
}

static void check_kill(const char *text, size_t len)
{
    _cleanup_(control_kill_release) struct control_kill kill = {0}, back = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    if (control_kill_parse(text, len, &kill, &err) < 0) {
        if (!err.message)
            abort();
        return;
    }
    if (control_kill_format(&kill, &body, NULL) < 0 ||
        control_kill_parse(buf_str(&body), body.len, &back, NULL) < 0 ||
        !str_equal(kill.uuid, back.uuid) || kill.requeue != back.requeue)
        abort();
}

static void check_answer(const char *text, size_t len)
{
    _cleanup_(control_answer_release) struct control_answer answer = {0}, back = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    if (control_answer_parse(text, len, &answer, &err) < 0) {
        if (!err.message)
            abort();
        return;
    }
    if (control_answer_format(&answer, &body, NULL) < 0 ||
        control_answer_parse(buf_str(&body), body.len, &back, NULL) < 0 ||
        !str_equal(answer.worker, back.worker) || !str_equal(answer.uuid, back.uuid) ||
        !str_equal(answer.package, back.package) || answer.outcome != back.outcome)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *text = size ? (const char *)bytes : "";

    check_status(text, size);
    check_complete(text, size);
    check_kill(text, size);
    check_answer(text, size);
    return 0;
}
