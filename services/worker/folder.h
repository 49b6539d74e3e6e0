// SPDX-License-Identifier: GPL-3.0-only
// The files of a run: its work folder, its spool folder.
#pragma once

#include "worker/worker.h"

// Makes and locks work/NAME; run ids of an earlier life that were not acknowledged go to `unacked`.
int folder_recover(struct worker *w, struct error *err);
// Removes the work folders of the earlier life. Only after the lease queue was gone through: until
// then they tell which copies count.
int folder_clear(const struct worker *w, struct error *err);
// Makes the job's folder with the request in it.
int folder_make(const struct worker *w, struct job *job, struct error *err);
// Whether the unit has a run of that name besides: another worker's, or one in the spool.
bool folder_is_elsewhere(const struct worker *w, const char *run_id);
// From now on the copy counts, not the original.
int folder_mark_leased(const struct job *job, struct error *err);
void folder_unmark_leased(const struct job *job);
int folder_write(const char *dir, const char *name, const void *content, size_t len,
                 struct error *err);
// Makes output/ ready for another attempt.
int folder_reset_output(const struct job *job, struct error *err);
// Whether so little is left of the work folder's disk that a test cannot have gone well.
bool folder_is_full(const struct worker *w);
// Completes the folder and renames it into the spool. -EXDEV: the spool is on another disk.
int folder_spool(const struct worker *w, const struct job *job, int exitcode, struct error *err);
// Then the two programs that bring it there, one after the other, and the end. Work folders may be
// large and disks slow, so that none of it is waited for.
int folder_copy(const struct worker *w, struct job *job, struct error *err);
int folder_copy_sync(const struct worker *w, struct job *job, struct error *err);
int folder_copied(const struct worker *w, const struct job *job, struct error *err);
// Removes what these have left in the spool when they failed.
int folder_drop_copy(const struct worker *w, const struct job *job, struct error *err);
// Removes a spool folder that is done with.
int folder_discard(const struct worker *w, const char *run_id, struct error *err);
// run.json of the job.
int folder_write_run(const struct worker *w, const struct job *job, int exitcode,
                     struct error *err);
