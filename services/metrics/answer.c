// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/answer.h"

#include "base/clock.h"
#include "base/file.h"

#include <poll.h>
#include <unistd.h>

static unsigned judge(const char *head)
{
    static const char path[] = "/metrics";
    const char *rest;

    if (!str_starts_with(head, "GET "))
        return strchr(head, ' ') ? 405 : 400;
    rest = head + strlen("GET ");
    if (!str_starts_with(rest, path))
        return 404;
    rest += strlen(path);
    return *rest == ' ' || *rest == '?' ? 200 : 404;
}

// 1: the head is complete, or nothing more comes.
static int read_more(int in, uint64_t until_us, struct buf *head)
{
    struct pollfd fd = {.fd = in, .events = POLLIN};
    struct timespec room;
    char bytes[4096];
    ssize_t n;
    int r = ppoll(&fd, 1, clock_left(until_us, &room), NULL);

    if (r == 0)
        return -ETIMEDOUT;
    n = r < 0 ? -1 : read(in, bytes, sizeof(bytes));
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    r = buf_add(head, bytes, (size_t)n);
    return r < 0 ? r : n == 0 || strstr(buf_str(head), "\r\n\r\n") || strstr(buf_str(head), "\n\n");
}

unsigned answer_read(int in, uint64_t until_us)
{
    _cleanup_buf_ struct buf head = BUF_INIT(ANSWER_HEAD_MAX);
    int r = 0;

    while (r == 0)
        r = read_more(in, until_us, &head);
    if (r < 0)
        return r == -ETIMEDOUT ? 408 : 400;
    return judge(buf_str(&head));
}

static const char *reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"}};

    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Internal Server Error";
}

int answer_write(int out, unsigned status, const struct buf *text, struct error *err)
{
    _cleanup_buf_ struct buf all = BUF_INIT(BUF_OWN_MAX);
    int r;

    if (buf_addf(&all,
                 "HTTP/1.1 %u %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                 "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
                 status, reason(status), text->len) < 0 ||
        buf_add(&all, buf_str(text), text->len) < 0)
        return error_oom(err);
    r = fd_write_all(out, buf_str(&all), all.len);
    return r < 0 ? error_errno(err, r, "cannot answer") : 0;
}
