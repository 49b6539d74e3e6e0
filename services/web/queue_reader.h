// SPDX-License-Identifier: GPL-3.0-only
// Reads what waits in queues with as little time as can be in which workers miss it.
//
// The broker has no way to look at requests without taking them. They go back to their places, but
// for that time nobody else gets them. So a queue is read only when it must be: what is known is
// compared with its length and its first request, which is taken for a moment; as requests leave a
// queue at its head only, the same first one and the same length mean the same queue. A queue that
// has to be read again and again is read at most in one part of QUEUE_READER_PACE of the time; what
// is known of it is older then.
//
// A queue is read in slices. Its first requests go back as soon as the broker has let go of the
// whole slice, before all of it is received, so that workers have them; the ones behind are held
// until the end, as nobody's turn has come to them:
//
//     queue:  [ head ][ slice 1 ]…                    take head and slice 1, give back head, pause
//             [ head ] ·········· [ slice 2 ]…        take head and slice 2, give back head, pause
//             [ head ][ slice 1 ][ slice 2 ][ … ]     at the end: give back everything
//
// One program reads a queue at a time (adt/queue_lock.h): while another does for long, what is
// known of it stays.
//
// When the link is lost or this process is killed, the broker puts everything back by itself.
#pragma once

#include "net/amqp.h"
#include "web/queue_copy.h"

#define QUEUE_READER_PACE 100
#define QUEUE_READER_SLICE 500U // a longer queue is read in slices of so many

struct queue_reader;

// For one link, of `queues` queues, that are named by their number. -ENOMEM.
int queue_reader_new(size_t queues, struct queue_reader **ret);
void queue_reader_free(struct queue_reader *reader);

// What is known of a queue. Borrowed, until the next step.
const struct queue_copy *queue_reader_copy(const struct queue_reader *reader, size_t at);

// Whether its requests cannot be looked at, as it is not a classic queue (adt/durable_queue.h).
bool queue_reader_is_closed(const struct queue_reader *reader, size_t at);

// One more step towards knowing queue number `at`, which had so many requests when it was asked
// for. 0: done; QUEUE_READER_MORE; QUEUE_READER_PAUSE: not before queue_reader_resume_us()
// (CLOCK_MONOTONIC microseconds). Other queues only after it is done. Negative: the link is lost,
// or -ENOMEM.
enum { QUEUE_READER_MORE = 1, QUEUE_READER_PAUSE = 2 };
int queue_reader_step(struct queue_reader *reader, struct amqp_link *link, size_t at,
                      const char *queue, uint32_t messages, struct error *err);
uint64_t queue_reader_resume_us(const struct queue_reader *reader);

// For how long queues were without their first request, in microseconds: all added up since the
// last call, and the longest time.
void queue_reader_cost(struct queue_reader *reader, uint64_t *ret_held_us,
                       uint64_t *ret_longest_us);
