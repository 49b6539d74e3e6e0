// SPDX-License-Identifier: GPL-3.0-only
// What the parts of the AMQP link share; nobody else includes this.
//
//     amqp.c          what there is of a link: its errors, its events
//     amqp_connect.c  finding a host, TLS, login
//     amqp_frame.c    frames in: replies, deliveries, outcomes, what the broker says by itself
//     amqp_confirm.c  which publications wait for their outcome
//     amqp_call.c     the round trips
//     amqp_ask.c      queues that are asked for without waiting
//     amqp_table.c    AMQP tables <-> JSON
//     amqp_publish.c  messages out, with or without waiting for their outcome
//     amqp_dispatch.c the life of a link, and the events that came
//
// Frames come in one by one through amqp_frame_read() and are copied out of rabbitmq-c's memory at
// once, so that its pools are recycled after each. A round trip sends its method, then reads frames
// until its reply is there; everything else becomes an event that the next dispatch hands out.
#pragma once

#include "base/clock.h"
#include "net/amqp.h"

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

// Messages, confirms and consumers are on the first channel. Declarations have one of their own,
// opened when first used: the broker answers a failed one by closing the channel, which would take
// the consumers and everything unacknowledged with it. amqp_link_add_channel() opens those behind.
#define AMQP_CHANNEL_MAIN 1
#define AMQP_CHANNEL_DECLARE 2

enum amqp_event_kind {
    AMQP_EVENT_DELIVERY,
    AMQP_EVENT_OUTCOME,
    AMQP_EVENT_CANCELLED,
    AMQP_EVENT_QUEUE
};

struct amqp_event {
    struct amqp_event *next;
    enum amqp_event_kind kind;
    struct amqp_delivery delivery;
    uint64_t tag;
    enum amqp_outcome outcome;
    char *consumer;
    char *queue, *why; // AMQP_EVENT_QUEUE
    int result;
    uint32_t messages;
};

// Publications without an outcome: item i (from `head` on) has the number first_tag + i - head.
enum amqp_pending_state { AMQP_PENDING_WAITS, AMQP_PENDING_RETURNED, AMQP_PENDING_DONE };
struct amqp_pending {
    uint64_t fingerprint; // of a mandatory publication, to know it when it is returned; else 0
    enum amqp_pending_state state;
};
struct amqp_unconfirmed {
    struct amqp_pending *items;
    size_t head, len, alloc;
    uint64_t first_tag;
};

// The message whose header and body frames are coming in.
enum amqp_incoming_kind {
    AMQP_INCOMING_NONE,
    AMQP_INCOMING_DELIVER,
    AMQP_INCOMING_GET,
    AMQP_INCOMING_RETURN
};
struct amqp_incoming {
    enum amqp_incoming_kind kind;
    bool has_header;
    amqp_channel_t channel; // AMQP_INCOMING_DELIVER
    uint64_t remaining;     // bytes of the body
    struct amqp_delivery message;
};

// What a round trip is waiting for.
struct amqp_waiting {
    amqp_channel_t channel; // 0: no round trip
    amqp_method_number_t expected[2];
    bool arrived;
    amqp_method_number_t method; // that arrived
    void *decoded;               // valid until the next frame is read
};

// Whom the deliveries of a channel are for, while amqp_link_take_many() is at work.
struct amqp_taking {
    amqp_channel_t channel; // 0: nobody takes
    amqp_taken *taken;
    void *userdata;
    unsigned got;
    int failed;    // what `taken` has returned
    uint64_t back; // up to this tag they go back; 0: none do
    struct error *err;
};

struct amqp_link {
    amqp_connection_state_t connection;
    struct amqp_handlers handlers;
    char *host;
    int fd;
    uint64_t timeout_us;
    uint64_t heartbeat_us; // 0: none
    unsigned version;      // of the broker, as AMQP_VERSION_OF(); 0: not known
    uint64_t last_send_us;
    int lost; // negative errno once the connection is of no use
    char *lost_reason;
    bool declare_open;      // AMQP_CHANNEL_DECLARE
    unsigned more_channels; // behind it
    struct amqp_ask *asks;  // in channels from the highest number down
    int exception;          // negative errno when the broker closed AMQP_CHANNEL_DECLARE
    char *exception_text;
    char *blocked;     // why the broker takes no publications at the moment
    char *known_queue; // the last queue seen to exist
    bool unread;       // dispatch stopped before all was read
    struct amqp_waiting waiting;
    struct amqp_incoming incoming;
    struct amqp_delivery got; // complete answer to basic.get
    struct amqp_taking taking;
    struct amqp_event *first_event, **last_event;
    struct amqp_unconfirmed unconfirmed;
    uint64_t awaited_tag; // its outcome is for publish_confirmed, not for on_outcome; 0: none
    bool awaited_known;
    enum amqp_outcome awaited_outcome;
};

// amqp.c
// errno for one of rabbitmq-c's status numbers.
int amqp_status_errno(int status);
// Marks the connection as lost and returns `r`; the first reason stays.
int amqp_lose(struct amqp_link *link, int r, struct error *err, const char *format, ...)
    _printf_(4, 5);
int amqp_lose_status(struct amqp_link *link, int status, struct error *err, const char *doing);
// 0, or -ENOTCONN with the reason.
int amqp_check_usable(const struct amqp_link *link, struct error *err);
int amqp_send(struct amqp_link *link, amqp_channel_t channel, amqp_method_number_t method,
              void *decoded, struct error *err);
int amqp_out_of_memory(struct amqp_link *link, struct error *err);
int amqp_timed_out(struct amqp_link *link, struct error *err);
// errno for the code with which the broker closes a channel.
int amqp_exception_errno(unsigned code);
struct amqp_event *amqp_event_add(struct amqp_link *link, enum amqp_event_kind kind);
void amqp_event_free(struct amqp_event *event);
// Recycles rabbitmq-c's memory after a reply was used.
void amqp_reply_done(struct amqp_link *link);
// A channel's delivery tag as the tag of an amqp_delivery, and back.
uint64_t amqp_tag_of(amqp_channel_t channel, uint64_t tag);
amqp_channel_t amqp_tag_channel(uint64_t tag);
uint64_t amqp_tag_number(uint64_t tag);
// What a queue is declared with; the caller frees ret->entries. Borrows the arguments' strings.
int amqp_queue_arguments(const struct amqp_link *link, unsigned flags, const json_t *arguments,
                         amqp_table_t *ret, struct error *err);

// amqp_connect.c
int amqp_connect(struct amqp_link *link, const struct amqp_settings *settings, const char *host,
                 const char *client, struct error *err);

// amqp_frame.c
// Reads and handles at most one frame. 1: one was handled; 0: none came until `deadline_us`.
int amqp_frame_read(struct amqp_link *link, uint64_t deadline_us, struct error *err);

// amqp_confirm.c
uint64_t amqp_fingerprint(amqp_bytes_t exchange, amqp_bytes_t routing_key, const void *body,
                          size_t len);
// Makes room for one more, so that the publication can be noted without failing afterwards.
int amqp_unconfirmed_reserve(struct amqp_unconfirmed *u);
uint64_t amqp_unconfirmed_add(struct amqp_unconfirmed *u, uint64_t fingerprint);
void amqp_unconfirmed_returned(struct amqp_unconfirmed *u, uint64_t fingerprint);
// Settles publication `tag`, or with `multiple` all up to it (0: all). Calls `settled` for each in
// order; a negative number from it ends the walk and is returned.
int amqp_unconfirmed_settle(struct amqp_unconfirmed *u, uint64_t tag, bool multiple, bool refused,
                            int (*settled)(void *userdata, uint64_t tag, enum amqp_outcome outcome),
                            void *userdata);
void amqp_unconfirmed_release(struct amqp_unconfirmed *u);

// amqp_call.c
// Sends a method and waits for one of the expected answers, which is in link->waiting afterwards;
// ends with amqp_reply_done(). An exception on AMQP_CHANNEL_DECLARE is returned as its errno.
int amqp_call(struct amqp_link *link, amqp_channel_t channel, amqp_method_number_t method,
              void *decoded, const amqp_method_number_t expected[2], struct error *err);
int amqp_open_main(struct amqp_link *link, struct error *err);

// amqp_ask.c
// Whether the channel is one of amqp_link_ask_queue(), whose methods go to amqp_ask_method().
bool amqp_ask_has(struct amqp_link *link, amqp_channel_t channel);
int amqp_ask_method(struct amqp_link *link, amqp_channel_t channel, const amqp_method_t *method,
                    struct error *err);
void amqp_ask_free_all(struct amqp_link *link);

// amqp_table.c
// Strings, integers and booleans of a JSON object (NULL: none) as a table that borrows the strings;
// the caller frees ret->entries. -EINVAL for other values.
int amqp_table_from_json(const json_t *object, amqp_table_t *ret, struct error *err);
// Borrows both; what was there stays after -ENOMEM.
int amqp_table_add_string(amqp_table_t *table, const char *key, const char *value,
                          struct error *err);
// Any table as a JSON object; bytes that are no UTF-8 become U+FFFD, what is nested deeper than 16
// becomes null.
int amqp_table_to_json(const amqp_table_t *table, json_t **ret);
// A JSON string of bytes, made valid. NULL for lack of memory.
json_t *amqp_bytes_to_json(amqp_bytes_t bytes);

// A copy as a C string, cut at a NUL; NULL for lack of memory.
char *amqp_bytes_string(amqp_bytes_t bytes);
static inline amqp_bytes_t amqp_bytes_of(const char *s)
{
    return s ? amqp_cstring_bytes(s) : amqp_empty_bytes;
}
