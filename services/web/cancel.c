// SPDX-License-Identifier: GPL-3.0-only
#include "web/cancel.h"

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "web/web.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sysexits.h>

#define PROGRAM "autopkgtest-cloud"
#define MESSAGE_MAX ((size_t)4096)
#define CANCELS_MAX 8 // at once: each is a process with a connection to the broker

struct cancel {
    struct cancel *next;
    struct exchange *x;
    int (*answer)(struct exchange *x, struct error *err);
    struct process process;
    sd_event_source *end;
    int errors_fd; // its standard error: an unnamed file
};

static void cancel_free(struct cancel *c)
{
    (void)sd_event_source_disable_unref(c->end);
    process_release(&c->process);
    if (c->errors_fd >= 0)
        (void)close(c->errors_fd);
    free(c);
}

// "autopkgtest-cloud cancel: WHAT\n": WHAT.
static const char *message_of(const struct cancel *c, struct buf *text)
{
    static const char prefix[] = PROGRAM " cancel: ";
    char *what;

    if (lseek(c->errors_fd, 0, SEEK_SET) < 0 ||
        file_read_fd(c->errors_fd, "message", text, NULL) < 0 || text->len == 0)
        return "it ended without a word";
    what = str_strip(text->data);
    return str_starts_with(what, prefix) ? what + strlen(prefix) : what;
}

// Sends the answer.
static void end(struct cancel *c)
{
    struct cancel **at = &c->x->web->cancels;
    struct exchange *x = c->x;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    cancel_free(c);
    exchange_resume(x);
}

void cancels_end(struct web *web)
{
    while (web->cancels) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct exchange *x = web->cancels->x;

        exchange_answer_error(x, error_set(&err, -ENOTCONN, "the web service is stopping"), &err);
        end(web->cancels);
    }
}

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                  void *userdata)
{
    _cleanup_buf_ struct buf text = BUF_INIT(MESSAGE_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct cancel *c = userdata;
    struct exchange *x = c->x;
    int status = -1, r;

    r = process_wait(&c->process, &status, NULL, &err);
    if (r == 0 && status == EX_OK)
        r = c->answer(x, &err);
    else if (r == 0)
        r = exchange_fail(x, status == EX_UNAVAILABLE ? 409 : 503, &err, "%s",
                          message_of(c, &text));
    if (r < 0) {
        if (x->status >= 500)
            log_warning("cancelling a request: %s", error_message(&err));
        exchange_answer_error(x, r, &err);
    }
    end(c);
    return 0;
}

// The command line is installed beside this program.
static char *program_path(void)
{
    _cleanup_free_ char *self = realpath("/proc/self/exe", NULL);
    _cleanup_free_ char *dir = self ? path_parent(self) : NULL;

    return dir ? path_join(dir, PROGRAM) : NULL;
}

static int add_options(struct strv *argv, const struct cancel_options *o)
{
    if (strv_add(argv, "cancel") < 0 || strv_addf(argv, "--requester=%s", o->requester) < 0 ||
        (o->release && strv_addf(argv, "--series=%s", o->release) < 0) ||
        (o->arch && strv_addf(argv, "--architecture=%s", o->arch) < 0) ||
        strv_add(argv, "--") < 0 || strv_add(argv, o->uuid) < 0)
        return -ENOMEM;
    return 0;
}

static int start(struct cancel *c, const struct cancel_options *options, struct error *err)
{
    _cleanup_free_ char *program = program_path();
    _cleanup_strv_ struct strv argv = STRV_INIT;
    struct process_spec spec = PROCESS_SPEC_INIT;
    int r;

    c->errors_fd = memfd_create("messages", MFD_CLOEXEC);
    if (c->errors_fd < 0)
        return error_errno(err, -errno, "cannot make a file in memory");
    if (!program || strv_add(&argv, program) < 0 || add_options(&argv, options) < 0)
        return error_oom(err);
    spec.argv = (const char *const *)argv.items;
    spec.stderr_fd = c->errors_fd;
    spec.die_with_parent = true;
    r = process_start(&spec, &c->process, err);
    if (r < 0)
        return r;
    r = sd_event_add_io(c->x->web->event, &c->end, c->process.pidfd, EPOLLIN, on_end, c);
    return r < 0 ? error_errno(err, r, "cannot watch a process") : 0;
}

int cancel_request(struct exchange *x, const struct cancel_options *options, struct error *err)
{
    struct cancel *c;
    size_t n = 0;
    int r;

    for (c = x->web->cancels; c; c = c->next)
        n++;
    if (n >= CANCELS_MAX)
        return exchange_fail(x, 503, err, "many requests are being cancelled: try again");
    c = calloc(1, sizeof(*c));
    if (!c)
        return error_oom(err);
    c->x = x;
    c->answer = options->answer;
    c->errors_fd = -1;
    c->process = (struct process)PROCESS_INIT;
    r = start(c, options, err);
    if (r < 0) {
        cancel_free(c);
        x->status = 503;
        return r;
    }
    c->next = x->web->cancels;
    x->web->cancels = c;
    return EXCHANGE_WAIT;
}
