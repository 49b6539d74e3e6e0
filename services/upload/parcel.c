// SPDX-License-Identifier: GPL-3.0-only
#include "upload/upload.h"

#include "adt/names.h"
#include "base/file.h"

// What the machine is out of may be back at the next try; what is wrong in a folder stays so.
static bool may_pass(int r)
{
    return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EIO;
}

int parcel_read(const char *dir, struct parcel *ret, struct error *err)
{
    struct parcel parcel = {.dir = dir};
    int r;

    if ((r = spool_run_read(dir, &parcel.run, err)) < 0 ||
        (r = spool_read_request(dir, &parcel.request, err)) < 0) {
        parcel_release(&parcel);
        return error_prefix(err, may_pass(r) ? r : -EBADMSG, "spool folder");
    }
    parcel.prefix =
        run_path(parcel.run.release, parcel.run.arch, parcel.request.package, parcel.run.run_id);
    parcel.packed = path_join(dir, "packed");
    if (!parcel.prefix || !parcel.packed) {
        parcel_release(&parcel);
        return error_oom(err);
    }
    *ret = parcel;
    return 0;
}

void parcel_release(struct parcel *parcel)
{
    spool_run_release(&parcel->run);
    request_release(&parcel->request);
    free(parcel->prefix);
    free(parcel->packed);
    *parcel = (struct parcel){0};
}
