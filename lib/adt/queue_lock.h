// SPDX-License-Identifier: GPL-3.0-only
// Who looks into a queue of requests holds some of them for that time, and they go back to their
// places. A second one who looks meanwhile does not see these: so one looks at a time, and says so
// by an exclusive queue of the broker, which goes by itself with whoever made it. Workers do not
// ask: what they take is not there any more.
#pragma once

#include "net/amqp.h"

// Of the queue `debci-noble-amd64`: "autopkgtest.reading.debci-noble-amd64"; the caller frees.
char *queue_lock_name(const char *queue);

// 1: this link has the queue to itself (or may not declare queues, and does without); 0: another
// has it. Negative: the link is lost, or -ENOMEM. (waits)
int queue_lock(struct amqp_link *link, const char *queue, struct error *err);
// For who has it. (waits)
int queue_unlock(struct amqp_link *link, const char *queue, struct error *err);
