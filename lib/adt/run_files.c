// SPDX-License-Identifier: GPL-3.0-only
#include "adt/run_files.h"

const struct run_file run_files[RUN_FILES_LEN] = {
    {"log.gz", {"Content-Type: text/plain; charset=UTF-8", "Content-Encoding: gzip", NULL}},
    {"artifacts.tar.gz", {"Content-Type: application/gzip", NULL}},
    {"result.tar", {"Content-Type: application/x-tar", NULL}},
};
