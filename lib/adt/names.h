// SPDX-License-Identifier: GPL-3.0-only
// Names that other programs rely on: queues, packages, objects, run ids
// (docs/reference/formats.md).
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Contexts of a queue: "" for the normal one. Order is the one in which pages show them.
enum queue_context { CONTEXT_NORMAL, CONTEXT_HUGE, CONTEXT_PPA, CONTEXT_UPSTREAM, CONTEXT_COUNT };

// "ubuntu", "huge", "ppa", "upstream", as queues.json names them.
const char *queue_context_name(enum queue_context context);

// `debci-RELEASE-ARCH`, `debci-huge-RELEASE-ARCH` …; the caller frees.
char *queue_name(enum queue_context context, const char *release, const char *arch);

bool name_is_package(const char *s); // [a-zA-Z0-9][a-zA-Z0-9.+-]* of at most 100
bool name_is_package_len(const char *s, size_t len);
bool name_is_version(const char *s); // [a-zA-Z0-9_.+:~-]+
bool name_is_release(const char *s); // [a-z][a-z0-9.-]*
bool name_is_arch(const char *s);    // [a-z0-9]+ of at most 16
bool name_is_run_id(const char *s);  // YYYYMMDD_HHMMSS_HHHHH@

// First letter, or the first four of a name that starts with `lib`; the caller frees.
char *package_prefix(const char *package);
// `YYYYMMDD_HHMMSS_HHHHH@`: UTC, five hex digits of SHA-1 over body, arch and release. The caller
// frees. Whoever needs it to be the only one of its name adds to the body.
char *run_id_new(int64_t seconds, const char *body, size_t body_len, const char *arch,
                 const char *release);
// `RELEASE/ARCH/PREFIX/PACKAGE/RUNID`, the folder of a run in its container; the caller frees.
char *run_path(const char *release, const char *arch, const char *package, const char *run_id);
// The reverse, of RELEASE/ARCH/PREFIX/PACKAGE/RUNID with or without more behind it.
int run_path_parse(const char *path, char **ret_release, char **ret_arch, char **ret_package,
                   char **ret_run_id, struct error *err);
