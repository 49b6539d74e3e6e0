// SPDX-License-Identifier: GPL-3.0-only
// Programs of the system (apt-get, useradd, git, …), looked up in PATH and run to their end.
#pragma once

#include "base/buf.h"

#include <stdint.h>

// -EIO when it ends with another status than 0; the message has the program's name and the line of
// what it said that tells why. -ETIMEDOUT after timeout_s (0: no limit).
int command_run(const char *const *argv, unsigned timeout_s, struct error *err);
// The same, appending its standard output.
int command_output(const char *const *argv, unsigned timeout_s, struct buf *ret, struct error *err);
