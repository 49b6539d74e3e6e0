// SPDX-License-Identifier: GPL-3.0-only
// The two ends of a pick, for tests/bench/worker:
//
//     worker_bench QUEUE SAMPLES      publishes requests one by one to an idle worker and prints, a
//                                     line each, the microseconds until autopkgtest was executed
//                                     and until the broker confirmed the request
//     worker_bench --output-dir …     stands for autopkgtest: writes the time to $BENCH_EXEC, ends
#include "adt/settings.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>

#define IDLE_US (200 * USEC_PER_MSEC) // between two requests, for the worker to be idle again
#define PATIENCE_US (20 * USEC_PER_SEC)

static int executed(const char *path)
{
    uint64_t now = clock_monotonic_us();
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || dprintf(fd, "%" PRIu64 "\n", now) < 0)
        return 1;
    return 0;
}

// Serves the link for a while, so that it stays alive.
static int idle(struct amqp_link *link, uint64_t us, struct error *err)
{
    uint64_t end = clock_monotonic_us() + us;

    while (clock_monotonic_us() < end) {
        struct pollfd p = {.fd = amqp_link_fd(link), .events = POLLIN};

        (void)poll(&p, 1, 1);
        if (amqp_link_dispatch(link, err) < 0)
            return -EIO;
    }
    return 0;
}

static int wait_for_exec(struct amqp_link *link, const char *path, uint64_t *ret_us,
                         struct error *err)
{
    uint64_t end = clock_monotonic_us() + PATIENCE_US;

    while (clock_monotonic_us() < end) {
        _cleanup_buf_ struct buf text = BUF_INIT(64);

        if (idle(link, 2 * USEC_PER_MSEC, err) < 0)
            return -EIO;
        if (file_read(path, &text, NULL) == 0 && str_ends_with(buf_str(&text), "\n"))
            return parse_uint(str_strip(text.data), 0, UINT64_MAX, ret_us, err);
    }
    return error_set(err, -ETIMEDOUT, "autopkgtest was not executed");
}

static int sample(struct amqp_link *link, const char *queue, const char *path, struct error *err)
{
    static const char body[] = "gzip\n{\"triggers\": [\"gzip/1.12-1\"]}";
    struct amqp_publication request = {
        .exchange = "",
        .routing_key = queue,
        .body = body,
        .body_len = sizeof body - 1,
        .persistent = true,
        .mandatory = true,
    };
    uint64_t published, confirmed, exec_us = 0;
    int r;

    if ((r = file_remove(path, NULL, err)) < 0 || (r = idle(link, IDLE_US, err)) < 0)
        return r;
    published = clock_monotonic_us();
    if ((r = amqp_link_publish_confirmed(link, &request, err)) < 0)
        return r;
    confirmed = clock_monotonic_us();
    if ((r = wait_for_exec(link, path, &exec_us, err)) < 0)
        return r;
    printf("%" PRIu64 " %" PRIu64 "\n", exec_us - published, confirmed - published);
    return fflush(stdout) == 0 ? 0 : -EIO;
}

static int run(const char *queue, const char *count, const char *path, struct error *err)
{
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    uint64_t samples = 0;
    int r;

    if ((r = parse_uint(count, 1, 10000, &samples, err)) < 0 ||
        (r = settings_load_broker(settings_dir(), &settings, err)) < 0 ||
        (r = amqp_link_open(&settings, "worker_bench", NULL, NULL, &link, err)) < 0)
        return r;
    for (uint64_t i = 0; r == 0 && i < samples; i++)
        r = sample(link, queue, path, err);
    return r;
}

int main(int argc, char **argv)
{
    const char *path = getenv("BENCH_EXEC");
    _cleanup_error_ struct error err = ERROR_INIT;

    if (argc > 1 && path && str_equal(argv[1], "--output-dir"))
        return executed(path);
    if (argc != 3 || !path) {
        fprintf(stderr, "usage: BENCH_EXEC=FILE worker_bench QUEUE SAMPLES\n");
        return 64;
    }
    if (run(argv[1], argv[2], path, &err) == 0)
        return 0;
    fprintf(stderr, "worker_bench: %s\n", error_message(&err));
    return 1;
}
