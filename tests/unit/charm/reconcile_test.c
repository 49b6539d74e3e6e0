// SPDX-License-Identifier: GPL-3.0-only
// Whole hooks against recorders, with a folder for `/`.
#include "charm/reconcile.h"
#include "unit.h"

#define IMAGE "autopkgtest-image@noble-amd64"
#define IMAGES "/var/lib/autopkgtest-cloud/images"
#define TIMERS IMAGE ".timer autopkgtest-image@jammy-amd64.timer"
#define JAMMY "autopkgtest-image@jammy-amd64"
#define IMAGES_STOPPED JAMMY ".timer " JAMMY ".service " IMAGE ".timer " IMAGE ".service"
#define WORKER_1 "autopkgtest-worker@local-amd64-1.service"
#define WORKER_2 "autopkgtest-worker@local-amd64-2.service"

static unsigned tool_calls(const char *calls)
{
    unsigned n = 0;

    for (const char *line = calls; *line; line = strchr(line, '\n') + 1)
        n += !str_starts_with(line, "systemctl") && !str_starts_with(line, "{");
    return n;
}

TEST(install_makes_everything)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *broker = rig_get(&rig, "/etc/autopkgtest-cloud/rabbitmq.cred");
    _cleanup_free_ char *store = rig_get(&rig, "/etc/autopkgtest-cloud/store.cred");
    _cleanup_free_ char *swift = rig_get(&rig, "/etc/autopkgtest-cloud/swift.cred");
    _cleanup_free_ char *sources = rig_get(&rig, "/etc/apt/sources.list.d/autopkgtest-cloud.list");

    ck_assert_str_eq(broker, "RABBIT_HOST=10.0.0.5\nRABBIT_HOSTS=10.0.0.5\nRABBIT_PORT=5672\n"
                             "RABBIT_USER=autopkgtest\nRABBIT_PASSWORD=hidden\nRABBIT_VHOST=/\n"
                             "RABBIT_TLS=0\n");
    ck_assert(str_starts_with(swift, "SWIFT_AUTH_URL=http://127.0.0.1:80/auth/v1.0\n"));
    ck_assert(str_ends_with(swift, store));
    ck_assert_ptr_nonnull(strstr(sources, "\ndeb-src http://archive noble main\n"));
    ck_assert(rig_has(&rig, "/opt/autopkgtest-cloud"));
    ck_assert(rig_has(&rig, "/usr/local/bin/run-autopkgtest"));
    ck_assert(rig_has(&rig, "/var/lib/autopkgtest-cloud/store"));
    ck_assert(rig_has(&rig, "/var/lib/autopkgtest-cloud/spool"));
    ck_assert(rig_has(&rig, "/etc/systemd/system/" WORKER_1 ".d"));
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" WORKER_2 ".d"));
    rig_assert_called(calls, "systemctl daemon-reload");
    rig_assert_called(calls, "open-port 80/tcp");
    rig_assert_called(calls, "systemctl enable -- autopkgtest-web.service "
                             "autopkgtest-indexer.service autopkgtest-worker.target " TIMERS
                             " " WORKER_1 " " WORKER_2);
    rig_assert_not_called(calls, "start --no-block -- autopkgtest-image@");
    rig_assert_called(calls, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
    rig_assert_not_called(calls, "hidden");
}

TEST(a_second_time_changes_nothing_with_few_calls)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *second = calls_of(&rig, HOOK_CONFIG_CHANGED);

    (void)first;
    ck_assert_ptr_nonnull(strstr(second, "systemctl show "));
    rig_assert_not_called(second, "systemctl enable");
    rig_assert_not_called(second, "systemctl start");
    rig_assert_not_called(second, "systemctl re");
    rig_assert_not_called(second, "systemctl daemon-reload");
    rig_assert_not_called(second, "apt-get");
    ck_assert_uint_eq(tool_calls(second), 6);
}

TEST(what_a_service_reads_decides_whether_it_is_told)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *password = NULL, *host = NULL, *delay = NULL;

    (void)first;
    rig_answer(&rig, "relation-get", "{\"password\": \"rotated\", \"hostname\": \"10.0.0.5\"}");
    password = calls_of(&rig, HOOK_RELATION_CHANGED);
    rig_assert_called(password, "systemctl restart -- autopkgtest-web.service "
                                "autopkgtest-indexer.service");
    rig_assert_called(password, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
    rig_assert_not_called(password, "daemon-reload");
    configure(&rig, "{\"hostname\": \"tests.example\"}");
    host = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(host, "reload");
    configure(&rig, "{\"hostname\": \"tests.example\", \"retry-delay\": 1}");
    delay = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(delay, "restart");
    rig_assert_called(delay, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
}

// systemd reloads only what has started.
TEST(a_worker_that_is_starting_starts_anew_for_new_settings)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    rig_unit(&rig, WORKER_2, "activating", "no broker yet, connecting");
    configure(&rig, "{\"retry-delay\": 1}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl reload --no-block -- " WORKER_1);
    rig_assert_called(calls, "systemctl restart --no-block -- " WORKER_2);
}

TEST(a_bad_value_blocks_and_touches_nothing)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *before = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    _cleanup_free_ char *calls = NULL, *after = NULL, *rotated = NULL, *broker = NULL;

    (void)first;
    configure(&rig, "{\"releases\": \"No!\", \"retry-delay\": 5}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    after = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_str_eq(before, after);
    rig_assert_called(calls, "status-set -- blocked releases: expected names of releases separated "
                             "by blanks, got \"No!\"");
    rig_assert_not_called(calls, "systemctl re");
    // What else changes still reaches the services.
    rig_answer(&rig, "relation-get", "{\"password\": \"rotated\", \"hostname\": \"10.0.0.5\"}");
    rotated = calls_of(&rig, HOOK_RELATION_CHANGED);
    broker = rig_get(&rig, "/etc/autopkgtest-cloud/rabbitmq.cred");
    ck_assert_ptr_nonnull(strstr(broker, "rotated"));
    rig_assert_called(rotated, "status-set -- blocked releases: expected names of releases "
                               "separated by blanks, got \"No!\"");
}

TEST(a_bad_value_from_the_start_only_blocks)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    rig_answer(&rig, "config-get", "{\"http-port\": 0}");
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(calls, "status-set -- blocked http-port: expected a whole number from 1 to "
                             "65535, got 0");
    ck_assert(!rig_has(&rig, "/etc/autopkgtest-cloud"));
}

TEST(without_relation_workers_stop_and_the_web_stays)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *broken = NULL, *back = NULL;
    _cleanup_free_ char *later = NULL;

    (void)first;
    broken = calls_of_relation(&rig, HOOK_RELATION_BROKEN, "amqp:1");
    rig_assert_called(broken, "systemctl stop --no-block -- autopkgtest-indexer.service "
                              "autopkgtest-worker.target " WORKER_1 " " WORKER_2);
    // A hook that was killed in between would not find again what is disabled.
    ck_assert(strstr(broken, "systemctl stop ") < strstr(broken, "systemctl disable "));
    rig_assert_called(broken, "status-set -- blocked needs rabbitmq: juju integrate "
                              "autopkgtest-cloud rabbitmq-server");
    ck_assert(!rig_has(&rig, "/etc/autopkgtest-cloud/rabbitmq.cred"));
    later = calls_of(&rig, HOOK_CONFIG_CHANGED); // whatever Juju may still list
    rig_assert_called(later, "status-set -- blocked needs rabbitmq: juju integrate "
                             "autopkgtest-cloud rabbitmq-server");
    back = calls_of_relation(&rig, HOOK_RELATION_CHANGED, "amqp:1");
    rig_assert_called(back, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
}

TEST(a_departing_unit_is_no_host_any_more)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    setenv("JUJU_DEPARTING_UNIT", "rabbitmq-server/0", 1);
    calls = calls_of_relation(&rig, HOOK_RELATION_DEPARTED, "amqp:1");
    unsetenv("JUJU_DEPARTING_UNIT");
    rig_assert_called(calls, "status-set -- waiting waiting for rabbitmq to make the account");
}

TEST(the_account_is_asked_for_without_the_word_admin)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *later = NULL;

    rig_answer(&rig, "relation-get", "{\"private-address\": \"10.0.0.5\"}");
    calls = calls_of(&rig, HOOK_RELATION_CREATED);
    rig_assert_called(calls, "relation-set -r amqp:1 --file -");
    rig_assert_called(calls, "{\"username\":\"autopkgtest\",\"vhost\":\"/\"}");
    rig_assert_called(calls, "status-set -- waiting waiting for rabbitmq to make the account");
    later = calls_of(&rig, HOOK_RELATION_CHANGED);
    rig_assert_not_called(later, "relation-set");
}

TEST(data_that_cannot_be_used_is_waiting_with_the_reason)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    rig_answer(&rig, "relation-get",
               "{\"password\": \"p\", \"hostname\": \"a\", \"ssl_port\": \"z\"}");
    calls = calls_of(&rig, HOOK_RELATION_CHANGED);
    ck_assert_ptr_nonnull(
        strstr(calls, "status-set -- waiting amqp: unit rabbitmq-server/0: ssl_port"));
}

TEST(tls_and_the_copy_for_people)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *passwd = str_format(
        "root:x:0:0::/root:/x\nubuntu:x:%d:%d::/home/ubuntu:/x\n", (int)getuid(), (int)getgid());
    _cleanup_free_ char *group = str_format("root:x:0:\nubuntu:x:%d:\n", (int)getgid());
    _cleanup_free_ char *calls = NULL, *broker = NULL, *copy = NULL, *ca = NULL;

    rig_put(&rig, "/etc/passwd", passwd);
    rig_put(&rig, "/etc/group", group);
    rig_answer(
        &rig, "relation-get",
        "{\"password\": \"p\", \"hostname\": \"a\", \"ssl_port\": \"5671\", \"ssl_ca\": \"UEVN\"}");
    calls = calls_of(&rig, HOOK_INSTALL);
    broker = rig_get(&rig, "/etc/autopkgtest-cloud/rabbitmq.cred");
    copy = rig_get(&rig, "/home/ubuntu/rabbitmq.cred");
    ca = rig_get(&rig, "/etc/autopkgtest-cloud/rabbitmq-ca.pem");
    ck_assert_str_eq(ca, "PEM");
    ck_assert_ptr_nonnull(strstr(broker, "RABBIT_PORT=5671\n"));
    ck_assert_ptr_nonnull(
        strstr(broker, "RABBIT_CA_FILE=/etc/autopkgtest-cloud/rabbitmq-ca.pem\n"));
    ck_assert_str_eq(copy, broker);
}

TEST(more_and_fewer_workers)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *fewer = NULL, *changed = NULL;

    (void)first;
    configure(&rig, "{\"local-workers\": \"amd64: {null: 1}\"}");
    fewer = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(fewer, "systemctl disable -- " JAMMY ".timer " IMAGE ".timer " WORKER_2);
    rig_assert_called(fewer, "systemctl stop --no-block -- " IMAGES_STOPPED " " WORKER_2);
    rig_assert_called(fewer, "systemctl reload --no-block -- " WORKER_1);
    // From root to the service's user: the instance has to start anew, after its test.
    configure(&rig, "{\"local-workers\": \"amd64: {unshare: 1}\"}");
    changed = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(changed, "systemctl restart --no-block -- " WORKER_1);
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" WORKER_1 ".d"));
}

TEST(an_image_that_is_not_there_is_made_and_nobody_waits_for_it)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *file = str_format("%s" IMAGES "/noble-amd64.tar.zst", rig.root);
    _cleanup_free_ char *first = NULL, *again = NULL, *unit = NULL;

    ck_assert_int_eq(unlink(file), 0);
    configure(&rig, "{\"mirror\": \"http://m.example/u%20v\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(first,
                      "systemctl start --no-block -- autopkgtest-worker.target " IMAGE ".service");
    rig_assert_called(first, "status-set -- waiting image of noble/amd64 is being made");
    unit = rig_get(&rig, "/etc/systemd/system/autopkgtest-image@.service");
    ck_assert_ptr_nonnull(
        strstr(unit, "\nEnvironment=AUTOPKGTEST_MIRROR=http://m.example/u%%20v\n"));
    rig_unit(&rig, IMAGE ".service", "activating", "");
    again = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(again, "systemctl start");
}

TEST(an_image_that_cannot_be_made_is_told_with_its_reason)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *file = str_format("%s" IMAGES "/noble-amd64.tar.zst", rig.root);
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *old = NULL, *none = NULL;

    (void)first;
    rig_put(&rig, IMAGES "/noble-amd64.failed", "no network\nmore\n");
    old = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(old, "status-set -- maintenance image of noble/amd64 is an old one, it "
                           "cannot be renewed: no network");
    ck_assert_int_eq(unlink(file), 0);
    none = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(none, "status-set -- blocked image of noble/amd64 cannot be made: no "
                            "network; tried again every 5 minutes, or: juju ssh "
                            "autopkgtest-cloud/0 sudo systemctl restart " IMAGE);
}

TEST(images_that_are_not_needed_are_not_renewed)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    configure(&rig, "{\"releases\": \"jammy\"}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl disable -- " IMAGE ".timer");
    rig_assert_called(calls, "systemctl stop --no-block -- " IMAGE ".timer " IMAGE ".service");
    ck_assert(rig_has(&rig, IMAGES "/noble-amd64.tar.zst"));
}

TEST(an_operators_own_testbeds_need_no_image_and_i386_shares_one)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *own = NULL, *i386 = NULL;

    configure(&rig, "{\"worker-args\": \"--tarball /x.tar\"}");
    own = calls_of(&rig, HOOK_INSTALL);
    rig_assert_not_called(own, "autopkgtest-image@");
    configure(&rig, "{\"local-workers\": \"amd64: {unshare: 1}\\ni386: {unshare: 1}\"}");
    i386 = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(i386,
                      "systemctl enable -- " TIMERS " autopkgtest-worker@local-i386-1.service");
}

TEST(removal_takes_images_and_their_timers_away)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    calls = calls_of(&rig, HOOK_REMOVE);
    ck_assert_ptr_nonnull(strstr(calls, IMAGE ".timer " IMAGE ".service"));
    ck_assert(!rig_has(&rig, IMAGES));
    ck_assert(!rig_has(&rig, "/etc/systemd/system/timers.target.wants/" IMAGE ".timer"));
}

TEST(a_worker_that_finishes_is_started_again_later)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    rig_unit(&rig, WORKER_1, "deactivating", "running x");
    calls = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(calls, "systemctl start --no-block -- " WORKER_1);
}

TEST(workers_that_take_no_work_are_told_of)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *drained = NULL, *paused = NULL;

    (void)first;
    rig_unit(&rig, WORKER_1, "active", "running gzip (noble/amd64) for 3s");
    rig_unit(&rig, WORKER_2, "active", "drained: takes no work until autopkgtest-cloud resume");
    drained = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(drained,
                      "status-set -- active 1 of 2 workers busy on 1 cloud, 1 drained; web ready");
    rig_unit(&rig, WORKER_2, "active",
             "paused after 3 testbed failures in a row (see the journal)");
    paused = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(paused, "status-set -- maintenance 1 of 2 workers paused after testbed "
                              "failures: juju ssh autopkgtest-cloud/0 journalctl -u " WORKER_2);
}

TEST(figures_come_from_the_workers_own_words)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *busy = NULL, *offline = NULL, *failed = NULL, *starting = NULL;

    (void)first;
    rig_unit(&rig, WORKER_1, "active", "running gzip (noble/amd64) for 3s");
    rig_unit(&rig, WORKER_2, "active", "idle, listening to 4 queues");
    busy = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(busy, "status-set -- active 1 of 2 workers busy on 1 cloud; web ready");
    rig_unit(&rig, WORKER_2, "active", "no broker, trying again");
    offline = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(offline,
                      "status-set -- waiting waiting for rabbitmq: 1 of 2 workers cannot reach it");
    rig_unit(&rig, WORKER_2, "activating", "looking around");
    starting = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(starting,
                      "status-set -- maintenance " WORKER_2 " is starting: looking around");
    rig_script(
        &rig, "systemctl",
        "#!/bin/sh\nfor u; do case $u in *web*) s=failed;; *) s=active;; esac; printf "
        "'Id=%s\\nActiveState=%s\\nStatusText=\\n\\n' $u $s; done; [ $1 = show ] || exit 1\n");
    failed = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(failed, "status-set -- maintenance autopkgtest-web.service is failed: juju "
                              "ssh autopkgtest-cloud/0 journalctl -u autopkgtest-web.service");
    ck_assert_ptr_nonnull(strstr(failed, "juju-log -l WARNING -- "));
}

TEST(an_upgrade_tells_all_services_and_publishes_again)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    calls = calls_of(&rig, HOOK_UPGRADE_CHARM);
    rig_assert_called(calls, "systemctl restart -- autopkgtest-web.service "
                             "autopkgtest-indexer.service");
    rig_assert_called(calls, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
    rig_assert_called(calls, "relation-set -r amqp:1 --file -");
}

TEST(a_port_is_asked_for_until_it_is_seen_to_be_open)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *ports = path_join(rig.dir, "ports");
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *again = NULL, *seen = NULL,
                        *after = NULL, *other = NULL;

    rig_assert_called(first, "open-port 80/tcp");
    // Juju has dropped it: the hook was killed as its last instruction ran.
    rig_write(ports, "");
    again = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(again, "open-port 80/tcp");
    seen = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(seen, "opened-ports --format=json");
    rig_assert_not_called(seen, "open-port");
    after = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(after, "opened-ports");
    configure(&rig, "{\"http-port\": 8080}");
    other = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(other, "close-port 80/tcp");
    rig_assert_called(other, "open-port 8080/tcp");
}

TEST(an_upgrade_to_the_same_files_disturbs_nobody)
{
    _cleanup_rig_ struct rig rig = unit_new();
    struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_free_ char *list = path_join(rig.charm, "manifest.files");
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *same = NULL, *other = NULL;

    (void)first;
    ck_assert_int_eq(file_replace(list, "one", 3, &attributes, NULL, NULL), 0);
    free(calls_of(&rig, HOOK_UPGRADE_CHARM));
    same = calls_of(&rig, HOOK_UPGRADE_CHARM);
    rig_assert_not_called(same, "systemctl restart");
    rig_assert_not_called(same, "systemctl reload");
    ck_assert_int_eq(file_replace(list, "two", 3, &attributes, NULL, NULL), 0);
    other = calls_of(&rig, HOOK_UPGRADE_CHARM);
    rig_assert_called(other, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
}

TEST(a_hook_that_is_killed_is_made_up_for)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *calls = NULL;

    (void)first;
    configure(&rig, "{\"retry-delay\": 1}");
    rig_script(&rig, "systemctl", "#!/bin/sh\nexit 1\n");
    ck_assert_int_lt(charm_reconcile(rig.root, HOOK_CONFIG_CHANGED, &err), 0);
    rig_script(&rig, "systemctl",
               "#!/bin/sh\nfor u; do printf 'Id=%s\\nActiveState=active\\n\\n' $u; done\n");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
}

TEST(roles_decide_what_is_there)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *both = calls_of(&rig, HOOK_INSTALL), *web = NULL, *worker = NULL;

    (void)both;
    configure(&rig, "{\"roles\": \"web\"}");
    web = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(web, "status-set -- active web ready");
    ck_assert(!rig_has(&rig, "/etc/autopkgtest-cloud/worker.conf"));
    // A worker that finishes its test needs its unit.
    ck_assert(rig_has(&rig, "/etc/systemd/system/autopkgtest-worker@.service"));
    configure(&rig, "{\"roles\": \"worker\"}");
    worker = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(worker, "close-port 80/tcp");
    rig_assert_called(worker, "status-set -- blocked workers have no result store: juju "
                              "integrate autopkgtest-cloud:results-store WEB:results, or set "
                              "swift-auth-url");
    rig_assert_not_called(worker, "systemctl start -- autopkgtest-worker");
}

TEST(no_workers_says_which_option_sets_them)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    rig_answer(&rig, "config-get", "{}");
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(
        calls,
        "status-set -- active no workers: set n-workers, lxd-remotes or local-workers; web ready");
}

TEST(a_website_relation_gets_address_and_port)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *calls = NULL, *again = NULL, *worker = NULL;
    _cleanup_free_ char *broken = NULL, *later = NULL;

    first = calls_of(&rig, HOOK_INSTALL);
    rig_answer(&rig, "network-get", "\"10.0.0.9\"");
    calls = calls_of_relation(&rig, HOOK_RELATION_CREATED, "website:7");
    rig_assert_called(calls, "relation-set -r website:7 --file -");
    rig_assert_not_called(calls, "relation-ids --format=json website");
    ck_assert_ptr_nonnull(strstr(calls, "\n{\"hostname\":\"10.0.0.9\",\"port\":\"80\","
                                        "\"private-address\":\"10.0.0.9\",\"services\":\"- "
                                        "service_name: autopkgtest-cloud\\n"));
    // What it knows is not told again.
    again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(again, "relation-set");
    ck_assert_uint_eq(tool_calls(again), 6);
    // Without the role there is nothing to lead requests to.
    configure(&rig, "{\"roles\": \"worker\"}");
    worker = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(worker, "{\"hostname\":\"\",\"port\":\"\",\"services\":\"\"}");
    rig_assert_not_called(worker, "network-get");
    // A relation that breaks is told nothing more, though Juju may still list it.
    configure(&rig, "{\"http-port\": 8080}");
    broken = calls_of_relation(&rig, HOOK_RELATION_BROKEN, "website:7");
    later = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(broken, "relation-set");
    rig_assert_not_called(later, "relation-set");
    rig_assert_not_called(later, "network-get --format=json --ingress-address website");
}

TEST(two_units_on_one_machine_do_not_fight)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *second = NULL, *third = NULL;
    _cleanup_free_ char *link = str_format("%s%s", rig.root, rig.charm), *dir = NULL;
    _cleanup_free_ char *metadata = str_format("%s%s/metadata.yaml", rig.root, rig.charm);

    (void)first;
    (void)dir;
    // The first unit's charm, as seen below root.
    rig_write(metadata, "x");
    setenv("JUJU_UNIT_NAME", "other/0", 1);
    setenv("JUJU_CHARM_DIR", "/elsewhere", 1);
    second = calls_of(&rig, HOOK_INSTALL);
    ck_assert_str_eq(
        second, "status-set -- blocked autopkgtest-cloud/0 runs on this machine already: give "
                "each unit a machine of its own: juju remove-unit other/0; juju add-unit other\n");
    // Once that unit is gone the machine is free.
    ck_assert_int_eq(unlink(metadata), 0);
    setenv("JUJU_CHARM_DIR", rig.charm, 1);
    third = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(third, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
}

TEST(autopkgtest_from_git)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *conf = NULL, *failed = NULL, *same = NULL;

    configure(&rig, "{\"autopkgtest-source\": \"https://x/y#b\"}");
    rig_script(
        &rig, "git",
        "#!/bin/bash\ncase $1 in clone) d=${!#}; mkdir -p $d/runner; touch $d/runner/autopkgtest;"
        " chmod +x $d/runner/autopkgtest;; -C) echo abc123;; esac\n");
    calls = calls_of(&rig, HOOK_INSTALL);
    conf = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(calls, " install --no-install-recommends git "));
    ck_assert_ptr_nonnull(strstr(conf, "\nautopkgtest = /var/lib/autopkgtest-cloud/autopkgtest/"
                                       "abc123/runner/autopkgtest\n"));
    configure(&rig, "{\"autopkgtest-source\": \"https://x/z\"}");
    rig_script(&rig, "git", "#!/bin/sh\necho 'fatal: no' >&2; exit 128\n");
    failed = calls_of(&rig, HOOK_CONFIG_CHANGED);
    same = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    rig_assert_called(failed, "status-set -- blocked autopkgtest-source: git clone: fatal: no");
    ck_assert_str_eq(conf, same);
}

TEST(proxies_reach_the_services)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *proxy = NULL;

    setenv("JUJU_CHARM_HTTP_PROXY", "http://proxy:3128", 1);
    setenv("JUJU_CHARM_NO_PROXY", "localhost", 1);
    calls = calls_of(&rig, HOOK_INSTALL);
    proxy = rig_get(&rig, "/etc/autopkgtest-cloud/proxy.env");
    ck_assert_str_eq(proxy, "http_proxy=http://proxy:3128\nHTTP_PROXY=http://proxy:3128\n"
                            "no_proxy=localhost\nNO_PROXY=localhost\n");
    ck_assert_str_eq(getenv("http_proxy"), "http://proxy:3128");
}

TEST(another_proxy_reaches_workers_after_their_tests)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *calls = NULL;

    setenv("JUJU_CHARM_HTTP_PROXY", "http://proxy:3128", 1);
    first = calls_of(&rig, HOOK_INSTALL);
    (void)first;
    setenv("JUJU_CHARM_HTTP_PROXY", "http://another:3128", 1);
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl restart --no-block -- " WORKER_1 " " WORKER_2);
}

TEST(a_tool_that_fails_fails_the_hook)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;

    rig_fail(&rig, "config-get", "1", "ERROR connection is shut down\n");
    ASSERT_FAILS(charm_reconcile(rig.root, HOOK_CONFIG_CHANGED, &err), -EIO, &err,
                 "config-get: ERROR connection is shut down");
    rig_fail(&rig, "config-get", "2", "ERROR option provided but not defined: --x\n");
    ck_assert_int_eq(charm_reconcile(rig.root, HOOK_CONFIG_CHANGED, &err), -EINVAL);
    rig_mend(&rig, "config-get");
    rig_answer(&rig, "config-get", "[]");
    ASSERT_FAILS(charm_reconcile(rig.root, HOOK_CONFIG_CHANGED, &err), -EPROTO, &err,
                 "config-get answered an array");
    ck_assert_int_ne(charm_reconcile(rig.root, HOOK_STOP, &err), 0);
}

TEST(hooks_are_started_by_juju)
{
    unsetenv("JUJU_UNIT_NAME");
    ck_assert_int_eq(charm_hook_main(HOOK_UPDATE_STATUS), EXIT_FAILURE);
}

TEST(a_swift_that_lacks_something_leaves_the_store_as_it_was)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *before = NULL, *after = NULL, *first = NULL, *calls = NULL;

    first = calls_of(&rig, HOOK_INSTALL);
    before = rig_get(&rig, "/etc/autopkgtest-cloud/swift.cred");
    ck_assert_ptr_nonnull(strstr(before, "/auth/v1.0\nSWIFT_USERNAME=autopkgtest\n"));
    configure(&rig, "{\"swift-auth-url\": \"https://keystone.example/v3\"}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "status-set -- blocked swift-auth-url: Swift needs swift-username, "
                             "swift-password or swift-secret, swift-project-name, "
                             "storage-url-internal as well");
    after = rig_get(&rig, "/etc/autopkgtest-cloud/swift.cred");
    ck_assert_str_eq(before, after);
}
