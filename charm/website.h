// SPDX-License-Identifier: GPL-3.0-only
// What a unit tells proxies in front of the web service: relation website, interface http, as the
// public haproxy charm's endpoint reverseproxy reads it (haproxy-operator: src/legacy.py,
// src/http_interface.py), which is the whole of the charm before it, too.
#pragma once

#include "base/error.h"

#include <jansson.h>

// Keys of the unit's data for a web service at `address` (an IP address) and `port`:
//
// hostname, private-address   the address
// port                        in decimal
// services                    block-style YAML, never JSON: haproxy's charm tries every value as
//                             JSON first, and then finds no text for its YAML reader
//
// `services` has one service, named as the application, with this unit as its server; haproxy's
// charm unites the servers that several units name. With it requests go where the fewest are, a
// unit that does not answer /healthz gets none, and the web service learns the clients' addresses.
// What haproxy's charm makes of a bare port sets cookies, stops at 100 connections a unit, and
// keeps the addresses to itself.
//
// An `address` of NULL: there is no web service. The values are empty then, which removes the keys
// (private-address is Juju's own as well and stays). The caller owns *ret.
int website_data(const char *app, const char *unit, const char *address, unsigned port,
                 json_t **ret, struct error *err);
