// SPDX-License-Identifier: GPL-3.0-only
#include "worker/parcel.h"

#include "base/buf.h"

size_t parcel_count(const struct parcel *first)
{
    size_t n = 0;

    for (const struct parcel *p = first; p; p = p->next)
        n++;
    return n;
}

struct parcel *parcel_find(struct parcel *first, const char *run_id)
{
    while (first && !str_equal(first->run_id, run_id))
        first = first->next;
    return first;
}

void parcel_free(struct parcel *parcel)
{
    if (!parcel)
        return;
    free(parcel->run_id);
    free(parcel->uuid);
    free(parcel->queue);
    free(parcel);
}
