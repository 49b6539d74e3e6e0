// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/answer.h"

#include "base/clock.h"
#include "base/file.h"
#include "test.h"

#include <fcntl.h>
#include <unistd.h>

#define LONG_US (600 * USEC_PER_SEC) // which nobody takes who knows the answer before

// The status for a client that sends this and closes, or stays so long.
static unsigned status_of(const char *request, uint64_t stays_us)
{
    int ends[2];
    unsigned status;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(fd_write_all(ends[1], request, strlen(request)), 0);
    if (stays_us == 0)
        (void)close(ends[1]);
    status = answer_read(ends[0], clock_monotonic_us() + stays_us);
    (void)close(ends[0]);
    if (stays_us > 0)
        (void)close(ends[1]);
    return status;
}

TEST(requests_are_judged)
{
    ck_assert_uint_eq(status_of("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", LONG_US), 200);
    ck_assert_uint_eq(status_of("GET /metrics?a=b HTTP/1.0\n\n", LONG_US), 200);
    ck_assert_uint_eq(status_of("GET /metricsx HTTP/1.1\r\n\r\n", 0), 404);
    ck_assert_uint_eq(status_of("GET / HTTP/1.1\r\n\r\n", 0), 404);
    ck_assert_uint_eq(status_of("POST /metrics HTTP/1.1\r\n\r\n", 0), 405);
    ck_assert_uint_eq(status_of("", 0), 400);
}

TEST(a_client_that_says_nothing_or_too_much_is_not_waited_for)
{
    _cleanup_buf_ struct buf much = BUF_INIT(BUF_OWN_MAX);

    ck_assert_uint_eq(status_of("GET /metrics HTTP/1.1\r\n", 50 * USEC_PER_MSEC), 408);
    ck_assert_int_eq(buf_add_str(&much, "GET /metrics HTTP/1.1\r\n"), 0);
    while (much.len < 2 * ANSWER_HEAD_MAX)
        ck_assert_int_eq(buf_add_str(&much, "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), 0);
    ck_assert_uint_eq(status_of(buf_str(&much), LONG_US), 400);
}

TEST(answers_have_their_length)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX), all = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(buf_add_str(&text, "a 1\n"), 0);
    ASSERT_OK(answer_write(ends[1], 200, &text, &err), &err);
    (void)close(ends[1]);
    ASSERT_OK(file_read_fd(ends[0], "answer", &all, &err), &err);
    (void)close(ends[0]);
    ck_assert(str_starts_with(buf_str(&all), "HTTP/1.1 200 OK\r\nContent-Type: text/plain; "
                                             "version=0.0.4; charset=utf-8\r\n"
                                             "Content-Length: 4\r\n"));
    ck_assert(str_ends_with(buf_str(&all), "\r\n\r\na 1\n"));
    ck_assert_int_eq(answer_write(-1, 404, &text, &err), -EBADF);
}
