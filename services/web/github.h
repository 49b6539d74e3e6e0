// SPDX-License-Identifier: GPL-3.0-only
// GitHub's webhook: a pull request is tested, and its commit says so (adt/github.h).
//
//     GitHub ── pull_request, signed ──▶ /request.cgi?release=…&arch=…&package=…&ppa=…
//     service: signature of the package's secret, parameters ──▶ queue debci-upstream-…
//     service ── event "queued" ──▶ indexer ── status "pending" ──▶ GitHub  (until it is taken)
//     service: older requests of that pull request are removed from the queue
//     … the test's completion ──▶ indexer ── status ──▶ GitHub              (likewise)
//
// What GitHub delivers again, and what is the same as a test that waits or runs, is not queued
// twice.
#pragma once

#include "web/exchange.h"

// Whether the request is a webhook's (it has X-GitHub-Event).
bool github_is_webhook(const struct exchange *x);
int github_webhook(struct exchange *x, struct error *err);
