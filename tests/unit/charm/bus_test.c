// SPDX-License-Identifier: GPL-3.0-only
#include "charm/bus.h"
#include "test.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

// A message of systemd in little-endian D-Bus, put together by hand.
static void pad(struct buf *b, size_t to)
{
    while (b->len % to)
        ck_assert_int_eq(buf_add_char(b, '\0'), 0);
}

static void put_u32(struct buf *b, uint32_t value)
{
    pad(b, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(buf_add_char(b, (char)(value >> (8 * i) & 0xff)), 0);
}

static void put_string(struct buf *b, const char *s)
{
    put_u32(b, (uint32_t)strlen(s));
    ck_assert_int_eq(buf_add(b, s, strlen(s) + 1), 0);
}

static void message(struct buf *out, char type, uint32_t answers, const struct buf *body)
{
    _cleanup_buf_ struct buf m = BUF_INIT(BUF_OWN_MAX);
    const char fixed[] = {'l', type, 0, 1};

    ck_assert_int_eq(buf_add(&m, fixed, 4), 0);
    put_u32(&m, (uint32_t)body->len);
    put_u32(&m, 77);
    put_u32(&m, 8 + 7);                                 // length of the fields
    ck_assert_int_eq(buf_add(&m, "\x05\x01u\0", 4), 0); // in reply to
    put_u32(&m, answers);
    ck_assert_int_eq(buf_add(&m, "\x08\x01g\0\x01s\0", 7), 0); // a signature
    pad(&m, 8);
    ck_assert_int_eq(buf_add(&m, buf_str(body), body->len), 0);
    ck_assert_int_eq(buf_add(out, m.data, m.len), 0);
}

static void unit(struct buf *b, const char *name, const char *active)
{
    pad(b, 8);
    put_string(b, name);
    put_string(b, "a description");
    put_string(b, "loaded");
    put_string(b, active);
    put_string(b, "running");
    put_string(b, "");
    put_string(b, "/org/freedesktop/systemd1/unit/x");
    put_u32(b, 0);
    put_string(b, "");
    put_string(b, "/");
}

static void units(struct buf *out, const char *first, const char *second)
{
    _cleanup_buf_ struct buf list = BUF_INIT(BUF_OWN_MAX), body = BUF_INIT(BUF_OWN_MAX);

    unit(&list, first, "active");
    unit(&list, second, "inactive");
    put_u32(&body, (uint32_t)list.len);
    pad(&body, 8);
    ck_assert_int_eq(buf_add(&body, list.data, list.len), 0);
    message(out, 2, 1, &body);
}

static void text(struct buf *out, uint32_t serial, const char *line)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(buf_add(&body, "\x01s\0", 3), 0);
    put_string(&body, line);
    message(out, 2, serial, &body);
}

// A systemd that says `greeting` and then `answers`, a few bytes at a time. Gives its socket; the
// caller frees.
static char *serve(const char *greeting, const struct buf *answers, pid_t *ret)
{
    char *path = str_format("%s/private", test_dir());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    *ret = fork();
    if (*ret == 0) {
        char asked[4096];
        int fd = accept(listener, NULL, NULL);

        (void)!read(fd, asked, sizeof(asked));
        (void)!write(fd, greeting, strlen(greeting));
        for (size_t at = 0; at < answers->len; at += 100) {
            size_t n = answers->len - at < 100 ? answers->len - at : 100;

            (void)!write(fd, answers->data + at, n);
        }
        (void)shutdown(fd, SHUT_WR);
        while (read(fd, asked, sizeof(asked)) > 0)
            ;
        _exit(0);
    }
    (void)close(listener);
    return path;
}

static struct unit_states two(void)
{
    struct unit_states states = {.items = calloc(2, sizeof(*states.items)), .len = 2};
    static const char *const names[] = {"a.service", "b.service"};

    for (size_t i = 0; i < 2; i++)
        states.items[i] = (struct unit_state){
            .name = strdup(names[i]), .active = strdup("?"), .text = strdup("")};
    return states;
}

static int show(const char *greeting, const struct buf *answers, struct unit_states *states)
{
    pid_t pid;
    _cleanup_free_ char *path = serve(greeting, answers, &pid);
    int r = bus_show(path, states);

    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return r;
}

TEST(states_and_lines_are_read_in_any_order)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX), nothing = BUF_INIT(10);
    _cleanup_unit_states_ struct unit_states states = two();

    message(&out, 4, 0, &nothing); // a signal
    units(&out, "a.service", "b.service");
    message(&out, 3, 3, &nothing); // an error: b is not loaded
    text(&out, 2, "running x");
    ck_assert_int_eq(show("OK 0123\r\n", &out, &states), 0);
    ck_assert_str_eq(states.items[0].active, "active");
    ck_assert_str_eq(states.items[0].text, "running x");
    ck_assert_str_eq(states.items[1].active, "inactive");
    ck_assert_str_eq(states.items[1].text, "");
}

TEST(whoever_refuses_or_is_no_systemd_is_left)
{
    _cleanup_buf_ struct buf nothing = BUF_INIT(10), other = BUF_INIT(BUF_OWN_MAX);
    _cleanup_buf_ struct buf big = BUF_INIT(BUF_OWN_MAX), error = BUF_INIT(BUF_OWN_MAX);
    _cleanup_unit_states_ struct unit_states states = two();

    ck_assert_int_eq(show("REJECTED EXTERNAL\r\n", &nothing, &states), -EACCES);
    ck_assert_int_lt(show("", &nothing, &states), 0);
    ck_assert_int_lt(show("OK 0\r\n", &nothing, &states), 0);
    units(&other, "a.service", "c.service");
    ck_assert_int_eq(show("OK 0\r\n", &other, &states), -EPROTO);
    ck_assert_int_eq(buf_add(&big, "B\2\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16), 0);
    ck_assert_int_eq(show("OK 0\r\n", &big, &states), -EPROTO);
    message(&error, 3, 1, &nothing);
    ck_assert_int_eq(show("OK 0\r\n", &error, &states), -EPROTO);
    ck_assert_int_lt(bus_show("/nonexistent/socket", &states), 0);
}

TEST(every_cut_and_every_wrong_byte_is_survived)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);

    units(&out, "a.service", "b.service");
    text(&out, 2, "line");
    text(&out, 3, "line");
    for (size_t i = 0; i < out.len; i += 3) {
        _cleanup_unit_states_ struct unit_states states = two();
        _cleanup_buf_ struct buf bad = BUF_INIT(BUF_OWN_MAX);

        ck_assert_int_eq(buf_add(&bad, out.data, i), 0);
        ck_assert_int_lt(show("OK 0\r\n", &bad, &states), 0);
        ck_assert_int_eq(buf_add(&bad, out.data + i, out.len - i), 0);
        bad.data[i] = (char)~bad.data[i];
        (void)show("OK 0\r\n", &bad, &states);
    }
}
