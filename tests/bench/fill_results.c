// SPDX-License-Identifier: GPL-3.0-only
// fill_results DATABASE: adds the completion messages on standard input, one to a line, as the
// indexer would, in one transaction. For tests and benchmarks of what reads the database.
#include "adt/database.h"

#include <stdio.h>

static int fill(struct database *db, struct error *err)
{
    _cleanup_free_ char *line = NULL;
    size_t alloc = 0;
    ssize_t len;
    int r = database_begin(db, err);

    while (r == 0 && (len = getline(&line, &alloc, stdin)) > 0) {
        struct test_complete done = {0};

        r = test_complete_parse(line, (size_t)len, &done, err);
        if (r == 0)
            r = database_add_result(db, &done, err);
        test_complete_release(&done);
    }
    return r < 0 ? r : database_commit(db, err);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(database_closep) struct database *db = NULL;
    int r;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: fill_results DATABASE <MESSAGES\n");
        return 2;
    }
    r = database_open(argv[1], &db, &err);
    if (r == 0)
        r = fill(db, &err);
    if (r < 0)
        (void)fprintf(stderr, "fill_results: %s\n", error_message(&err));
    return r < 0 ? 1 : 0;
}
