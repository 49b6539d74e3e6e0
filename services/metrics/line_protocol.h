// SPDX-License-Identifier: GPL-3.0-only
// Prometheus' text format, as we write it, into InfluxDB's line protocol: one line
// `NAME,tags value=V SECONDS` for each sample. The label `context` (of a queue) becomes the tag
// `queue`, since `context` names the deployment there.
#pragma once

#include "base/buf.h"

#include <stdint.h>

// Appends the samples of `text`. Tags `unit` and `context` are added to each; an empty one is left
// out, as InfluxDB demands. -EBADMSG: a line that is no sample, of which the message has the name.
int line_protocol_add(const char *text, const char *unit, const char *context, int64_t seconds,
                      struct buf *ret, struct error *err);
