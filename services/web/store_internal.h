// SPDX-License-Identifier: GPL-3.0-only
// What the files of the store share.
#pragma once

#include "web/outage.h"
#include "web/store.h"

#include <limits.h>

#define STORE_ATTRIBUTE "user.autopkgtest.object"
#define STORE_CONTAINER_FILE ".container"
#define STORE_UPLOADS ".uploads"

struct store {
    char *dir;
    char *uploads;
    struct outage outage;
};

// Container and object names into the path of a file below the store. -EINVAL for names that cannot
// be (empty, too long, not UTF-8). The caller frees.
int store_path_container(const struct store *store, const char *container, char **ret,
                         struct error *err);
int store_path_object(const struct store *store, const char *container, const char *object,
                      char **ret, struct error *err);
// One component as a file name, appended; and the reverse (-EINVAL for what encoding never gives).
int store_name_encode(const char *component, size_t len, struct buf *b);
int store_name_decode(const char *file, struct buf *b);

int store_metadata_write(int fd, const struct store_object *object, struct error *err);
int store_metadata_read(int fd, struct store_object *ret, struct error *err);
