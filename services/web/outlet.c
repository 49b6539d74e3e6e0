// SPDX-License-Identifier: GPL-3.0-only
#include "web/outlet.h"

ssize_t outlet_read(struct outlet *o, char *bytes, size_t max)
{
    size_t n = o->waiting.len < max ? o->waiting.len : max;

    if (n > 0) {
        memcpy(bytes, o->waiting.data, n);
        buf_consume(&o->waiting, n);
        return (ssize_t)n;
    }
    if (o->ended)
        return o->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    o->asleep = true;
    MHD_suspend_connection(o->connection);
    return 0;
}

bool outlet_wake(struct outlet *o)
{
    if (!o->asleep)
        return false;
    o->asleep = false;
    MHD_resume_connection(o->connection);
    return true;
}
