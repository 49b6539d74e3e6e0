// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_follower.h"

#include "web/web.h"

void stored_follower_begin(struct stored_follower *follower, const struct exchange *x,
                           struct stored_file *file)
{
    *follower = (struct stored_follower){.file = file, .web = x->web, .connection = x->connection};
}

void stored_follower_await(struct stored_follower *follower, void (*call)(void *userdata),
                           void *userdata)
{
    follower->waiter = (struct stored_waiter){.call = call, .userdata = userdata};
    stored_file_await(follower->file, &follower->waiter);
}

static void wake(void *userdata)
{
    const struct stored_follower *follower = userdata;

    MHD_resume_connection(follower->connection);
    web_run_http(follower->web);
}

void stored_follower_sleep(struct stored_follower *follower)
{
    stored_follower_await(follower, wake, follower);
    MHD_suspend_connection(follower->connection);
}

void stored_follower_end(struct stored_follower *follower)
{
    stored_waiter_end(&follower->waiter);
    stored_file_unref(TAKE_PTR(follower->file));
}
