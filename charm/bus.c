// SPDX-License-Identifier: GPL-3.0-only
#include "charm/bus.h"

#include "base/buf.h"

#include <endian.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define SYSTEMD "org.freedesktop.systemd1"
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define TIMEOUT_S 10
#define HEADER 16 // the fixed part and the length of the fields

enum { CALL = 1, RETURN = 2, ERROR = 3 };
enum {
    FIELD_PATH = 1,
    FIELD_INTERFACE = 2,
    FIELD_MEMBER = 3,
    FIELD_REPLY = 5,
    FIELD_SIGNATURE = 8
};

// ---- writing: little endian, every value aligned to its size

static int pad(struct buf *b, size_t to)
{
    static const char zeros[8];

    return buf_add(b, zeros, (to - b->len % to) % to);
}

static int put_u32(struct buf *b, uint32_t value)
{
    uint32_t wire = htole32(value);
    int r = pad(b, 4);

    return r < 0 ? r : buf_add(b, &wire, sizeof(wire));
}

static int put_string(struct buf *b, const char *s)
{
    int r = put_u32(b, (uint32_t)strlen(s));

    return r < 0 ? r : buf_add(b, s, strlen(s) + 1);
}

static int put_field(struct buf *b, char code, char type, const char *value)
{
    const char head[] = {code, 1, type, '\0'};
    int r;

    if ((r = pad(b, 8)) < 0 || (r = buf_add(b, head, sizeof(head))) < 0)
        return r;
    if (type != 'g')
        return put_string(b, value);
    r = buf_add_char(b, (char)strlen(value));
    return r < 0 ? r : buf_add(b, value, strlen(value) + 1);
}

struct call {
    const char *path, *interface, *member, *signature;
};

static int put_call(struct buf *out, uint32_t serial, const struct call *call,
                    const struct buf *body)
{
    static const char fixed[] = {'l', CALL, 0, 1};
    _cleanup_buf_ struct buf m = BUF_INIT(ANSWER_MAX);
    uint32_t fields;
    int r;

    if ((r = buf_add(&m, fixed, sizeof(fixed))) < 0 || (r = put_u32(&m, (uint32_t)body->len)) < 0 ||
        (r = put_u32(&m, serial)) < 0 || (r = put_u32(&m, 0)) < 0 ||
        (r = put_field(&m, FIELD_PATH, 'o', call->path)) < 0 ||
        (r = put_field(&m, FIELD_INTERFACE, 's', call->interface)) < 0 ||
        (r = put_field(&m, FIELD_MEMBER, 's', call->member)) < 0 ||
        (r = put_field(&m, FIELD_SIGNATURE, 'g', call->signature)) < 0)
        return r;
    fields = htole32((uint32_t)(m.len - HEADER));
    memcpy(m.data + HEADER - 4, &fields, sizeof(fields));
    if ((r = pad(&m, 8)) < 0 || (r = buf_add(&m, buf_str(body), body->len)) < 0)
        return r;
    return buf_add(out, m.data, m.len);
}

// ---- reading: a cursor that stops at the end of what was received

struct cursor {
    const char *data;
    size_t len, at;
    bool bad;
};

static const char *take(struct cursor *c, size_t align, size_t n)
{
    size_t at = c->at + (align - c->at % align) % align;

    if (c->bad || at > c->len || n > c->len - at) {
        c->bad = true;
        return NULL;
    }
    c->at = at + n;
    return c->data + at;
}

static uint32_t take_u32(struct cursor *c)
{
    const char *at = take(c, 4, 4);
    uint32_t value = 0;

    if (at)
        memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static const char *take_string(struct cursor *c)
{
    uint32_t n = take_u32(c);
    const char *s = take(c, 1, (size_t)n + 1);

    if (s && s[n] != '\0')
        c->bad = true;
    return c->bad ? "" : s;
}

static const char *take_signature(struct cursor *c)
{
    const char *n = take(c, 1, 1);
    const char *s = n ? take(c, 1, (size_t)(unsigned char)*n + 1) : NULL;

    return s && s[(unsigned char)*n] == '\0' ? s : "";
}

// ---- one conversation

struct bus {
    int fd;
    struct buf in; // received, not yet looked at
};

static void bus_release(struct bus *bus)
{
    close_fd(&bus->fd);
    buf_release(&bus->in);
}

static int send_all(struct bus *bus, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(bus->fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int receive(struct bus *bus)
{
    char chunk[4096];
    ssize_t n;

    do
        n = recv(bus->fd, chunk, sizeof(chunk), 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    return buf_add(&bus->in, chunk, (size_t)n);
}

static int bus_open(const char *path, struct bus *bus)
{
    static const char hello[] = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n"; // 30: user 0 in hexadecimal
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *end;
    int r;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bus->fd < 0 ||
        setsockopt(bus->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
        setsockopt(bus->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
        connect(bus->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    r = send_all(bus, hello, sizeof(hello) - 1);
    while (r >= 0 && !strstr(buf_str(&bus->in), "\r\n"))
        r = bus->in.len > 1024 ? -EPROTO : receive(bus);
    if (r < 0)
        return r;
    end = strstr(buf_str(&bus->in), "\r\n");
    if (!str_starts_with(buf_str(&bus->in), "OK "))
        return -EACCES;
    buf_consume(&bus->in, (size_t)(end - buf_str(&bus->in)) + 2);
    return 0;
}

// The serial number that a message answers, 0 for none; leaves the cursor at its body.
static uint32_t read_header(struct cursor *c, uint32_t fields)
{
    uint32_t answered = 0;
    size_t end = HEADER + fields;

    c->at = HEADER;
    while (!c->bad && c->at < end) {
        const char *code = take(c, 8, 1);
        const char *type = take_signature(c);

        if (c->bad)
            break;
        if (strcmp(type, "u") == 0) {
            uint32_t value = take_u32(c);

            if (*code == FIELD_REPLY)
                answered = value;
        } else if (strcmp(type, "g") == 0) {
            (void)take_signature(c);
        } else {
            (void)take_string(c);
        }
    }
    c->at = end;
    (void)take(c, 8, 0);
    return answered;
}

// Waits for the next answer; what systemd says of its own accord is passed over. The cursor and
// what is taken from it are valid until `*ret_len` bytes are consumed.
static int next_answer(struct bus *bus, uint32_t *ret_serial, struct cursor *ret, size_t *ret_len)
{
    for (;;) {
        struct cursor c = {.data = buf_str(&bus->in), .len = bus->in.len, .at = 4};
        uint32_t body, fields;
        size_t whole;
        int r = 0;

        body = take_u32(&c);
        c.at = HEADER - 4;
        fields = take_u32(&c);
        whole = HEADER + (((size_t)fields + 7) & ~(size_t)7) + body;
        if (!c.bad && (*c.data != 'l' || whole > ANSWER_MAX))
            return -EPROTO;
        if (c.bad || bus->in.len < whole) {
            r = receive(bus);
            if (r < 0)
                return r;
            continue;
        }
        c.len = whole;
        *ret_serial = read_header(&c, fields);
        if (c.bad)
            return -EPROTO;
        if (c.data[1] == RETURN || c.data[1] == ERROR) {
            c.bad = c.data[1] == ERROR;
            *ret = c;
            *ret_len = whole;
            return 0;
        }
        buf_consume(&bus->in, whole);
    }
}

static int set_text(char **place, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return -ENOMEM;
    free(*place);
    *place = copy;
    return 0;
}

// ListUnitsByNames gives, for each: name, description, load, active and sub state, followed unit,
// object path, job id, job type, job path.
static int take_units(struct cursor *c, struct unit_states *states, struct strv *paths)
{
    uint32_t bytes = take_u32(c);
    size_t end;

    (void)take(c, 8, 0);
    end = c->at + bytes;
    for (size_t i = 0; !c->bad && c->at < end; i++) {
        const char *texts[7];
        int r;

        (void)take(c, 8, 0);
        for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
            texts[t] = take_string(c);
        (void)take_u32(c);
        (void)take_string(c);
        (void)take_string(c);
        if (c->bad || i >= states->len || strcmp(states->items[i].name, texts[0]) != 0)
            return -EPROTO;
        if ((r = set_text(&states->items[i].active, texts[3])) < 0 ||
            (r = strv_add(paths, texts[6])) < 0)
            return r;
    }
    return c->bad || paths->len != states->len ? -EPROTO : 0;
}

static int ask_units(struct bus *bus, struct unit_states *states, struct strv *paths)
{
    static const struct call call = {.path = "/org/freedesktop/systemd1",
                                     .interface = SYSTEMD ".Manager",
                                     .member = "ListUnitsByNames",
                                     .signature = "as"};
    _cleanup_buf_ struct buf names = BUF_INIT(ANSWER_MAX), out = BUF_INIT(ANSWER_MAX);
    struct cursor c;
    uint32_t serial, bytes;
    size_t len;
    int r;

    r = put_u32(&names, 0);
    for (size_t i = 0; i < states->len && r >= 0; i++)
        r = put_string(&names, states->items[i].name);
    if (r < 0)
        return r;
    bytes = htole32((uint32_t)(names.len - 4));
    memcpy(names.data, &bytes, sizeof(bytes));
    if ((r = put_call(&out, 1, &call, &names)) < 0 || (r = send_all(bus, out.data, out.len)) < 0 ||
        (r = next_answer(bus, &serial, &c, &len)) < 0)
        return r;
    r = serial == 1 && !c.bad ? take_units(&c, states, paths) : -EPROTO;
    buf_consume(&bus->in, len);
    return r;
}

// The status lines of all services: one write with every question, then the answers.
static int ask_texts(struct bus *bus, struct unit_states *states, const struct strv *paths)
{
    _cleanup_buf_ struct buf out = BUF_INIT(ANSWER_MAX);
    size_t asked = 0;
    int r = 0;

    for (size_t i = 0; i < states->len && r >= 0; i++) {
        _cleanup_buf_ struct buf body = BUF_INIT(ANSWER_MAX);
        const struct call call = {.path = paths->items[i],
                                  .interface = "org.freedesktop.DBus.Properties",
                                  .member = "Get",
                                  .signature = "ss"};

        if (!str_ends_with(states->items[i].name, ".service"))
            continue;
        asked++;
        if ((r = put_string(&body, SYSTEMD ".Service")) >= 0 &&
            (r = put_string(&body, "StatusText")) >= 0)
            r = put_call(&out, (uint32_t)i + 2, &call, &body);
    }
    if (r >= 0)
        r = send_all(bus, buf_str(&out), out.len);
    for (; asked > 0 && r >= 0; asked--) {
        struct cursor c;
        uint32_t serial;
        size_t len;

        r = next_answer(bus, &serial, &c, &len);
        if (r < 0)
            return r;
        // An error is a unit that is not loaded: it has no line.
        if (!c.bad && serial >= 2 && serial - 2 < states->len &&
            strcmp(take_signature(&c), "s") == 0) {
            const char *text = take_string(&c);

            r = c.bad ? -EPROTO : set_text(&states->items[serial - 2].text, text);
        }
        buf_consume(&bus->in, len);
    }
    return r;
}

int bus_show(const char *path, struct unit_states *states)
{
    _cleanup_(bus_release) struct bus bus = {.fd = -1, .in = BUF_INIT(ANSWER_MAX)};
    _cleanup_strv_ struct strv paths = STRV_INIT;
    int r;

    if ((r = bus_open(path, &bus)) < 0 || (r = ask_units(&bus, states, &paths)) < 0)
        return r;
    return ask_texts(&bus, states, &paths);
}
