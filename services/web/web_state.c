// SPDX-License-Identifier: GPL-3.0-only
// What is read of the server's state by all of its parts; web.c makes it.
#include "web/web.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>

// So long a damaged database is left alone; what is locked or full may be free at once.
#define DATABASE_LEFT_US (10 * USEC_PER_SEC)
#define DATABASE_BUSY_US USEC_PER_SEC
// Nobody else is answered while one waits.
#define DATABASE_WAIT_MS_HERE 20

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

static void leave_database(struct web *web, int r, const struct error *why)
{
    if (!web->db_trouble)
        log_error("the database of results cannot be read: %s", error_message(why));
    free(web->db_trouble);
    web->db_trouble = strdup(error_message(why));
    web->db_left_until_us =
        clock_monotonic_us() + (r == -EUCLEAN || r == -EIO ? DATABASE_LEFT_US : DATABASE_BUSY_US);
}

bool web_leave_database(struct web *web, const struct error *why)
{
    int r = web->db ? database_trouble(web->db) : 0;

    if (r == 0)
        return false;
    database_close(TAKE_PTR(web->db));
    leave_database(web, r, why);
    return web->db_trouble != NULL;
}

// Whether it is time to read a file that was in trouble again, or it is another one.
static bool may_read_again(const struct web *web, const struct stat *st)
{
    return st->st_dev != web->db_dev || st->st_ino != web->db_ino ||
           clock_monotonic_us() >= web->db_left_until_us;
}

static int open_database(struct web *web, const struct stat *st, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = database_open_readonly(web->settings.database, DATABASE_WAIT_MS_HERE, &web->db, &why);

    web->db_dev = st->st_dev;
    web->db_ino = st->st_ino;
    if (r == 0) {
        if (web->db_trouble)
            log_info("the database of results can be read again");
        free(TAKE_PTR(web->db_trouble));
        return 0;
    }
    if (r != -ENOENT && r != -ENOMEM)
        leave_database(web, r, &why);
    return error_set(err, r, "%s", error_message(&why));
}

int web_database(struct web *web, struct database **ret, struct error *err)
{
    struct stat st;
    int r = 0;

    if (stat(web->settings.database, &st) < 0)
        return error_errno(err, -errno, "the database of results");
    if (web->db && (st.st_dev != web->db_dev || st.st_ino != web->db_ino))
        database_close(TAKE_PTR(web->db));
    if (!web->db && web->db_trouble && !may_read_again(web, &st))
        return error_set(err, -EUCLEAN, "%s", web->db_trouble);
    if (!web->db)
        r = open_database(web, &st, err);
    if (r == 0)
        *ret = web->db;
    return r;
}

void web_run_http(const struct web *web)
{
    if (!web->http_timer) // not yet, or no more
        return;
    (void)sd_event_source_set_time(web->http_timer, 0);
    (void)sd_event_source_set_enabled(web->http_timer, SD_EVENT_ONESHOT);
}
