// SPDX-License-Identifier: GPL-3.0-only
#include "adt/queue_lock.h"

char *queue_lock_name(const char *queue)
{
    return str_format("autopkgtest.reading.%s", queue);
}

int queue_lock(struct amqp_link *link, const char *queue, struct error *err)
{
    _cleanup_free_ char *name = queue_lock_name(queue);
    int r = name ? amqp_link_declare_queue(link, name, AMQP_EXCLUSIVE, NULL, NULL, err)
                 : error_oom(err);

    if (r == -EBUSY || r == -EACCES)
        error_clear(err);
    return r == -EBUSY ? 0 : r == -EACCES || r == 0 ? 1 : r;
}

int queue_unlock(struct amqp_link *link, const char *queue, struct error *err)
{
    _cleanup_free_ char *name = queue_lock_name(queue);
    int r = name ? amqp_link_delete_queue(link, name, err) : error_oom(err);

    if (r == -ENOENT || r == -EACCES) { // it did without
        error_clear(err);
        r = 0;
    }
    return r;
}
