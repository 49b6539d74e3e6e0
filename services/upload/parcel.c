// SPDX-License-Identifier: GPL-3.0-only
#include "upload/upload.h"

#include "adt/names.h"
#include "base/file.h"

static int read_request(const char *dir, struct request *ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "request");
    _cleanup_buf_ struct buf body = BUF_INIT(2 * REQUEST_BODY_MAX);
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &body, err);
    if (r < 0)
        return r;
    r = request_parse(buf_str(&body), body.len, ret, err);
    // The result of an unreadable request says why it could not be read: its package is enough.
    if (r == -EBADMSG && ret->package) {
        error_clear(err);
        return 0;
    }
    return r < 0 ? error_prefix(err, r, "%s", path) : 0;
}

int parcel_read(const char *dir, struct parcel *ret, struct error *err)
{
    struct parcel parcel = {.dir = dir};
    int r;

    if ((r = spool_run_read(dir, &parcel.run, err)) < 0 ||
        (r = read_request(dir, &parcel.request, err)) < 0) {
        parcel_release(&parcel);
        return r == -ENOMEM ? r : error_prefix(err, -EBADMSG, "spool folder");
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
