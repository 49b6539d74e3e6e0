// SPDX-License-Identifier: GPL-3.0-only
#include "web/feed.h"

#include "base/file.h"
#include "web/stored_follower.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>

#define BLOCK ((size_t)64 * 1024)

struct feed {
    int from, to;
    struct stored_follower follower;
    sd_event_source *writable;
    void (*broken)(void *userdata);
    void *userdata;
};

// What is open; the process sees the end.
static void end(struct feed *feed)
{
    feed->writable = sd_event_source_disable_unref(feed->writable);
    close_fd(&feed->from);
    close_fd(&feed->to);
    feed->from = feed->to = -1;
    stored_follower_end(&feed->follower);
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    end(feed);
    free(feed);
}

static void on_grown(void *userdata)
{
    const struct feed *feed = userdata;

    (void)sd_event_source_set_enabled(feed->writable, SD_EVENT_ON);
}

// There is no more to give at the moment.
static void wait_or_end(struct feed *feed)
{
    int growth = stored_file_growth(feed->follower.file);

    if (growth == -EAGAIN) {
        (void)sd_event_source_set_enabled(feed->writable, SD_EVENT_OFF);
        stored_follower_await(&feed->follower, on_grown, feed);
    } else if (growth < 0)
        feed->broken(feed->userdata);
    else
        end(feed);
}

static int on_writable(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                       void *userdata)
{
    struct feed *feed = userdata;
    ssize_t n = sendfile(feed->to, feed->from, NULL, BLOCK);

    if (n == 0)
        wait_or_end(feed);
    else if (n < 0 && errno == EPIPE) // the process has what it wants
        end(feed);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        feed->broken(feed->userdata);
    return 0;
}

int feed_start(sd_event *event, int *from, struct stored_file **file, int *to,
               void (*broken)(void *userdata), void *userdata, struct feed **ret, struct error *err)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    int r;

    if (!feed)
        return error_oom(err);
    *feed = (struct feed){.from = -1, .to = -1, .broken = broken, .userdata = userdata};
    r = fcntl(*to, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (r == 0)
        r = sd_event_add_io(event, &feed->writable, *to, EPOLLOUT, on_writable, feed);
    if (r < 0) {
        feed_free(feed);
        return error_errno(err, r, "cannot read what comes");
    }
    feed->from = take_fd(from);
    feed->to = take_fd(to);
    feed->follower.file = TAKE_PTR(*file);
    *ret = feed;
    return 0;
}
