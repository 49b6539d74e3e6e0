// SPDX-License-Identifier: GPL-3.0-only
// Asks systemd for the state of units over its private socket, in D-Bus's wire format
// (https://dbus.freedesktop.org/doc/dbus-specification.html), because starting systemctl costs more
// time and memory than all the rest of a hook that has nothing to do. Root only; knows the two
// calls it makes and nothing more of D-Bus.
#pragma once

#include "charm/systemd.h"

// Fills the entries' state and status line by name. Any failure (no such socket, another
// protocol) is a negative errno, and the caller asks systemctl instead. `path` is the socket's.
int bus_show(const char *path, struct unit_states *states);
