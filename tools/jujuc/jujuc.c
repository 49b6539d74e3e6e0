// SPDX-License-Identifier: GPL-3.0-only
/*
 * The client of juju-local's hook tools.
 *
 * One small static program under the name of every tool. It sends its name, arguments and
 * working directory to the agent over the Unix socket named in the environment, and writes out
 * the answer. It knows nothing of what a tool does. Its standard input is read only when the
 * agent asks for it, and then over a second connection, so that two tools of one pipeline can
 * never wait for each other.
 *
 * The wire (all integers 32 bits, little-endian; a string is its length and its bytes):
 *   request  "JL1\n" context cwd name argc arg… has-stdin stdin
 *   answer   code stdout stderr          (code NEED_STDIN: send the request again with stdin)
 *   trailer  wall-us user-us system-us   (what this process cost, for bench-hook)
 *
 * Called as jujuc-measure FILE PROGRAM [ARG…] it runs PROGRAM and writes the time and memory
 * that took, from wait4(), to FILE as a JSON object. A small parent is needed for that: a
 * process inherits the memory peak of the one that exec'ed it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEED_STDIN UINT32_MAX
/* The agent answers with at most a relation's bag (16 MiB), escaped. */
#define ANSWER_MAX (128U << 20)
#define STDIN_MAX (64U << 20)

struct buffer {
    char *data;
    size_t len;
    size_t size;
};

static void die(const char *what)
{
    fprintf(stderr, "ERROR %s\n", what);
    exit(1);
}

/* The words of an errno as Go has them: libc's, in small letters. */
static const char *words_of(int code)
{
    static char words[128];
    snprintf(words, sizeof words, "%s", strerror(code));
    for (char *c = words; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return words;
}

static void die_errno(const char *what, int code)
{
    fprintf(stderr, "ERROR %s: %s\n", what, words_of(code));
    exit(1);
}

static void buffer_reserve(struct buffer *b, size_t extra)
{
    if (b->size - b->len >= extra) {
        return;
    }
    size_t size = b->size ? b->size : 4096;
    while (size - b->len < extra) {
        size *= 2;
    }
    char *data = realloc(b->data, size);
    if (!data) {
        die("out of memory");
    }
    b->data = data;
    b->size = size;
}

static void buffer_add(struct buffer *b, const void *data, size_t len)
{
    buffer_reserve(b, len);
    if (len) {
        memcpy(b->data + b->len, data, len);
    }
    b->len += len;
}

static void buffer_add_u32(struct buffer *b, uint32_t value)
{
    const unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                                    (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    buffer_add(b, bytes, sizeof bytes);
}

static void buffer_add_bytes(struct buffer *b, const void *data, size_t len)
{
    buffer_add_u32(b, (uint32_t)len);
    buffer_add(b, data, len);
}

static void buffer_add_string(struct buffer *b, const char *text)
{
    buffer_add_bytes(b, text, strlen(text));
}

static const char *need_env(const char *name)
{
    const char *value = getenv(name);
    if (!value || !*value) {
        fprintf(stderr, "ERROR %s not set\n", name);
        exit(1);
    }
    return value;
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            die_errno("cannot write", errno);
        }
        data += n;
        len -= (size_t)n;
    }
}

static void read_all(int fd, char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            die_errno("cannot read the agent's answer", errno);
        }
        if (n == 0) {
            die("connection is shut down");
        }
        data += n;
        len -= (size_t)n;
    }
}

static uint32_t read_u32(int fd)
{
    unsigned char b[4];
    read_all(fd, (char *)b, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void read_bytes(int fd, struct buffer *ret)
{
    uint32_t len = read_u32(fd);
    if (len > ANSWER_MAX) {
        die("the agent's answer is too large");
    }
    buffer_reserve(ret, len);
    read_all(fd, ret->data, len);
    ret->len = len;
}

static void read_stdin(struct buffer *ret)
{
    for (;;) {
        buffer_reserve(ret, 65536);
        ssize_t n = read(STDIN_FILENO, ret->data + ret->len, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            die_errno("cannot read stdin", errno);
        }
        if (n == 0) {
            return;
        }
        ret->len += (size_t)n;
        if (ret->len > STDIN_MAX) {
            die("stdin is larger than 64 MiB");
        }
    }
}

/* A socket's address holds 107 bytes; a longer path is reached through its folder. */
static int connect_agent(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder = -1;
    char *copy = NULL;
    int len;

    if (strlen(path) < sizeof address.sun_path) {
        len = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    } else {
        copy = strdup(path);
        char *slash = copy ? strrchr(copy, '/') : NULL;
        if (!slash) {
            die("the agent's socket has no usable path");
        }
        *slash = '\0';
        folder = open(copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
        len = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder,
                       slash + 1);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die_errno("socket", errno);
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len + 1);
    if (connect(fd, (const struct sockaddr *)&address, size) < 0) {
        fprintf(stderr, "ERROR dial unix %s: connect: %s\n", path, words_of(errno));
        exit(1);
    }
    if (folder >= 0) {
        close(folder);
    }
    free(copy);
    return fd;
}

static uint32_t elapsed_us(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = (int64_t)(now.tv_sec - since->tv_sec) * 1000000000 + now.tv_nsec - since->tv_nsec;
    return (uint32_t)(ns / 1000);
}

static uint32_t timeval_us(struct timeval tv)
{
    return (uint32_t)(tv.tv_sec * 1000000 + tv.tv_usec);
}

static void send_trailer(int fd, const struct timespec *started)
{
    struct buffer b = {0};
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    buffer_add_u32(&b, elapsed_us(started));
    buffer_add_u32(&b, timeval_us(usage.ru_utime));
    buffer_add_u32(&b, timeval_us(usage.ru_stime));
    (void)send(fd, b.data, b.len, MSG_NOSIGNAL);
    free(b.data);
}

static int tool_main(int argc, char **argv)
{
    struct timespec started;
    struct buffer request = {0};
    struct buffer input = {0};
    struct buffer out = {0};
    struct buffer err = {0};
    clock_gettime(CLOCK_MONOTONIC, &started);

    const char *context = need_env("JUJU_CONTEXT_ID");
    const char *address = need_env("JUJU_AGENT_SOCKET_ADDRESS");
    (void)need_env("JUJU_AGENT_SOCKET_NETWORK");
    char *cwd = getcwd(NULL, 0);
    if (!cwd) {
        die_errno("getwd", errno);
    }
    const char *slash = strrchr(argv[0], '/');

    buffer_add(&request, "JL1\n", 4);
    buffer_add_string(&request, context);
    buffer_add_string(&request, cwd);
    buffer_add_string(&request, slash ? slash + 1 : argv[0]);
    buffer_add_u32(&request, (uint32_t)(argc - 1));
    for (int i = 1; i < argc; i++) {
        buffer_add_string(&request, argv[i]);
    }
    size_t common = request.len;

    for (bool have_stdin = false;; have_stdin = true) {
        request.len = common;
        buffer_add_u32(&request, have_stdin);
        buffer_add_bytes(&request, input.data, input.len);
        int fd = connect_agent(address);
        write_all(fd, request.data, request.len);
        uint32_t code = read_u32(fd);
        read_bytes(fd, &out);
        read_bytes(fd, &err);
        if (code == NEED_STDIN && !have_stdin) {
            close(fd);
            read_stdin(&input);
            continue;
        }
        write_all(STDOUT_FILENO, out.data, out.len);
        write_all(STDERR_FILENO, err.data, err.len);
        send_trailer(fd, &started);
        return (int)code;
    }
}

static int measure_main(int argc, char **argv)
{
    struct timespec started;
    struct rusage usage;
    int status;

    if (argc < 3) {
        fprintf(stderr, "usage: jujuc-measure FILE PROGRAM [ARG...]\n");
        return 64;
    }
    int report = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (report < 0) {
        die_errno(argv[1], errno);
    }
    clock_gettime(CLOCK_MONOTONIC, &started);
    pid_t child = fork();
    if (child < 0) {
        die_errno("fork", errno);
    }
    if (child == 0) {
        execv(argv[2], argv + 2);
        fprintf(stderr, "ERROR %s: %s\n", argv[2], words_of(errno));
        _exit(127);
    }
    while (wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) {
            die_errno("wait4", errno);
        }
    }
    dprintf(report, "{\"wall_us\": %u, \"user_us\": %u, \"system_us\": %u, \"maxrss_kib\": %ld}\n",
            elapsed_us(&started), timeval_us(usage.ru_utime), timeval_us(usage.ru_stime),
            usage.ru_maxrss);
    close(report);
    if (WIFSIGNALED(status)) {
        raise(WTERMSIG(status));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    if (argc < 1) {
        return 64;
    }
    /* A reader that went away is an error to report, as any failed write. */
    (void)signal(SIGPIPE, SIG_IGN);
    const char *slash = strrchr(argv[0], '/');
    if (strcmp(slash ? slash + 1 : argv[0], "jujuc-measure") == 0) {
        return measure_main(argc, argv);
    }
    return tool_main(argc, argv);
}
