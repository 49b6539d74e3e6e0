// SPDX-License-Identifier: GPL-3.0-only
// Finds out, without making the event loop wait, whether a broker answers: connects and waits for
// the broker's first byte. Logging in, which waits, is then a matter of milliseconds; a broker that
// hangs, or a network that swallows packets, costs a time-out that nobody notices.
//
// With TLS only the connection is tried. Looking up a name waits for the resolver; addresses do
// not.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct broker_probe;

// r is 0 when the broker answers, else -errno with the reason. The probe may be freed from within.
typedef void broker_probe_done(int r, const char *reason, void *userdata);

// `done` is called once, later; not when the probe is freed before.
int broker_probe_new(sd_event *event, const char *host, uint16_t port, bool tls,
                     uint64_t timeout_us, broker_probe_done *done, void *userdata,
                     struct broker_probe **ret, struct error *err);
void broker_probe_free(struct broker_probe *probe);
