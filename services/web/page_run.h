// SPDX-License-Identifier: GPL-3.0-only
// What the pages of a run and of its log have in common.
#pragma once

#include "web/pages.h"

struct run_names {
    const char *package, *release, *arch, *run_id;
    char *container, *folder;
};

// The names of the address; borrowed from the exchange but what *_release() frees. 404 for others.
int run_names_read(struct exchange *x, struct run_names *ret, struct error *err);
void run_names_release(struct run_names *names);
// The name of one of its files in the container. The caller frees.
char *run_object_name(const struct run_names *n, const char *file);

// Parts of the page's data. Each returns EXCHANGE_WAIT when it has asked the store.
int run_start(struct exchange *x, const struct run_names *n, struct error *err);
int run_put_result(struct exchange *x, const struct run_names *n, bool need, struct error *err);
int run_put_tests(struct exchange *x, const struct run_names *n, struct error *err);
int run_put_files(struct exchange *x, const struct run_names *n, struct error *err);
// Of two things that were asked for: what is left to do, an error before a wait.
int run_both(int a, int b);
