// SPDX-License-Identifier: GPL-3.0-only
// A connection to the broker: AMQP 0-9-1 by rabbitmq-c (0.10 to 0.15), made for poll loops.
//
// One link is one TCP (or TLS) connection with one channel in confirm mode for messages, and a
// second one, opened when first used, for declarations: the broker closes the channel of a failed
// declaration, and that must not take consumers and unacknowledged messages with it. The program
// waits for amqp_link_fd() to be readable, or for amqp_link_deadline(), and calls
// amqp_link_dispatch(), which reads what there is without blocking, sends heartbeats when due, and
// calls the handlers. Calls marked (waits) do a round trip to the broker, bounded by
// settings.timeout_us; what arrives meanwhile is kept and handed out by the next dispatch (the
// deadline is 0 then). Handlers may use the link, but not free it.
//
// Any call that fails with -ENOTCONN, -EPIPE, -ECONNRESET or -ETIMEDOUT has lost the connection:
// close the link and open another (amqp_backoff_us() tells after how long). So it is when the
// broker closes the channel of the messages (an exchange that is not there, a tag acknowledged
// twice). Publications without an outcome are then in doubt: publish them again. Nothing here knows
// queues or messages of this project.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct amqp_settings {
    struct strv hosts; // tried in turn, starting behind the one that failed last
    uint16_t port;
    char *user;
    char *password;
    char *vhost;
    bool tls;
    char *ca_file;        // NULL: the system's trusted authorities
    unsigned heartbeat_s; // 0: none
    uint64_t timeout_us;  // of connecting and of each round trip
};

void amqp_settings_release(struct amqp_settings *settings);

#define AMQP_BODY_MAX ((size_t)16 * 1024 * 1024) // of a message taken; what is longer is cut

struct amqp_delivery {
    uint64_t tag; // for amqp_link_ack()
    bool redelivered;
    bool truncated; // the body was longer than AMQP_BODY_MAX
    char *consumer; // consumer tag, NULL from amqp_link_get()
    char *exchange;
    char *routing_key;
    struct buf body;
    json_t *headers;  // object; tables and arrays as JSON, timestamps as integers
    char *message_id; // NULL when absent, as the following
    char *correlation_id;
    char *reply_to;         // queue where an answer is awaited
    uint64_t timestamp_s;   // when it was published, says who did (since 1970); 0 when absent
    uint32_t message_count; // from amqp_link_get(): how many are left in the queue
};

void amqp_delivery_release(struct amqp_delivery *delivery);

struct amqp_publication {
    const char *exchange; // "" for the default exchange
    const char *routing_key;
    const void *body;
    size_t body_len;
    const json_t *headers;                   // NULL or an object of strings, integers and booleans
    const char *message_id, *correlation_id; // may be NULL
    const char *reply_to;                    // queue for the answer; may be NULL
    bool persistent;
    bool mandatory; // the broker returns it when no queue takes it: the confirm comes as "returned"
};

enum amqp_outcome { AMQP_CONFIRMED, AMQP_REFUSED, AMQP_RETURNED };

struct amqp_link;

// What a broker says of a queue that was asked for.
struct amqp_queue_answer {
    const char *queue;
    int result;        // 0, or the negative errno that the declaration would have given
    const char *why;   // with the broker's words; "" with 0
    uint32_t messages; // that wait there
};

struct amqp_handlers {
    // A message for one of our consumers; the handler may take the delivery's content.
    void (*on_delivery)(struct amqp_link *link, struct amqp_delivery *delivery, void *userdata);
    // The broker has (not) taken responsibility for publication number `tag`.
    void (*on_outcome)(struct amqp_link *link, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata);
    // The broker has ended a consumer (its queue was deleted).
    void (*on_cancelled)(struct amqp_link *link, const char *consumer, void *userdata);
    // What has become of amqp_link_ask_queue().
    void (*on_queue)(struct amqp_link *link, const struct amqp_queue_answer *answer,
                     void *userdata);
    void *userdata;
};

// Connects to the first host that answers (waits: at most timeout_us a step and host), logs in,
// opens the channel and selects confirms. `client` names us in the broker's connection list.
// *cursor (may be NULL) remembers where to begin next time. Looking up a host's name takes the
// resolver's own time on top. -EACCES: user, password or vhost refused; the message never has the
// password.
int amqp_link_open(const struct amqp_settings *settings, const char *client,
                   const struct amqp_handlers *handlers, size_t *cursor, struct amqp_link **ret,
                   struct error *err);
// Says goodbye when it can, without waiting, and frees.
void amqp_link_free(struct amqp_link *link);

int amqp_link_fd(const struct amqp_link *link);
// CLOCK_MONOTONIC microseconds at which dispatch must be called even if nothing is readable.
uint64_t amqp_link_deadline(const struct amqp_link *link);
// The host in use, for messages.
const char *amqp_link_host(const struct amqp_link *link);
// What the broker says of its version: AMQP_VERSION_OF(3, 10) and later know quorum queues with
// message TTL and confirmed dead-lettering. 0: it is not RabbitMQ, or says nothing.
#define AMQP_VERSION_OF(major, minor) ((unsigned)(major)*1000U + (unsigned)(minor))
unsigned amqp_link_version(const struct amqp_link *link);
int amqp_link_dispatch(struct amqp_link *link, struct error *err);

// Publishes, with the time of now; *ret_tag is the number its outcome will carry. Does not wait.
int amqp_link_publish(struct amqp_link *link, const struct amqp_publication *publication,
                      uint64_t *ret_tag, struct error *err);
// Publishes and waits for the outcome. Refused: -EIO; returned as unroutable: -ENOENT.
int amqp_link_publish_confirmed(struct amqp_link *link, const struct amqp_publication *publication,
                                struct error *err);

// Takes one message from the front of a queue (waits). *ret_empty: there was none. No such queue:
// -ENOENT.
int amqp_link_get(struct amqp_link *link, const char *queue, struct amqp_delivery *ret,
                  bool *ret_empty, struct error *err);
// A channel more, for messages that are given back together (waits): RabbitMQ looks for a message
// among all that its channel has unacknowledged, so that many are held better in several. *ret is
// its number for amqp_link_get_many(). -EMFILE: the broker allows no more.
int amqp_link_add_channel(struct amqp_link *link, unsigned *ret, struct error *err);
// Gives everything back that is unacknowledged there, at its old places. A get in the same channel
// is answered after the queue has it.
int amqp_link_nack_channel(struct amqp_link *link, unsigned channel, struct error *err);
// Waits until the broker has passed on what was given back there: who asks the queue then finds it.
int amqp_link_sync_channel(struct amqp_link *link, unsigned channel, struct error *err);
// Closes it (waits); its number is not used again.
int amqp_link_close_channel(struct amqp_link *link, unsigned channel, struct error *err);
typedef int amqp_taken(struct amqp_delivery *delivery, void *userdata, struct error *err);
// Takes up to `count` messages with one wait for all, into a channel of amqp_link_add_channel():
// `taken` gets each in order, and may take its content; what is negative of it ends the handing
// out, and is returned (the messages behind are unacknowledged all the same). *ret_got: how many
// there were. `taken` must not use calls that wait.
int amqp_link_get_many(struct amqp_link *link, unsigned channel, const char *queue, unsigned count,
                       amqp_taken *taken, void *userdata, unsigned *ret_got, struct error *err);
// The same with a consumer: what it took goes back in one piece, where RabbitMQ puts back singly
// what gets took, each in a time that grows with the queue. As many messages come as there are, up
// to `count`; whether there are fewer is asked for only when none comes for AMQP_TAKE_QUIET_US.
// `taken` may say, once, AMQP_TAKE_BACK: this message and those before it in its channel go back,
// and do not come again. That is when all but AMQP_TAKE_AHEAD are there: a queue of RabbitMQ is up
// to 200 messages ahead of its channel, which tells it of every 50 that are sent
// (UNSENT_MESSAGE_LIMIT of its rabbit_queue_consumers.erl, MORE_CONSUMER_CREDIT_AFTER of its
// rabbit_amqqueue.erl), so that the rest is on its way by then. If fewer than `count` come after
// that, there may be more in the queue.
#define AMQP_TAKE_QUIET_US UINT64_C(20000)
#define AMQP_TAKE_AHEAD 150U
enum { AMQP_TAKE_BACK = 1 };
struct amqp_took {
    unsigned got;
    uint64_t held_us; // until they were sent back, or else to the end: the queue misses its first
};
int amqp_link_take_many(struct amqp_link *link, unsigned channel, const char *queue, uint16_t count,
                        amqp_taken *taken, void *userdata, struct amqp_took *ret,
                        struct error *err);
// The same of a queue that has no more than `count` as far as is known. RabbitMQ is a tenth faster
// as it does not have to count; what has come to the queue meanwhile may be taken besides, and is
// handed out after the others.
int amqp_link_take_all(struct amqp_link *link, unsigned channel, const char *queue, uint16_t count,
                       amqp_taken *taken, void *userdata, struct amqp_took *ret, struct error *err);
int amqp_link_ack(struct amqp_link *link, uint64_t tag, struct error *err);
// All deliveries of its channel up to this one at once.
int amqp_link_ack_up_to(struct amqp_link *link, uint64_t tag, struct error *err);
// Gives it back; with requeue at its old place in the queue where that is possible.
int amqp_link_nack(struct amqp_link *link, uint64_t tag, bool requeue, struct error *err);
// All deliveries of its channel up to this one go back.
int amqp_link_nack_up_to(struct amqp_link *link, uint64_t tag, struct error *err);

// At most `count` messages unacknowledged on the whole channel (waits). RabbitMQ has no such
// limit for quorum queues: consuming from one afterwards loses the connection. Getting works.
int amqp_link_prefetch(struct amqp_link *link, uint16_t count, struct error *err);
// Starts and ends a consumer, whose tag the caller chooses (wait). No such queue: -ENOENT. What was
// delivered before the cancellation still comes.
int amqp_link_consume(struct amqp_link *link, const char *queue, const char *consumer, bool no_ack,
                      bool exclusive, struct error *err);
int amqp_link_cancel(struct amqp_link *link, const char *consumer, struct error *err);

// Declarations (wait). `arguments`: NULL or an object of strings, integers and booleans. A queue or
// exchange that is there with other properties: -EEXIST; no permission: -EACCES; another
// connection's exclusive queue: -EBUSY. The link is as good as before in all these cases.
enum amqp_queue_flags {
    AMQP_DURABLE = 1,
    AMQP_EXCLUSIVE = 2,
    AMQP_AUTO_DELETE = 4,
    AMQP_PASSIVE = 8, // is it there? For amqp_link_ask_queue() only
    AMQP_CLASSIC = 16 // not of the kind that the vhost makes by default; RabbitMQ knows kinds from
                      // 3.8 on
};
#define AMQP_QUEUE_TYPE "x-queue-type" // the argument
// An empty name lets the broker choose: *ret_name (may be NULL) is the name, owned by the caller.
int amqp_link_declare_queue(struct amqp_link *link, const char *queue, unsigned flags,
                            const json_t *arguments, char **ret_name, struct error *err);
// Declares a queue without waiting, or only asks for it (AMQP_PASSIVE): the answer goes to
// on_queue. In a cluster a queue's home can be away: RabbitMQ 3 says at once that there is none
// (-ENOENT), RabbitMQ 4 after a minute, and if the home comes back in that time it is declared
// then. Other calls would lose the link waiting for it.
int amqp_link_ask_queue(struct amqp_link *link, const char *queue, unsigned flags,
                        struct error *err);
// How many messages wait there and how many consumers it has (waits). No such queue: -ENOENT.
int amqp_link_inspect_queue(struct amqp_link *link, const char *queue, uint32_t *ret_messages,
                            uint32_t *ret_consumers, struct error *err);
int amqp_link_delete_queue(struct amqp_link *link, const char *queue, struct error *err);
int amqp_link_declare_exchange(struct amqp_link *link, const char *exchange, const char *type,
                               unsigned flags, struct error *err);
int amqp_link_bind(struct amqp_link *link, const char *queue, const char *exchange,
                   const char *routing_key, const json_t *arguments, struct error *err);

// How long to wait before try number `attempt` (0, 1, …): 0.1 s doubling to 30 s, with jitter;
// microseconds.
uint64_t amqp_backoff_us(unsigned attempt);

DEFINE_CLEANUP(struct amqp_link *, amqp_link_free)
