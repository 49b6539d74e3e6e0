// SPDX-License-Identifier: GPL-3.0-only
// Files: whole reads with a maximum, atomic replacement only when something differs, trees.
//
// Every descriptor is O_CLOEXEC. Error messages name the path.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <stdbool.h>
#include <sys/types.h>

// Joins with exactly one slash; an absolute `name` is taken as relative to `dir`. The caller frees.
char *path_join(const char *dir, const char *name);
// Whether `path` is relative and has neither an empty, "." nor ".." component: it cannot leave the
// folder it is joined to.
bool path_is_inside(const char *path);
// The folder `path` is in: all before its last slash, "/" for "/name", "." where there is no slash.
// The caller frees.
char *path_parent(const char *path);

// Appends the file's content. -ENOENT …, -E2BIG when it is longer than the buffer allows.
int file_read(const char *path, struct buf *b, struct error *err);
// The same with an open descriptor, up to its end.
int file_read_fd(int fd, const char *name, struct buf *b, struct error *err);
// One line, without its newline, e.g. of /proc or a small state file. The caller frees.
int file_read_line(const char *path, char **ret, struct error *err);

struct file_attributes {
    mode_t mode; // permission bits
    uid_t uid;   // (uid_t)-1: leave as created
    gid_t gid;
};

#define FILE_ATTRIBUTES(m)                                                                         \
    ((struct file_attributes){.mode = (m), .uid = (uid_t)-1, .gid = (gid_t)-1})

// Makes `path` have this content and these attributes. The content is written to a temporary file
// in the same folder, synced, and renamed over `path`, so that a reader sees the old or the new and
// a crash leaves one of them; nothing is touched when both are as wanted. *ret_changed (may be
// NULL) tells which. A symbolic link at `path` is replaced, not followed.
int file_replace(const char *path, const void *content, size_t len,
                 const struct file_attributes *attributes, bool *ret_changed, struct error *err);

// The same for a file that one process at a time writes: the temporary file's name is fixed
// (.NAME.new), so that what a killed process has left of one is taken away by the next.
int file_replace_alone(const char *path, const void *content, size_t len,
                       const struct file_attributes *attributes, bool *ret_changed,
                       struct error *err);

// Makes `path` a symbolic link to `target`, atomically, only when it is not one already. One
// process at a time, as above.
int file_replace_link(const char *path, const char *target, bool *ret_changed, struct error *err);

// Writes all of it, across short writes and signals.
int fd_write_all(int fd, const void *bytes, size_t len);

// Makes the folder and its parents (0755); the last gets the attributes, also when it is there
// already.
int dir_ensure(const char *path, const struct file_attributes *attributes, bool *ret_changed,
               struct error *err);
// Only makes what is missing of it, all with `mode`.
int dir_make(const char *path, mode_t mode, struct error *err);
// dir_make() for the folder that `path` is in.
int dir_make_parent(const char *path, mode_t mode, struct error *err);
// Appends the names of all in the folder but "." and "..", in ascending byte order. -ENOENT ….
int dir_list(const char *path, struct strv *ret, struct error *err);
// The same of those that are symbolic links (also such that lead nowhere), and of all others.
int dir_list_links(const char *path, struct strv *ret_links, struct strv *ret_others,
                   struct error *err);
// Removes the tree, without following links or crossing into another file system. Absent: 0.
int dir_remove(const char *path, struct error *err);

// Removes the file. Absent: 0, *ret_changed false.
int file_remove(const char *path, bool *ret_changed, struct error *err);

// Syncs a folder, so that a rename in it outlives a crash.
int dir_sync(const char *path, struct error *err);
