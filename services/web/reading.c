// SPDX-License-Identifier: GPL-3.0-only
#include "web/reading.h"

#include "base/file.h"
#include "base/process.h"
#include "web/body.h"
#include "web/client.h"
#include "web/feed.h"
#include "web/web.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sysexits.h>

#define SELF "/proc/self/exe" // the program that runs, even when another was installed since
#define BLOCK ((size_t)32 * 1024)
#define AHEAD ((size_t)128 * 1024) // bytes kept for a client that reads slowly
#define LINE_MAX_BYTES ((size_t)4096)
#define MESSAGE_MAX ((size_t)4096)

struct reading {
    struct reading *next; // of web->readings
    struct web *web;
    struct exchange *x; // waits; NULL: it does not, or the response is on its way
    char *client;
    struct process process;
    int out_fd, errors_fd;
    struct feed *feed; // of what is still on its way; or NULL
    sd_event_source *io, *end;
    struct buf out;
    size_t out_at;      // passed on
    size_t max;         // bytes to collect; 0: to pass on
    bool ready, at_end; // the answer can begin; all output is here
    bool ended;         // the process has
    int status;         // then
    struct buf head, tail;
    size_t head_at, tail_at;
    struct reading_filter filter;
    struct buf made; // by the filter
    size_t made_at;
    bool made_all;
    struct MHD_Connection *connection; // that gets it
    struct MHD_Connection *suspended;  // the same, waiting for more; or NULL
};

static void unlink_reading(struct reading *reading)
{
    struct reading **at = &reading->web->readings;

    while (*at && *at != reading)
        at = &(*at)->next;
    if (*at)
        *at = reading->next;
}

static void reading_free(struct reading *r)
{
    if (!r)
        return;
    unlink_reading(r);
    (void)sd_event_source_disable_unref(r->io);
    (void)sd_event_source_disable_unref(r->end);
    feed_free(r->feed);
    process_release(&r->process);
    close_fd(&r->out_fd);
    close_fd(&r->errors_fd);
    buf_release(&r->out);
    buf_release(&r->head);
    buf_release(&r->tail);
    buf_release(&r->made);
    if (r->filter.userdata)
        r->filter.free(r->filter.userdata);
    free(r->client);
    free(r);
}

// ---- what comes

static void wake(struct reading *r)
{
    struct MHD_Connection *suspended = TAKE_PTR(r->suspended);

    if (suspended) {
        MHD_resume_connection(suspended);
        web_run_http(r->web);
    }
    if (r->x && r->ready)
        exchange_again(TAKE_PTR(r->x));
}

static void look_whether_ready(struct reading *r)
{
    bool over = r->at_end && r->ended;

    r->ready |= over || (r->max == 0 && memchr(buf_str(&r->out), '\n', r->out.len));
    if (over || r->max == 0)
        wake(r);
}

static void stop(struct reading *r, int status)
{
    (void)sd_event_source_set_enabled(r->io, SD_EVENT_OFF);
    (void)sd_event_source_set_enabled(r->end, SD_EVENT_OFF);
    feed_free(TAKE_PTR(r->feed));
    process_release(&r->process);
    r->at_end = r->ended = true;
    r->status = status;
}

static void take_output(struct reading *r)
{
    char block[BLOCK];
    ssize_t n = read(r->out_fd, block, sizeof(block));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    buf_consume(&r->out, r->out_at); // what was passed on
    r->out_at = 0;
    if (n > 0 && buf_add(&r->out, block, (size_t)n) < 0)
        stop(r, EX_SOFTWARE);
    else if (n <= 0)
        r->at_end = true;
    // What is passed on waits in the pipe, and the process with it.
    if (r->at_end || (r->max == 0 && r->out.len >= AHEAD))
        (void)sd_event_source_set_enabled(r->io, SD_EVENT_OFF);
}

static int on_output(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                     void *userdata)
{
    struct reading *r = userdata;

    take_output(r);
    look_whether_ready(r);
    return 0;
}

static int on_end(sd_event_source *source, int fd _unused_, uint32_t events _unused_,
                  void *userdata)
{
    struct reading *r = userdata;
    int status = EX_SOFTWARE;

    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (process_wait(&r->process, &status, NULL, NULL) < 0)
        status = EX_SOFTWARE;
    r->ended = true;
    r->status = status;
    look_whether_ready(r);
    return 0;
}

// ---- starting

static int check_limits(struct exchange *x, const char *client, struct error *err)
{
    size_t all = 0, own = 0;

    for (const struct reading *r = x->web->readings; r; r = r->next) {
        all++;
        own += str_equal(r->client, client);
    }
    if (all < READINGS_MAX && own < READINGS_OF_CLIENT_MAX)
        return 0;
    if (exchange_add_header(x, "Retry-After", "5") < 0)
        return error_oom(err);
    return exchange_fail(x, all < READINGS_MAX ? 429 : 503, err,
                         "%s archives and logs are being looked into at the moment, "
                         "try again in a few seconds",
                         all < READINGS_MAX ? "enough of your" : "enough");
}

static int start_process(struct reading *r, int fd, const char *const *arguments, int out,
                         struct error *err)
{
    static const char *const environment[] = {"LC_ALL=C.UTF-8", NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;
    const char *argv[8] = {SELF, "--inside"};
    _cleanup_close_ int theirs = -1;
    int fds[2];

    for (size_t i = 0; arguments[i] && i + 3 < ARRAY_SIZE(argv); i++)
        argv[i + 2] = arguments[i];
    r->errors_fd = memfd_create("messages", MFD_CLOEXEC);
    if (r->errors_fd < 0 || (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE) ||
        (out < 0 && pipe2(fds, O_CLOEXEC) < 0))
        return error_errno(err, -errno, "cannot look into the file");
    if (out < 0) {
        r->out_fd = fds[0];
        theirs = fds[1];
        if (fcntl(r->out_fd, F_SETFL, O_NONBLOCK) < 0)
            return error_errno(err, -errno, "cannot look into the file");
    }
    spec.argv = argv;
    spec.env = environment;
    spec.stdin_fd = fd;
    spec.stdout_fd = out < 0 ? theirs : out;
    spec.stderr_fd = r->errors_fd;
    spec.die_with_parent = true;
    return process_start(&spec, &r->process, err);
}

static int watch(struct reading *r, struct error *err)
{
    int e =
        r->at_end ? 0 : sd_event_add_io(r->web->event, &r->io, r->out_fd, EPOLLIN, on_output, r);

    if (e >= 0)
        e = sd_event_add_io(r->web->event, &r->end, r->process.pidfd, EPOLLIN, on_end, r);
    return e < 0 ? error_errno(err, e, "cannot watch a process") : 0;
}

int reading_claim(struct exchange *x, struct error *err)
{
    _cleanup_free_ char *client = NULL;
    struct reading *r;
    int e;

    if (x->reading)
        return 0;
    client = client_network(x);
    e = client ? check_limits(x, client, err) : error_oom(err);
    if (e < 0)
        return e;
    r = calloc(1, sizeof(*r));
    if (!r)
        return error_oom(err);
    *r = (struct reading){.web = x->web,
                          .client = TAKE_PTR(client),
                          .process = PROCESS_INIT,
                          .out_fd = -1,
                          .errors_fd = -1,
                          .next = x->web->readings};
    x->web->readings = r;
    x->reading = r;
    exchange_at_end(x, reading_drop);
    return 0;
}

void reading_drop(struct exchange *x)
{
    reading_free(TAKE_PTR(x->reading));
}

static int start(struct exchange *x, int *fd, const char *const *arguments, size_t max, int out,
                 struct error *err)
{
    struct reading *r = x->reading;
    int e;

    r->out.max = max ? max : 2 * AHEAD;
    r->max = max;
    r->at_end = out >= 0; // there is nothing to collect
    e = start_process(r, *fd, arguments, out, err);
    if (e == 0)
        e = watch(r, err);
    if (e < 0)
        return e;
    close_fd(fd);
    *fd = -1;
    r->x = x;
    return EXCHANGE_WAIT;
}

int reading_start(struct exchange *x, int *fd, const char *const *arguments, size_t max,
                  struct error *err)
{
    return start(x, fd, arguments, max, -1, err);
}

static void on_broken(void *userdata)
{
    struct reading *r = userdata;

    stop(r, EX_TEMPFAIL);
    look_whether_ready(r);
}

int reading_follow(struct exchange *x, int *fd, struct stored_file **file,
                   const char *const *arguments, size_t max, struct error *err)
{
    _cleanup_close_ int input = -1, output = -1;
    int fds[2], e;

    if (!*file || stored_file_growth(*file) == 0)
        return reading_start(x, fd, arguments, max, err);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_errno(err, -errno, "cannot look into the file");
    input = fds[0];
    output = fds[1];
    e = feed_start(x->web->event, fd, file, &output, on_broken, x->reading, &x->reading->feed, err);
    return e < 0 ? e : reading_start(x, &input, arguments, max, err);
}

int reading_start_to(struct exchange *x, int *fd, const char *const *arguments, int out,
                     struct error *err)
{
    return start(x, fd, arguments, 1, out, err);
}

// ---- what the handler gets

bool reading_done(const struct exchange *x)
{
    return x->reading && x->reading->ready;
}

static bool ended_with(const struct exchange *x, int status)
{
    return reading_done(x) && x->reading->ended && x->reading->status == status;
}

bool reading_was_too_large(const struct exchange *x)
{
    return ended_with(x, -SIGXFSZ);
}

bool reading_needs_all(const struct exchange *x)
{
    return ended_with(x, EX_PROTOCOL);
}

bool reading_is_folder(const struct exchange *x)
{
    return ended_with(x, EX_UNAVAILABLE);
}

static int fail(struct exchange *x, const struct reading *r, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(MESSAGE_MAX);
    const char *message = "";

    if (lseek(r->errors_fd, 0, SEEK_SET) == 0 &&
        file_read_fd(r->errors_fd, "message", &text, NULL) == 0 && text.len > 0)
        message = str_strip(text.data);
    switch (r->status) {
    case EX_NOINPUT:
        return exchange_fail(x, MHD_HTTP_NOT_FOUND, err, "%s", message);
    case EX_DATAERR:
        return exchange_fail(x, 422, err, "this file is no archive that can be read: %s", message);
    case EX_SOFTWARE:
        return exchange_fail(x, 500, err, "the file cannot be shown: %s", message);
    case EX_TEMPFAIL:
        return exchange_fail(x, MHD_HTTP_SERVICE_UNAVAILABLE, err,
                             "what was to be read has broken off, try again later");
    case EX_UNAVAILABLE:
        return exchange_fail(x, MHD_HTTP_NOT_FOUND, err, "that is a folder");
    default: // a limit of inside.c, or something worse
        return exchange_fail(x, 422, err,
                             "this file takes too long, or too much memory, to look into; it can "
                             "be downloaded");
    }
}

int reading_text(struct exchange *x, const char **ret_text, struct error *err)
{
    struct reading *r = x->reading;
    char *newline;

    if (r->ended && r->status != 0 && !(r->max == 0 && memchr(buf_str(&r->out), '\n', r->out.len)))
        return fail(x, r, err);
    if (r->max == 0) {
        newline = memchr(r->out.data, '\n', r->out.len);
        if (!newline || (size_t)(newline - r->out.data) > LINE_MAX_BYTES)
            return error_set(err, -EIO, "the file cannot be shown");
        *newline = '\0';
        r->out_at = (size_t)(newline - r->out.data) + 1;
    }
    *ret_text = buf_str(&r->out);
    return 0;
}

// When all that the filter has made was sent.
static int run_filter(struct reading *r)
{
    bool over = r->at_end && r->ended;

    if (r->made_at < r->made.len || r->made_all)
        return 0;
    buf_truncate(&r->made, 0);
    r->made_at = 0;
    buf_consume(&r->out, r->out_at);
    r->out_at = 0;
    r->made_all = over;
    return r->filter.run(r->filter.userdata, &r->out, over ? &r->status : NULL, &r->made);
}

// The next bytes of the output, or of what the filter makes of it.
static ssize_t read_output(struct reading *r, char *bytes, size_t max)
{
    int e = r->filter.userdata ? run_filter(r) : 0;
    size_t n = 0;

    if (e == 0)
        n = r->filter.userdata ? buf_read(&r->made, &r->made_at, bytes, max)
                               : buf_read(&r->out, &r->out_at, bytes, max);
    if (r->out_at == r->out.len) {
        buf_truncate(&r->out, 0);
        r->out_at = 0;
    }
    if (!r->at_end && r->out.len < AHEAD)
        (void)sd_event_source_set_enabled(r->io, SD_EVENT_ON);
    return e < 0 ? e : (ssize_t)n;
}

static ssize_t pass_on(void *userdata, char *bytes, size_t max)
{
    struct reading *r = userdata;
    size_t n = buf_read(&r->head, &r->head_at, bytes, max);
    ssize_t body = n > 0 ? 0 : read_output(r, bytes, max);

    if (n > 0)
        return (ssize_t)n;
    if (body != 0)
        return body;
    if (!r->at_end || !r->ended)
        return -EAGAIN;
    return r->status != 0 && !r->filter.userdata
               ? -EIO
               : (ssize_t)buf_read(&r->tail, &r->tail_at, bytes, max);
}

static void await_more(void *userdata)
{
    struct reading *r = userdata;

    r->suspended = r->connection;
    MHD_suspend_connection(r->suspended);
}

static void free_passed(void *userdata)
{
    reading_free(userdata);
}

static void move(struct buf *from, struct buf *to)
{
    if (!from)
        return;
    *to = *from;
    *from = (struct buf)BUF_INIT(from->max);
}

int reading_answer(struct exchange *x, unsigned status, uint64_t size, struct buf *head,
                   struct buf *tail, struct error *err)
{
    static const struct body_source source = {pass_on, await_more, free_passed};
    struct reading *r = TAKE_PTR(x->reading);

    move(head, &r->head);
    move(tail, &r->tail);
    r->connection = x->connection;
    return exchange_answer_stream(x, status, &source, r, size) < 0 ? error_oom(err) : 0;
}

int reading_answer_by(struct exchange *x, const struct reading_filter *filter, struct buf *head,
                      struct buf *tail, struct error *err)
{
    x->reading->filter = *filter;
    x->reading->made.max = BUF_OWN_MAX;
    return reading_answer(x, MHD_HTTP_OK, MHD_SIZE_UNKNOWN, head, tail, err);
}

void readings_end(struct web *web)
{
    for (struct reading *r = web->readings, *next; r; r = next) {
        next = r->next;
        if (!r->end)
            continue; // its file is still on its way
        stop(r, EX_TEMPFAIL);
        r->ready = true;
        wake(r);
    }
}
