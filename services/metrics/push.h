// SPDX-License-Identifier: GPL-3.0-only
// The figures of this unit, and of its web service where it has one, to an InfluxDB (1.x: /write
// of its HTTP API), once. What it is, and who we are there, is in influxdb.cred: INFLUXDB_URL,
// INFLUXDB_DATABASE, INFLUXDB_CONTEXT, INFLUXDB_USERNAME and INFLUXDB_PASSWORD.
#pragma once

#include "base/error.h"

// A web service that does not answer is left out. -EACCES: the server refuses us; messages have
// neither user nor password.
int push_run(const char *config_dir, const char *run_dir, struct error *err);
