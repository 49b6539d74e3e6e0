// SPDX-License-Identifier: GPL-3.0-only
#include "worker/gate.h"

#include "base/buf.h"
#include "base/clock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>

#define PAUSE_US (50 * USEC_PER_MSEC) // and up to twice as much more

uint64_t gate_pause_us(void)
{
    uint16_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = 0;
    return PAUSE_US + 2 * PAUSE_US * random / UINT16_MAX;
}

int gate_enter(const char *dir, int *ret_fd, struct error *err)
{
    *ret_fd = -1;
    for (unsigned place = 0; place < GATE_PLACES; place++) {
        _cleanup_free_ char *path = str_format("%s/.connecting-%u", dir, place);
        _cleanup_close_ int fd = -1;

        if (!path)
            return error_oom(err);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
            return error_errno(err, -errno, "cannot open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            *ret_fd = take_fd(&fd);
            return 0;
        }
        if (errno != EWOULDBLOCK)
            return error_errno(err, -errno, "cannot lock %s", path);
    }
    return 0;
}
