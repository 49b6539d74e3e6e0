// SPDX-License-Identifier: GPL-3.0-only
// What is read of the server's state by all of its parts; web.c makes it.
#include "web/web.h"

#include <fcntl.h>
#include <sys/stat.h>

const char *web_base(const struct web *web)
{
    const char *url = web->settings.public_url, *host = url ? strstr(url, "://") : NULL;
    const char *path = host ? strchr(host + strlen("://"), '/') : NULL;

    return path ? path : "";
}

int web_unnamed_file(const struct web *web, struct error *err)
{
    const char *database = web->settings.database, *slash = strrchr(database, '/');
    _cleanup_free_ char *dir = strndup(database, slash ? (size_t)(slash - database) : 0);
    int fd;

    if (!dir)
        return error_oom(err);
    fd = open(*dir ? dir : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? error_errno(err, -errno, "%s: cannot make a file", dir) : fd;
}

int web_database(struct web *web, struct database **ret, struct error *err)
{
    struct stat st;
    int r;

    if (stat(web->settings.database, &st) < 0)
        return error_errno(err, -errno, "the database of results");
    if (web->db && (st.st_dev != web->db_dev || st.st_ino != web->db_ino))
        database_close(TAKE_PTR(web->db));
    if (!web->db) {
        r = database_open_readonly(web->settings.database, &web->db, err);
        if (r < 0)
            return r;
        web->db_dev = st.st_dev;
        web->db_ino = st.st_ino;
    }
    *ret = web->db;
    return 0;
}

void web_run_http(const struct web *web)
{
    if (!web->http_timer) // not yet, or no more
        return;
    (void)sd_event_source_set_time(web->http_timer, 0);
    (void)sd_event_source_set_enabled(web->http_timer, SD_EVENT_ONESHOT);
}
