// SPDX-License-Identifier: GPL-3.0-only
// One request of HTTP/1.1 on a connection that systemd has accepted, for a scraper on this machine.
#pragma once

#include "base/buf.h"

#include <stdint.h>

// Longest head of a request that is read.
#define ANSWER_HEAD_MAX ((size_t)16 * 1024)

// Reads a request from `in`, until `until_us` (CLOCK_MONOTONIC) at the longest; 200 is then the
// answer for what is to be told, else a status of the client's (400, 404, 405, 408).
unsigned answer_read(int in, uint64_t until_us);
// Writes status, headers and `text`, then the connection is at its end.
int answer_write(int out, unsigned status, const struct buf *text, struct error *err);
