// SPDX-License-Identifier: GPL-3.0-only
// A server on 127.0.0.1 that answers every connection with the same bytes, whatever is asked, and
// closes it: for targets whose input is the answer of an HTTP server, by way of the real client.
#pragma once

#include <stddef.h>

// Sets the answer. Gives the port.
unsigned answering_with(const void *bytes, size_t len);
