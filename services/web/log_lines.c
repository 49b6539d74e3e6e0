// SPDX-License-Identifier: GPL-3.0-only
#include "web/log_lines.h"

#include <unistd.h>
#include <zlib.h>

// Each client who is sent a long log has both of them, and what a piece becomes.
#define IN_SIZE ((size_t)16 * 1024)
#define INFLATED_SIZE ((size_t)16 * 1024)

struct log_lines {
    int fd;
    log_line_visit *visit;
    void *userdata;
    log_growth *growth; // NULL: the file is complete
    void *growing;
    bool any; // a line was visited
    z_stream z;
    bool in_member; // a gzip member has begun and not ended
    bool pending;   // zlib has more to give for what it was given
    struct buf line;
    unsigned char in[IN_SIZE], inflated[INFLATED_SIZE];
};

static int visit_line(struct log_lines *v, const char *line, size_t len)
{
    v->any = true;
    return v->visit(line, len, v->userdata);
}

static int end_line(struct log_lines *v)
{
    int r = visit_line(v, buf_str(&v->line), v->line.len);

    buf_truncate(&v->line, 0);
    return r;
}

// Of `n` bytes at the beginning of `text`, which are a line or what has come of one. What is whole
// already is shown where it is. How many were taken, negative: no memory.
static ssize_t add_piece(struct log_lines *v, char *text, size_t n, bool is_end)
{
    size_t room = LOG_LINE_MAX - v->line.len;
    int r;

    if (n > room) {
        r = buf_add(&v->line, text, room);
        if (r == 0)
            r = end_line(v);
        return r < 0 ? r : (ssize_t)room;
    }
    if (is_end && v->line.len == 0) {
        text[n] = '\0'; // in place of the newline
        r = visit_line(v, text, n);
    } else {
        r = buf_add(&v->line, text, n);
        if (r == 0 && is_end)
            r = end_line(v);
    }
    return r < 0 ? r : (ssize_t)n + is_end;
}

static int add_text(struct log_lines *v, char *text, size_t len)
{
    char *end = text + len;

    while (text < end) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        ssize_t n = add_piece(v, text, (size_t)((newline ? newline : end) - text), newline);

        if (n < 0)
            return (int)n;
        text += n;
    }
    return 0;
}

// The last line, and why there is not more.
static int finish(struct log_lines *v, const char *note)
{
    int r = v->line.len ? end_line(v) : 0;

    if (r == 0 && note)
        r = buf_add_str(&v->line, note);
    if (r == 0 && (note || !v->any))
        r = end_line(v);
    return r;
}

// Inflates one piece into text. -EBADMSG: the data are bad; -ENOMEM.
static int inflate_piece(struct log_lines *v)
{
    int rc, r;

    v->z.next_out = v->inflated;
    v->z.avail_out = INFLATED_SIZE;
    v->in_member = true;
    rc = inflate(&v->z, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return -EBADMSG;
    v->pending = v->z.avail_out == 0;
    r = add_text(v, (char *)v->inflated, INFLATED_SIZE - v->z.avail_out);
    if (r < 0 || rc != Z_STREAM_END)
        return r;
    v->in_member = v->pending = false; // another member may follow
    return inflateReset(&v->z) == Z_OK ? 0 : -EBADMSG;
}

// Reads what is to be inflated next: 1, or what log_lines_step() is to return.
static int read_piece(struct log_lines *v)
{
    ssize_t n = read(v->fd, v->in, IN_SIZE);
    int growth = n == 0 && v->growth ? v->growth(v->growing) : 0;

    if (growth == -EAGAIN)
        return growth;
    if (n < 0 || growth < 0)
        return finish(v, "(the rest of the log cannot be read)");
    if (n == 0)
        return finish(v, v->in_member ? "(the log is cut off here)" : NULL);
    v->z.next_in = v->in;
    v->z.avail_in = (uInt)n;
    return 1;
}

int log_lines_step(struct log_lines *v)
{
    int r = v->z.avail_in == 0 && !v->pending ? read_piece(v) : 1;

    if (r <= 0)
        return r;
    r = inflate_piece(v);
    if (r == -EBADMSG)
        return finish(v, "(the rest of the log is damaged)");
    return r < 0 ? r : 1;
}

int log_lines_new(int fd, log_line_visit *visit, void *userdata, struct log_lines **ret)
{
    struct log_lines *v = calloc(1, sizeof(*v));

    if (!v || inflateInit2(&v->z, 15 + 32) != Z_OK) {
        free(v);
        return -ENOMEM;
    }
    v->line.max = LOG_LINE_MAX + 64;
    v->fd = fd;
    v->visit = visit;
    v->userdata = userdata;
    *ret = v;
    return 0;
}

void log_lines_follow(struct log_lines *v, log_growth *growth, void *userdata)
{
    v->growth = growth;
    v->growing = userdata;
}

void log_lines_free(struct log_lines *v)
{
    (void)inflateEnd(&v->z);
    close_fd(&v->fd);
    buf_release(&v->line);
    free(v);
}
