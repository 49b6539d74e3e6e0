// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_reader.h"

#include "adt/durable_queue.h"
#include "adt/queue_lock.h"
#include "base/clock.h"
#include "base/log.h"

#define HEAD 32U // requests that workers find between slices
#define HEAD_MIN 8U
#define SLICES_MOST 200U // a channel each
#define PAUSE_PART 4U    // of a slice's time
#define PAUSE_MIN_US (10 * USEC_PER_MSEC)
#define BUSY_PAUSE_US (20 * USEC_PER_MSEC)
#define BUSY_US USEC_PER_SEC // while another reads a queue; then what is known of it has to do
#define SAME_US                                                                                    \
    (10 * USEC_PER_SEC) // a queue of the same length is taken to be the same for so long
#define DOUBT_US                                                                                   \
    (5 * USEC_PER_SEC) // a queue that is much shorter all at once is not believed for so long

enum kind {
    UNASKED,
    KEEPS_ORDER, // gives requests that were looked at their places back
    CLOSED,      // does not: nobody looks into it
};

struct known {
    enum kind kind;
    struct queue_copy copy;
    uint64_t read_us, cost_us; // when it was read, and for how long workers missed its head
    uint64_t compared_us;
    uint64_t doubted_us; // 0: it is believed
};

// A queue that is read in slices.
struct reading {
    bool active;
    struct queue_copy copy;
    uint64_t head[HEAD]; // numbers of the requests that went back last
    size_t head_first, head_len;
    bool head_ends; // its last number is there once: who sees it has seen the whole head
    size_t slices;
    uint64_t left; // how many are behind, as far as is known
    uint64_t cost_us, slice_us, resume_us;
};

struct queue_reader {
    bool locked;      // the queue that is read is ours
    uint64_t busy_us; // since when another reads it; 0: none does
    size_t len;
    struct known *queues;
    struct reading reading;
    unsigned *channels; // of the link; one for each slice
    size_t channels_len;
    uint64_t held_us, longest_us;
};

// Requests as they were taken.
struct taken {
    struct reading *reading;
    struct buf *bodies;
    uint64_t *tags;
    size_t len, alloc;
    bool settled; // the head is known, and on its way back
};

static void taken_release(struct taken *taken)
{
    for (size_t i = 0; i < taken->len; i++)
        buf_release(&taken->bodies[i]);
    free(taken->bodies);
    free(taken->tags);
}

static int taken_alloc(struct taken *taken, unsigned most, struct error *err)
{
    taken->bodies = calloc(most, sizeof *taken->bodies);
    taken->tags = calloc(most, sizeof *taken->tags);
    taken->alloc = most;
    return taken->bodies && taken->tags ? 0 : error_oom(err);
}

int queue_reader_new(size_t queues, struct queue_reader **ret)
{
    struct queue_reader *reader = calloc(1, sizeof *reader);

    if (reader)
        reader->queues = calloc(queues + 1, sizeof *reader->queues);
    if (!reader || !reader->queues) {
        free(reader);
        return -ENOMEM;
    }
    reader->len = queues;
    for (size_t i = 0; i < queues; i++)
        reader->queues[i].copy = (struct queue_copy)QUEUE_COPY_INIT;
    reader->reading.copy = (struct queue_copy)QUEUE_COPY_INIT;
    *ret = reader;
    return 0;
}

void queue_reader_free(struct queue_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->len; i++)
        queue_copy_release(&reader->queues[i].copy);
    queue_copy_release(&reader->reading.copy);
    free(reader->queues);
    free(reader->channels);
    free(reader);
}

const struct queue_copy *queue_reader_copy(const struct queue_reader *reader, size_t at)
{
    return &reader->queues[at].copy;
}

bool queue_reader_is_closed(const struct queue_reader *reader, size_t at)
{
    return reader->queues[at].kind == CLOSED;
}

uint64_t queue_reader_resume_us(const struct queue_reader *reader)
{
    return reader->reading.resume_us;
}

void queue_reader_cost(struct queue_reader *reader, uint64_t *ret_held_us, uint64_t *ret_longest_us)
{
    *ret_held_us = reader->held_us;
    *ret_longest_us = reader->longest_us;
    reader->held_us = reader->longest_us = 0;
}

static int need_channel(struct queue_reader *reader, struct amqp_link *link, size_t number,
                        struct error *err)
{
    unsigned *more;
    int r;

    if (number < reader->channels_len)
        return 0;
    more = reallocarray(reader->channels, number + 1, sizeof *more);
    if (!more)
        return error_oom(err);
    reader->channels = more;
    r = amqp_link_add_channel(link, &more[number], err);
    if (r == 0)
        reader->channels_len++;
    return r;
}

static uint64_t note_cost(struct queue_reader *reader, uint64_t cost)
{
    reader->held_us += cost;
    if (cost > reader->longest_us)
        reader->longest_us = cost;
    return cost;
}

static int add_all(struct queue_copy *copy, const struct taken *taken, size_t from,
                   struct error *err)
{
    int r = 0;

    for (size_t i = from; r == 0 && i < taken->len; i++)
        r = queue_copy_add(copy, &taken->bodies[i]);
    return r < 0 ? error_oom(err) : 0;
}

static void replace(struct known *known, struct queue_copy *copy, uint64_t cost_us)
{
    queue_copy_release(&known->copy);
    known->copy = *copy;
    buf_fit(&known->copy.text);
    *copy = (struct queue_copy)QUEUE_COPY_INIT;
    known->read_us = known->compared_us = clock_monotonic_us();
    known->cost_us = cost_us;
    known->doubted_us = 0;
}

// ---- in slices

static size_t keep_head(struct reading *reading, const struct taken *taken, size_t len)
{
    reading->head_ends = len > 0;
    for (size_t i = 0; i < len; i++)
        reading->head[i] = queue_copy_number(&taken->bodies[i]);
    for (size_t i = 0; i + 1 < len; i++)
        if (reading->head[i] == reading->head[len - 1])
            reading->head_ends = false;
    reading->head_len = len;
    return len;
}

static size_t settle_first(struct reading *reading, const struct taken *taken)
{
    return keep_head(reading, taken, taken->len < HEAD ? taken->len : HEAD);
}

// The first of what was taken is the head that went back before, without those that workers have
// taken since. It ends with the same request.
static size_t settle_next(struct reading *reading, const struct taken *taken)
{
    size_t len = reading->head_len < taken->len ? reading->head_len : taken->len;

    while (len > 0 &&
           queue_copy_number(&taken->bodies[len - 1]) != reading->head[reading->head_len - 1])
        len--;
    reading->head_first += reading->head_len - len;
    return keep_head(reading, taken, len);
}

static size_t settle(struct reading *reading, const struct taken *taken)
{
    return reading->slices == 0 ? settle_first(reading, taken) : settle_next(reading, taken);
}

// Whether the whole head has come with the last one that was taken.
static bool head_is_there(const struct taken *taken)
{
    const struct reading *reading = taken->reading;

    if (reading->slices == 0)
        return taken->len == HEAD || taken->len == taken->alloc;
    return reading->head_ends && taken->len <= reading->head_len &&
           queue_copy_number(&taken->bodies[taken->len - 1]) ==
               reading->head[reading->head_len - 1];
}

static int take_body(struct amqp_delivery *delivery, void *userdata, struct error *err _unused_)
{
    struct taken *taken = userdata;

    if (taken->len == taken->alloc)
        return 0;
    taken->tags[taken->len] = delivery->tag;
    taken->bodies[taken->len++] = delivery->body;
    delivery->body = (struct buf)BUF_INIT(0);
    if (taken->settled || !head_is_there(taken))
        return 0;
    taken->settled = true;
    (void)settle(taken->reading, taken);
    return AMQP_TAKE_BACK;
}

static int give_back(struct queue_reader *reader, struct amqp_link *link, struct error *err)
{
    int r = 0;

    // The last ones first: the queue looks for the place of what comes back from its head on.
    for (size_t i = reader->reading.slices; r == 0 && i-- > 0;)
        r = amqp_link_nack_channel(link, reader->channels[i], err);
    return r;
}

static void begin_reading(struct queue_reader *reader, uint64_t messages)
{
    queue_copy_release(&reader->reading.copy);
    reader->reading = (struct reading){
        .active = true, .copy = (struct queue_copy)QUEUE_COPY_INIT, .left = messages};
}

static unsigned slice_size(const struct reading *reading)
{
    uint64_t size = (reading->left + reading->copy.len) / SLICES_MOST;

    if (size < QUEUE_READER_SLICE)
        size = QUEUE_READER_SLICE;
    if (size > UINT16_MAX - HEAD)
        size = UINT16_MAX - HEAD;
    return (unsigned)(size < reading->left ? size : reading->left);
}

static int take_and_settle(struct queue_reader *reader, struct amqp_link *link, const char *queue,
                           struct taken *taken, struct error *err)
{
    struct reading *reading = &reader->reading;
    unsigned channel = reader->channels[reading->slices];
    bool is_rest = taken->alloc >= reading->left + reading->head_len;
    uint64_t start = clock_monotonic_us();
    struct amqp_took took;
    size_t back;
    int r = (is_rest ? amqp_link_take_all : amqp_link_take_many)(
        link, channel, queue, (uint16_t)taken->alloc, take_body, taken, &took, err);

    if (r < 0)
        return r;
    if (!taken->settled) {
        back = settle(reading, taken);
        if (back > 0)
            r = amqp_link_nack_up_to(link, taken->tags[back - 1], err);
        took.held_us = clock_monotonic_us() - start;
    }
    reading->slices++;
    reading->slice_us = note_cost(reader, took.held_us);
    reading->cost_us += reading->slice_us;
    return r;
}

// Workers take faster than this reads: another time.
static int give_up(struct queue_reader *reader, struct amqp_link *link, struct known *known,
                   struct error *err)
{
    known->read_us = clock_monotonic_us();
    known->cost_us = reader->reading.cost_us;
    reader->reading.active = false;
    return give_back(reader, link, err);
}

static int end_reading(struct queue_reader *reader, struct known *known, const struct taken *taken,
                       size_t from, struct error *err)
{
    struct reading *reading = &reader->reading;
    int r = add_all(&reading->copy, taken, from, err);

    reading->copy.first = reading->head_first;
    reading->active = false;
    if (r == 0)
        replace(known, &reading->copy, reading->cost_us);
    return r;
}

// Whether nothing is behind what was taken. With fewer than were wanted, a head that went back
// early leaves that open.
static bool is_last(const struct reading *reading, const struct taken *taken, size_t more)
{
    return reading->left <= more || more == 0 || (taken->len < taken->alloc && !taken->settled);
}

static int read_slice(struct queue_reader *reader, struct amqp_link *link, struct known *known,
                      const char *queue, struct error *err)
{
    struct reading *reading = &reader->reading;
    _cleanup_(taken_release) struct taken taken = {.reading = reading};
    size_t head = reading->head_len, more;
    uint64_t pause_us;
    int r = need_channel(reader, link, reading->slices, err);

    if (r == 0)
        r = taken_alloc(&taken, slice_size(reading) + (unsigned)head, err);
    if (r == 0)
        r = take_and_settle(reader, link, queue, &taken, err);
    if (r < 0)
        return r;
    head = head > 0 ? reading->head_len : 0;
    more = taken.len - head;
    if (is_last(reading, &taken, more)) {
        r = give_back(reader, link, err);
        return r < 0 ? r : end_reading(reader, known, &taken, head, err);
    }
    reading->left -= more;
    if (reading->head_len < HEAD_MIN)
        return give_up(reader, link, known, err);
    r = add_all(&reading->copy, &taken, head, err);
    pause_us = reading->slice_us * PAUSE_PART;
    reading->resume_us = clock_monotonic_us() + (pause_us > PAUSE_MIN_US ? pause_us : PAUSE_MIN_US);
    return r < 0 ? r : QUEUE_READER_PAUSE;
}

// ---- what is known

struct first {
    uint64_t number;
    uint32_t messages;
};

static int note_first(struct amqp_delivery *delivery, void *userdata, struct error *err _unused_)
{
    struct first *first = userdata;

    first->number = queue_copy_number(&delivery->body);
    first->messages = delivery->message_count + 1;
    return 0;
}

// Another web unit may be reading a queue that is much shorter all at once.
static bool doubts(struct known *known, uint32_t messages)
{
    if (queue_copy_len(&known->copy) <= (size_t)messages + QUEUE_READER_SLICE)
        known->doubted_us = 0;
    else if (known->doubted_us == 0)
        known->doubted_us = known->compared_us;
    return known->doubted_us > 0 && known->compared_us - known->doubted_us < DOUBT_US;
}

// Brings what is known to where the queue begins now. 1: that is the whole; 0: there is more
// behind, or something else.
static int compare(struct queue_reader *reader, struct amqp_link *link, struct known *known,
                   const char *queue, struct error *err)
{
    struct first first = {0};
    unsigned got;
    uint64_t start;
    int r = need_channel(reader, link, 0, err);

    if (r < 0)
        return r;
    start = clock_monotonic_us();
    r = amqp_link_get_many(link, reader->channels[0], queue, 1, note_first, &first, &got, err);
    if (r == 0)
        r = amqp_link_nack_channel(link, reader->channels[0], err);
    (void)note_cost(reader, clock_monotonic_us() - start);
    if (r < 0)
        return r;
    known->compared_us = clock_monotonic_us();
    if (doubts(known, first.messages))
        return 1;
    if (got == 0) {
        queue_copy_release(&known->copy);
        return 1;
    }
    return queue_copy_begin_at(&known->copy, first.number) &&
           queue_copy_len(&known->copy) == first.messages;
}

// 1: nobody else reads the queue; QUEUE_READER_PAUSE: somebody does; 0: and for long.
static int enter(struct queue_reader *reader, struct amqp_link *link, const char *queue,
                 struct error *err)
{
    uint64_t now = clock_monotonic_us();
    int r = reader->locked ? 1 : queue_lock(link, queue, err);

    if (r != 0) {
        reader->locked = r > 0;
        reader->busy_us = 0;
        return r;
    }
    if (reader->busy_us == 0)
        reader->busy_us = now;
    if (now - reader->busy_us > BUSY_US) {
        reader->busy_us = 0;
        return 0;
    }
    reader->reading.resume_us = now + BUSY_PAUSE_US;
    return QUEUE_READER_PAUSE;
}

static int leave(struct queue_reader *reader, struct amqp_link *link, const char *queue,
                 struct error *err)
{
    size_t used = reader->reading.slices > 0 ? reader->reading.slices : 1;
    int r = 0;

    if (!reader->locked)
        return 0;
    for (size_t i = 0; r == 0 && i < used && i < reader->channels_len; i++)
        r = amqp_link_sync_channel(link, reader->channels[i], err);
    reader->locked = false;
    reader->reading.slices = 0;
    return r < 0 ? r : queue_unlock(link, queue, err);
}

// When nobody else reads it.
static int examine(struct queue_reader *reader, struct amqp_link *link, struct known *known,
                   const char *queue, uint32_t messages, struct error *err)
{
    bool is_known = queue_copy_len(&known->copy) > 0;
    int r = is_known ? compare(reader, link, known, queue, err) : 0;

    if (r != 0)
        return r < 0 ? r : 0;
    if (is_known && clock_monotonic_us() - known->read_us < QUEUE_READER_PACE * known->cost_us)
        return 0;
    begin_reading(reader, messages > 0 ? messages : 1);
    return QUEUE_READER_MORE;
}

// 1: it may be looked into. A queue is of one kind as long as it is there.
static int may_look(struct known *known, struct amqp_link *link, const char *queue,
                    struct error *err)
{
    if (known->kind == UNASKED) {
        int r = durable_queue_keeps_order(link, queue, err);

        if (r < 0)
            return r;
        known->kind = r > 0 ? KEEPS_ORDER : CLOSED;
        if (known->kind == CLOSED)
            log_warning("queue %s does not keep the order of requests that are looked at, as it is "
                        "not a classic queue: only how many wait in it is known",
                        queue);
    }
    return known->kind == KEEPS_ORDER;
}

static int step(struct queue_reader *reader, struct amqp_link *link, struct known *known,
                const char *queue, uint32_t messages, struct error *err)
{
    uint64_t now = clock_monotonic_us();
    size_t len = queue_copy_len(&known->copy);
    int r;

    if ((reader->reading.active || reader->busy_us > 0) && now < reader->reading.resume_us)
        return QUEUE_READER_PAUSE;
    if (reader->reading.active)
        return read_slice(reader, link, known, queue, err);
    if (messages == 0 && len <= QUEUE_READER_SLICE) {
        queue_copy_release(&known->copy);
        return 0;
    }
    if (len == messages && now - known->compared_us < SAME_US)
        return 0;
    r = may_look(known, link, queue, err);
    if (r == 1)
        r = enter(reader, link, queue, err);
    return r == 1 ? examine(reader, link, known, queue, messages, err) : r;
}

int queue_reader_step(struct queue_reader *reader, struct amqp_link *link, size_t at,
                      const char *queue, uint32_t messages, struct error *err)
{
    struct known *known = &reader->queues[at];
    int r = step(reader, link, known, queue, messages, err);

    if (r == -ENOENT) { // deleted just now
        error_clear(err);
        reader->reading.active = false;
        known->kind = UNASKED;
        queue_copy_release(&known->copy);
        r = 0;
    }
    return r == 0 ? leave(reader, link, queue, err) : r;
}
