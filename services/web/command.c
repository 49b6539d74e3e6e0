// SPDX-License-Identifier: GPL-3.0-only
#include "web/command.h"

#include "base/file.h"
#include "base/process.h"
#include "web/web.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sysexits.h>

#define PROGRAM "autopkgtest-cloud"
#define MESSAGE_MAX ((size_t)4096)
#define COMMANDS_MAX 8 // at once: each is a process with a connection to the broker
#define WAITING_MAX 200

struct command {
    struct command *next;
    struct web *web;
    char *name;
    struct strv argv;
    bool in_turn, waits;
    command_done *done;
    void *userdata;
    struct process process;
    sd_event_source *end;
    int errors_fd; // its standard error: a file in memory
};

static void command_free(struct command *c)
{
    (void)sd_event_source_disable_unref(c->end);
    process_release(&c->process);
    if (c->errors_fd >= 0)
        (void)close(c->errors_fd);
    strv_release(&c->argv);
    free(c->name);
    free(c);
}

// "autopkgtest-cloud NAME: WHAT\n": WHAT.
static const char *message_of(const struct command *c, struct buf *text)
{
    char *what;
    size_t len = strlen(c->name);

    if (lseek(c->errors_fd, 0, SEEK_SET) < 0 ||
        file_read_fd(c->errors_fd, "message", text, NULL) < 0 || text->len == 0)
        return "it ended without a word";
    what = str_strip(text->data);
    if (!str_starts_with(what, PROGRAM " ") ||
        strncmp(what + strlen(PROGRAM " "), c->name, len) != 0)
        return what;
    what += strlen(PROGRAM " ") + len;
    return what + strspn(what, ": ");
}

static int start(struct command *c, struct error *err);

static void end(struct command *c, int status, const char *message)
{
    struct command **at = &c->web->commands;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->done(status, message, c->userdata);
    command_free(c);
}

void commands_end(struct web *web)
{
    while (web->commands)
        end(web->commands, EX_TEMPFAIL, "the web service is stopping");
}

// The list has the newest first: the last of those that wait is the next.
static void start_next(struct web *web)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct command *next = NULL;

    for (struct command *c = web->commands; c; c = c->next)
        if (c->waits)
            next = c;
    if (!next)
        return;
    next->waits = false;
    if (start(next, &err) < 0)
        end(next, EX_OSERR, error_message(&err));
}

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                  void *userdata)
{
    _cleanup_buf_ struct buf text = BUF_INIT(MESSAGE_MAX);
    struct command *c = userdata;
    struct web *web = c->web;
    bool in_turn = c->in_turn;
    int status = -1;

    if (process_wait(&c->process, &status, NULL, NULL) < 0 || status < 0)
        status = -1;
    end(c, status, message_of(c, &text));
    if (in_turn)
        start_next(web);
    return 0;
}

// It is installed beside this program, in whose place another may have been put since it started:
// the link then leads to "…/autopkgtest-web (deleted)".
static char *program_path(void)
{
    char self[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    _cleanup_free_ char *dir = len > 0 ? path_parent(self) : NULL;

    return dir ? path_join(dir, PROGRAM) : NULL;
}

static int start(struct command *c, struct error *err)
{
    struct process_spec spec = PROCESS_SPEC_INIT;
    int r;

    c->errors_fd = memfd_create("messages", MFD_CLOEXEC);
    if (c->errors_fd < 0)
        return error_errno(err, -errno, "cannot make a file in memory");
    spec.argv = (const char *const *)c->argv.items;
    spec.stderr_fd = c->errors_fd;
    spec.die_with_parent = true;
    r = process_start(&spec, &c->process, err);
    if (r < 0)
        return r;
    r = sd_event_add_io(c->web->event, &c->end, c->process.pidfd, EPOLLIN, on_end, c);
    return r < 0 ? error_errno(err, r, "cannot watch a process") : 0;
}

static struct command *command_new(struct web *web, const struct command_spec *spec)
{
    _cleanup_free_ char *program = program_path();
    struct command *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    *c = (struct command){.web = web,
                          .name = strdup(spec->name),
                          .in_turn = spec->in_turn,
                          .done = spec->done,
                          .userdata = spec->userdata,
                          .process = PROCESS_INIT,
                          .errors_fd = -1};
    if (program && c->name && strv_add(&c->argv, program) == 0 &&
        strv_add_list(&c->argv, spec->arguments) == 0)
        return c;
    command_free(c);
    return NULL;
}

int command_start(struct web *web, const struct command_spec *spec, struct error *err)
{
    struct command *c;
    size_t running = 0, waiting = 0;
    bool turn_taken = false;
    int r;

    for (c = web->commands; c; c = c->next) {
        waiting += c->waits;
        running += !c->waits;
        turn_taken |= c->in_turn;
    }
    if (waiting >= WAITING_MAX || (running >= COMMANDS_MAX && !spec->in_turn))
        return error_set(err, -EBUSY, "too much of that is being done: try again");
    c = command_new(web, spec);
    if (!c)
        return error_oom(err);
    c->waits = spec->in_turn && turn_taken;
    r = c->waits ? 0 : start(c, err);
    if (r < 0) {
        command_free(c);
        return r;
    }
    c->next = web->commands;
    web->commands = c;
    return 0;
}
