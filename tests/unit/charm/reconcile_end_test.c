// SPDX-License-Identifier: GPL-3.0-only
// The ends of a unit, stop and remove, against recorders.
#include "charm/reconcile.h"
#include "unit.h"

#define IMAGE "autopkgtest-image@noble-amd64"
#define JAMMY "autopkgtest-image@jammy-amd64"
#define IMAGES_STOPPED JAMMY ".timer " JAMMY ".service " IMAGE ".timer " IMAGE ".service"
#define WORKER_1 "autopkgtest-worker@local-amd64-1.service"
#define WORKER_2 "autopkgtest-worker@local-amd64-2.service"

TEST(stop_hands_requests_back_at_once)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    calls = calls_of(&rig, HOOK_STOP);
    rig_assert_called(calls, "systemctl stop --no-block -- " WORKER_1 " " WORKER_2);
    rig_assert_called(calls,
                      "systemctl kill --signal=TERM --kill-who=main -- " WORKER_1 " " WORKER_2);
    rig_assert_called(calls, "systemctl stop -- autopkgtest-worker.target "
                             "autopkgtest-indexer.service autopkgtest-web.service " IMAGES_STOPPED);
    rig_assert_called(calls, "status-set -- maintenance stopped");
}

// The unit stops with these options, after those it was installed with.
static void check_stop_waits(const char *installed, const char *stopped)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *calls = NULL;

    configure(&rig, installed);
    first = calls_of(&rig, HOOK_INSTALL);
    (void)first;
    configure(&rig, stopped);
    calls = calls_of(&rig, HOOK_STOP);
    rig_assert_called(calls, "systemctl stop -- " WORKER_1 " " WORKER_2);
    rig_assert_not_called(calls, "systemctl kill");
}

TEST(stop_waits_for_tests_when_told_to)
{
    check_stop_waits("{\"drain-timeout\": 60}", "{\"drain-timeout\": 60}");
}

TEST(stop_waits_as_it_was_told_before_an_option_went_wrong)
{
    check_stop_waits("{\"drain-timeout\": 60}",
                     "{\"drain-timeout\": 60, \"releases\": \"no/release\"}");
}

// The relation with the broker breaks before the unit stops: then no worker is enabled, and those
// that run finish their last tests.
static void check_stop_ends_last_tests(const char *config, const char *expected)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    configure(&rig, config);
    free(calls_of(&rig, HOOK_INSTALL));
    rig_answer(&rig, "relation-ids.amqp", "[]");
    setenv("JUJU_RELATION_ID", "amqp:1", 1);
    free(calls_of(&rig, HOOK_RELATION_BROKEN));
    unsetenv("JUJU_RELATION_ID");
    ck_assert(!rig_has(&rig, "/etc/systemd/system/autopkgtest-worker.target.wants/" WORKER_1));
    rig_put(&rig, "/run/autopkgtest-cloud/worker-local-amd64-2/state", "");
    rig_put(&rig, "/run/autopkgtest-cloud/indexer/state", "");
    calls = calls_of(&rig, HOOK_STOP);
    rig_assert_called(calls, expected);
    rig_assert_not_called(calls, WORKER_1);
}

TEST(stop_waits_for_last_tests_of_workers_that_nobody_wants_any_more)
{
    check_stop_ends_last_tests("{\"drain-timeout\": 60}", "systemctl stop -- " WORKER_2);
}

TEST(stop_hands_back_last_tests_of_workers_that_nobody_wants_any_more)
{
    check_stop_ends_last_tests("{}", "systemctl kill --signal=TERM --kill-who=main -- " WORKER_2);
}

TEST(stop_gives_up_waiting)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *calls = NULL;

    configure(&rig, "{\"drain-timeout\": 1}");
    first = calls_of(&rig, HOOK_INSTALL);
    (void)first;
    rig_script(
        &rig, "systemctl",
        "#!/bin/sh\n[ \"$1\" = kill ] && touch $RIG/killed\n"
        "case \"$*\" in 'stop -- autopkgtest-worker@'*) [ -e $RIG/killed ] || sleep 300;; esac\n");
    calls = calls_of(&rig, HOOK_STOP);
    rig_assert_called(calls,
                      "systemctl kill --signal=TERM --kill-who=main -- " WORKER_1 " " WORKER_2);
}

TEST(remove_takes_away_what_was_made_and_keeps_results)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    rig_put(&rig, "/var/lib/autopkgtest-cloud/results.db", "results");
    calls = calls_of(&rig, HOOK_REMOVE);
    ck_assert(!rig_has(&rig, "/etc/autopkgtest-cloud"));
    ck_assert(!rig_has(&rig, "/opt/autopkgtest-cloud"));
    ck_assert(!rig_has(&rig, "/usr/local/bin/autopkgtest-cloud"));
    ck_assert(!rig_has(&rig, "/etc/systemd/system/autopkgtest-worker@.service"));
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" WORKER_1 ".d"));
    ck_assert(!rig_has(&rig, "/etc/systemd/system/autopkgtest-worker-null.d"));
    ck_assert(!rig_has(&rig, "/etc/apt/sources.list.d/autopkgtest-cloud.list"));
    ck_assert(!rig_has(&rig, "/var/lib/autopkgtest-cloud/charm"));
    ck_assert(rig_has(&rig, "/var/lib/autopkgtest-cloud/results.db"));
    ck_assert(rig_has(&rig, "/var/lib/autopkgtest-cloud/spool"));
    ck_assert_ptr_nonnull(strstr(calls, "juju-log -l INFO -- results"));
}
