// SPDX-License-Identifier: GPL-3.0-only
// LXD hosts as operators write them, `10.0.0.1`, `lxd.example:8443`, `[fd00::1]:8443`, and the name
// each gets: of a remote of the program `lxc`, and of the workers that test there. The charm and
// the programs agree on it by this module.
#pragma once

#include <stdbool.h>

#define REMOTE_PREFIX "lxd-"
#define REMOTE_PORT 8443 // where LXD listens, unless the address says otherwise

// A name or IP address, the port behind a colon; an IPv6 address in brackets, or alone.
bool remote_is_address(const char *text);
// The shortest way to write it: without the usual port, an IPv6 address without a port alone. The
// caller frees.
char *remote_shortest(const char *address);
// "lxd-10.0.0.1", "lxd-fd00--1-9443": letters, digits, '.', '-'; the usual port is left out. The
// caller frees.
char *remote_name(const char *address);
// Without its port and brackets: "10.0.0.1", "fd00::1". The caller frees.
char *remote_host(const char *address);
// "https://10.0.0.1:8443". The caller frees.
char *remote_url(const char *address);
