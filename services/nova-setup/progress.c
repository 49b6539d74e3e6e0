// SPDX-License-Identifier: GPL-3.0-only
#include "nova-setup/setup.h"

#include <signal.h>
#include <stdarg.h>
#include <time.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number _unused_)
{
    stopped = 1;
}

void setup_heed_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("nova-setup: ", stderr);
    (void)vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

bool setup_pause(const struct setup *s, uint64_t us)
{
    uint64_t now = clock_monotonic_us();
    struct timespec room;

    if (stopped || now >= s->deadline_us || us >= s->deadline_us - now)
        return false;
    (void)nanosleep(clock_left(now + us, &room), NULL); // a signal ends it
    return !stopped;
}
