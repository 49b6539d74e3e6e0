// SPDX-License-Identifier: GPL-3.0-only
// The web server's side of RabbitMQ: publishes requests and waits for the broker's confirms, looks
// at queues, and follows what runs (running.h).
//
// One link, which comes back by itself, with back-off, once a broker has been seen to answer; each
// of its round trips is bounded by a second or two, since pages wait for them.
#pragma once

#include "adt/event.h"
#include "adt/names.h"
#include "web/exchange.h"
#include "web/queue_walk.h"
#include "web/running.h"

struct web;
struct broker;

int broker_new(struct web *web, struct broker **ret, struct error *err);
// Waiting publications are told that the broker is away.
void broker_free(struct broker *broker);
// Settings have changed: read the credentials and connect anew.
void broker_reload(struct broker *broker);

// Whether requests can be published now; else *ret_reason (may be NULL; owned by the broker) says
// why.
bool broker_is_up(const struct broker *broker, const char **ret_reason);

// Called once: r is 0 when the broker has confirmed, -ENOENT when the queue has vanished, else what
// happened to the connection.
typedef void broker_done(int r, const char *reason, void *userdata);

// Declares the queue when this link has not yet, and publishes, persistent and mandatory. `done`
// comes later, never from within. -ENOTCONN with the reason when the broker is away.
int broker_publish(struct broker *broker, const char *queue, const void *body, size_t len,
                   broker_done *done, void *userdata, struct error *err);

// Since when it is away, for people: "it has not answered for 1m 15s: REASON"; *ret_for (may be
// NULL) is the time alone. The caller frees both; NULL: no memory, or the broker is there.
char *broker_absence(const struct broker *broker, char **ret_for);

// Publishes an event (adt/event.h) when the broker is there; nobody waits for it. Borrowed.
void broker_tell(struct broker *broker, const json_t *event);

// How many requests wait in the queues (queue_walk.h: null of one that does not answer), as of some
// seconds ago, in *ret, borrowed; NULL while the broker is away. After a look at bodies
// broker_queue() has them. EXCHANGE_WAIT when nobody has looked lately: the handler returns that at
// once, and is called again when there is an answer. -ENOMEM.
int broker_look(struct broker *broker, enum queue_look what, struct exchange *x,
                const json_t **ret);
// What was seen last, however long ago, in *ret, borrowed; NULL: nothing yet, or the broker is
// away. When that was some seconds ago there is another look, for which nobody waits. -ENOMEM.
int broker_look_back(struct broker *broker, enum queue_look what, const json_t **ret);
// Whether there was a look in that time; there will be none by this.
bool broker_has_looked(const struct broker *broker, enum queue_look what, uint64_t within_us);
// The number of one queue in what broker_look() gave; NULL: it does not answer.
const json_t *broker_length(const json_t *lengths, const struct queue_place *place);
// The requests of one queue, as of some seconds ago (queue_reader.h); of one that does not answer,
// as it was when it did. Borrowed, until the event loop goes on; NULL while the broker is away.
const struct queue_copy *broker_queue(const struct broker *broker, const struct queue_place *place);

// Whether only the number of its requests can be known (queue_reader.h).
bool broker_queue_is_closed(const struct broker *broker, const struct queue_place *place);

// Of the last look at requests, in microseconds (0: none so far): how long it took; for how long
// queues were without their first request, all added up; and the longest time of these.
struct broker_cost {
    uint64_t took_us, held_us, longest_us;
};
void broker_look_cost(const struct broker *broker, struct broker_cost *ret);

// What runs, by the status messages. Borrowed.
struct running *broker_running(struct broker *broker);
