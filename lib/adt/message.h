// SPDX-License-Identifier: GPL-3.0-only
// What workers tell the world: running tests on the exchange `teststatus.fanout` (fanout, not
// durable) and finished ones on `testcomplete.fanout` (fanout, durable, persistent messages). Other
// programs read both.
#pragma once

#include "adt/request.h"

#include <stdint.h>

#define EXCHANGE_STATUS "teststatus.fanout"
#define EXCHANGE_COMPLETE "testcomplete.fanout"

struct test_status {
    char *release, *arch, *package;
    bool running;
    json_t *params; // object; empty for a private run
    uint64_t duration_s;
    char *logtail; // "" for a private run
};

int test_status_format(const struct test_status *status, struct buf *body, struct error *err);
int test_status_parse(const char *body, size_t len, struct test_status *ret, struct error *err);
void test_status_release(struct test_status *status);

// First five lines, a separator line and the last 2000 bytes of a log that is longer than both;
// made valid UTF-8.
int logtail_make(const char *log_path, struct buf *ret, struct error *err);

struct test_complete {
    char *release, *arch, *container, *package;
    uint64_t duration_s;
    int exitcode;
    char *testpkg_version, *requester; // "" when not known
    char *swift_dir;                   // run_path()
    char *triggers;                    // blank-separated
    char *env; // "all-proposed=1,testname=x": what else made this run special; "" when nothing
    int64_t announced_s; // when it was (since 1970); not part of the body; 0: not known
};

int test_complete_format(const struct test_complete *done, struct buf *body, struct error *err);
// Refuses what has no place in the database: bad names, a swift_dir that does not fit the rest.
int test_complete_parse(const char *body, size_t len, struct test_complete *ret, struct error *err);
// The `env` text of a request; of a private one without its variables.
int test_complete_env(const struct request *request, char **ret, struct error *err);
void test_complete_release(struct test_complete *done);
