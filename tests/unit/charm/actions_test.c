// SPDX-License-Identifier: GPL-3.0-only
// The actions that work on the unit itself, against recorders, with a folder for `/`.
#include "action_rig.h"
#include "charm/reconcile.h"

#define WORKER_1 "autopkgtest-worker@local-amd64-1.service"
#define WORKER_2 "autopkgtest-worker@local-amd64-2.service"
#define WORKER_3 "autopkgtest-worker@local-amd64-3.service"
#define ALERT "/etc/autopkgtest-cloud/alert.json"

static struct rig installed(void)
{
    struct rig rig = unit_new();

    free(calls_of(&rig, HOOK_INSTALL));
    return rig;
}

// ---- show-target-config

TEST(the_target_is_shown_by_architecture)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL;

    rig_unit(&rig, WORKER_1, "active", "gzip on noble");
    rig_unit(&rig, WORKER_2, "failed", "");
    calls = run_action(&rig, &action_show_target_config, "{}");
    rig_assert_called(calls, "action-set -- roles=worker web releases=noble jammy "
                             "counts-from=options workers-wanted=2 workers-running=1 "
                             "workers-busy=1 workers-drained=0 workers-paused=0 workers-offline=0 "
                             "local-amd64-wanted=2 local-amd64-running=1 local-amd64-busy=1 "
                             "local-amd64-drained=0 local-amd64-paused=0 local-amd64-offline=0");
}

TEST(before_any_settings_there_is_no_target)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = run_action(&rig, &action_show_target_config, "{}");

    rig_assert_called(calls, "action-fail -- autopkgtest-cloud/0 has no settings yet: wait for its "
                             "hooks, or mend what juju status autopkgtest-cloud tells");
}

// ---- reload-units

TEST(running_workers_are_told_to_read_again)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *none = NULL;

    rig_unit(&rig, WORKER_2, "deactivating", "");
    calls = run_action(&rig, &action_reload_units, "{}");
    rig_assert_called(calls, "systemctl reload --no-block -- " WORKER_1);
    rig_assert_called(calls, "action-set -- reloaded=1");
    rig_unit(&rig, WORKER_1, "inactive", "");
    none = run_action(&rig, &action_reload_units, "{}");
    rig_assert_not_called(none, "systemctl reload");
    rig_assert_called(none, "action-set -- reloaded=0");
}

// ---- set-worker-count

TEST(another_number_of_workers_holds_until_the_option_changes)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = run_action(
        &rig, &action_set_worker_count, "{\"arch\": \"amd64\", \"count\": 2, \"virt\": \"null\"}");
    _cleanup_free_ char *target = run_action(&rig, &action_show_target_config, "{}");
    _cleanup_free_ char *after = NULL, *conf = NULL, *changed = NULL;

    rig_assert_called(calls, "systemctl enable -- " WORKER_3);
    rig_assert_called(calls, "action-set -- cloud=local arch=amd64 virt=null count=2");
    ck_assert_ptr_nonnull(strstr(target, "counts-from=set-worker-count workers-wanted=3"));
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    configure(&rig, "{\"retry-delay\": 7}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    after = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(after, "workers-wanted=3"));
    configure(&rig, "{\"local-workers\": \"amd64: {null: 1}\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    changed = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(changed, "counts-from=options workers-wanted=1"));
    conf = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_null(strstr(conf, "local-amd64-2"));
    // The old text does not bring the old number back.
    configure(&rig, "{}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    free(changed);
    changed = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(changed, "counts-from=options workers-wanted=2"));
}

TEST(numbers_add_up_and_none_is_a_number)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *null = run_action(
        &rig, &action_set_worker_count, "{\"arch\": \"amd64\", \"count\": 0, \"virt\": \"null\"}");
    _cleanup_free_ char *unshare = NULL, *target = NULL;

    rig_assert_called(null, "action-set -- cloud=local arch=amd64 virt=null count=0");
    // One kind is left, so it need not be named.
    unshare = run_action(&rig, &action_set_worker_count, "{\"arch\": \"amd64\", \"count\": 3}");
    rig_assert_called(unshare, "action-set -- cloud=local arch=amd64 virt=unshare count=3");
    target = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(target, "local-amd64-wanted=3"));
}

TEST(bad_counts_change_nothing)
{
    static const char *const cases[][2] = {
        {"{\"arch\": \"amd64\"}", "count: is missing: count=…"},
        {"{\"arch\": \"amd64\", \"count\": 1001}",
         "count: expected a whole number from 0 to 1000, got 1001"},
        {"{\"arch\": \"AMD\", \"count\": 1}", "arch: expected an architecture, got \"AMD\""},
        {"{\"arch\": \"amd64\", \"count\": 1, \"cloud\": \"lcy02\"}",
         "cloud: lcy02 has no workers for amd64 here; there are local"},
        {"{\"arch\": \"amd64\", \"count\": 1}",
         "virt: amd64 has workers of several kinds: name one, such as virt=unshare"},
        {"{\"arch\": \"armhf\", \"count\": 1}",
         "virt: armhf has no workers yet: name one, such as virt=unshare"},
        {"{\"arch\": \"amd64\", \"count\": 1, \"virt\": \"docker\"}",
         "virt: expected null, unshare, qemu, schroot, podman or lxc, got \"docker\""},
    };
    _cleanup_rig_ struct rig rig = installed();

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_action_fails(&rig, &action_set_worker_count, cases[i][0], cases[i][1]);
}

TEST(a_unit_without_the_role_has_no_workers_to_count)
{
    _cleanup_rig_ struct rig rig = unit_new();

    configure(&rig, "{\"roles\": \"web\"}");
    free(calls_of(&rig, HOOK_INSTALL));
    assert_action_fails(&rig, &action_set_worker_count,
                        "{\"arch\": \"amd64\", \"count\": 1, \"virt\": \"null\"}",
                        "autopkgtest-cloud/0 has no workers: run this on units whose option roles "
                        "has `worker`");
}

// ---- set-alert, remove-alert

TEST(an_alert_is_what_the_pages_read)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *path = str_format("%s" ALERT, rig.root);
    _cleanup_free_ char *set =
        run_action(&rig, &action_set_alert, "{\"message\": \"Store \\\"down\\\" till <noon>\"}");
    _cleanup_free_ char *file = rig_get(&rig, ALERT);
    _cleanup_free_ char *again = NULL, *removed = NULL, *nothing = NULL, *other = NULL;
    struct stat st;

    ck_assert_str_eq(file, "{\"level\":\"info\",\"message\":\"Store \\\"down\\\" till <noon>\"}\n");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    rig_assert_called(set, "action-set -- level=info message=Store \"down\" till <noon>");
    again = run_action(&rig, &action_set_alert, "{\"message\": \"x\", \"level\": \"error\"}");
    other = rig_get(&rig, ALERT);
    ck_assert_str_eq(other, "{\"level\":\"error\",\"message\":\"x\"}\n");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    ck_assert(rig_has(&rig, ALERT));
    removed = run_action(&rig, &action_remove_alert, "{}");
    rig_assert_called(removed, "action-set -- removed=true");
    ck_assert(!rig_has(&rig, ALERT));
    nothing = run_action(&rig, &action_remove_alert, "{}");
    rig_assert_called(nothing, "action-set -- removed=false");
}

TEST(bad_alerts_change_nothing)
{
    _cleanup_rig_ struct rig rig = installed();

    assert_action_fails(&rig, &action_set_alert, "{\"message\": \"x\", \"level\": \"loud\"}",
                        "level: expected info, warning or error, got \"loud\"");
    assert_action_fails(&rig, &action_set_alert, "{\"message\": \"\"}",
                        "message: expected one line of at most 2000 bytes, got nothing");
    ck_assert(!rig_has(&rig, ALERT));
    configure(&rig, "{\"roles\": \"worker\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    assert_action_fails(&rig, &action_set_alert, "{\"message\": \"x\"}",
                        "autopkgtest-cloud/0 has no web pages: run this on units whose option "
                        "roles has `web`");
}

// ---- drain, resume, kill-test: by the unit's command line

#define DRAINED                                                                                    \
    "{\"workers\": 8, \"drained\": 3, \"changed\": true, \"orders\": [\"local:amd64\", \"x:y\"]}"

TEST(drain_and_resume_are_the_command_line)
{
    _cleanup_rig_ struct rig rig = command_rig(DRAINED);
    _cleanup_free_ char *all = run_action(&rig, &action_drain, "{}");
    _cleanup_free_ char *some =
        run_action(&rig, &action_resume, "{\"cloud\": \"local\", \"arch\": \"amd64\"}");

    rig_assert_called(all, "autopkgtest-cloud drain --format=json");
    rig_assert_called(all, "action-set -- workers=8 drained=3 changed=true orders=local:amd64 x:y");
    rig_assert_called(some, "autopkgtest-cloud resume --format=json --cloud=local "
                            "--architecture=amd64");
    assert_action_fails(&rig, &action_drain, "{\"cloud\": \"a b\"}",
                        "cloud: expected the name of a cloud, such as local, got \"a b\"");
}

TEST(a_test_is_ended_by_its_uuid)
{
    _cleanup_rig_ struct rig rig =
        command_rig("{\"uuid\": \"u-1\", \"package\": \"gzip\", \"worker\": \"a/0/w\", "
                    "\"outcome\": \"returned\"}");
    _cleanup_free_ char *calls =
        run_action(&rig, &action_kill_test, "{\"uuid\": \"u-1\", \"requeue\": true}");

    rig_assert_called(calls, "autopkgtest-cloud kill --format=json --requeue u-1");
    rig_assert_called(calls, "action-set -- uuid=u-1 package=gzip worker=a/0/w outcome=returned");
    assert_action_fails(&rig, &action_kill_test, "{\"uuid\": \"--help\"}",
                        "uuid: expected the uuid of a request, got \"--help\"");
}

TEST(what_the_command_line_says_is_the_failure)
{
    _cleanup_rig_ struct rig rig = command_rig("");
    const struct {
        const char *status, *says, *message;
    } cases[] = {
        {"69", "autopkgtest-cloud kill: no worker has the request u\n",
         "no worker has the request u"},
        {"75", "looking…\nautopkgtest-cloud kill: h:5672: refused\n",
         "h:5672: refused; try again later"},
        {"78", "autopkgtest-cloud kill: this unit has no broker: integrate\n",
         "this unit has no broker: integrate"},
        {"1", "", "failed without a word"},
        {"127", "x: error while loading shared libraries: liba.so.1\n",
         "x: error while loading shared libraries: liba.so.1; the unit has not got its packages "
         "yet: wait for its install hook, juju status autopkgtest-cloud"},
    };
    _cleanup_free_ char *program = str_format("%s/bin/autopkgtest-cloud", rig.charm);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        rig_fail(&rig, "autopkgtest-cloud", cases[i].status, cases[i].says);
        assert_action_fails(&rig, &action_kill_test, "{\"uuid\": \"u\"}", cases[i].message);
    }
    ck_assert_int_eq(unlink(program), 0);
    rig_write(program, "#!/bin/sh\nkill -9 $$\n");
    ck_assert_int_eq(chmod(program, 0755), 0);
    assert_action_fails(&rig, &action_kill_test, "{\"uuid\": \"u\"}", "kill: killed by signal 9");
}

// ---- update-sources

TEST(the_checkout_is_updated_and_workers_are_told)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *commit = str_format("%s/commit", rig.dir);
    _cleanup_free_ char *calls = NULL, *same = NULL, *conf = NULL;

    rig_put(&rig, "/var/lib/dpkg/status",
            "Package: libcurl4\nStatus: install ok installed\n"
            "Provides: git, ca-certificates, python3, python3-debian, procps, apt-utils, "
            "libdpkg-perl, dpkg-dev, mmdebstrap, uidmap, zstd, distro-info-data\n\n");
    rig_script(&rig, "git",
               "#!/bin/bash\ncase $1 in\n"
               "clone) mkdir -p \"${!#}/runner\"; touch \"${!#}/runner/autopkgtest\"\n"
               "  chmod +x \"${!#}/runner/autopkgtest\";;\n"
               "-C) cat $RIG/commit;;\nesac\n");
    rig_write(commit, "aaaa\n");
    configure(&rig, "{\"autopkgtest-source\": \"https://x/y#b\"}");
    reconcile(&rig, HOOK_INSTALL);
    rig_write(commit, "bbbb\n");
    calls = run_action(&rig, &action_update_sources, "{}");
    rig_assert_called(calls, "action-set -- autopkgtest=https://x/y commit=bbbb changed=true "
                             "previous=aaaa");
    rig_assert_called(calls, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
    conf = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(conf, "/bbbb/runner/autopkgtest"));
    same = run_action(&rig, &action_update_sources, "{}");
    ck_assert_ptr_nonnull(strstr(same, "commit=bbbb changed=false previous=bbbb"));
    rig_assert_not_called(same, "systemctl reload");
    rig_script(
        &rig, "git",
        "#!/bin/sh\ncat >&2 <<END\nCloning into 'x'...\nfatal: '/srv/x' is no git repository\n"
        "fatal: Could not read from remote repository.\n\nPlease make sure you have the "
        "correct access rights\nand the repository exists.\nEND\nexit 128\n");
    assert_action_fails(&rig, &action_update_sources, "{}",
                        "autopkgtest-source: git clone: fatal: '/srv/x' is no git repository");
}

TEST(the_distributions_package_is_updated_by_apt)
{
    _cleanup_rig_ struct rig rig = installed();

    assert_action_fails(&rig, &action_update_sources, "{}",
                        "autopkgtest is the distribution's package, which apt updates, and the "
                        "per-package lists are files of this unit; for checkouts: juju config "
                        "autopkgtest-cloud autopkgtest-source=https://… "
                        "package-configs-source=https://…");
    configure(&rig, "{\"roles\": \"web\"}");
    reconcile(&rig, HOOK_CONFIG_CHANGED);
    assert_action_fails(&rig, &action_update_sources, "{}",
                        "autopkgtest-cloud/0 has no workers: run this on units whose option roles "
                        "has `worker`");
}

TEST(per_package_lists_are_fetched_by_a_timer_and_on_demand)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *service = NULL, *gone = NULL;

    rig_put(&rig, "/var/lib/dpkg/status",
            "Package: libcurl4\nStatus: install ok installed\nProvides: autopkgtest, git, "
            "ca-certificates, dpkg-dev, mmdebstrap, uidmap, zstd, distro-info-data\n\n");
    configure(&rig, "{\"package-configs-source\": \"https://x/lists#next\"}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl enable -- autopkgtest-lists.timer");
    service = rig_get(&rig, "/etc/systemd/system/autopkgtest-lists.service");
    ck_assert_ptr_nonnull(strstr(service, "AUTOPKGTEST_LISTS_SOURCE=https://x/lists\n"));
    ck_assert_ptr_nonnull(strstr(service, "AUTOPKGTEST_LISTS_BRANCH=next\n"));
    free(calls);
    rig_put(&rig, "/var/lib/autopkgtest-cloud/package-configs/.commit", "cccc\n");
    calls = run_action(&rig, &action_update_sources, "{}");
    rig_assert_called(calls, "systemctl start -- autopkgtest-lists.service");
    rig_assert_called(calls, "action-set -- package-configs=https://x/lists "
                             "package-configs-commit=cccc");
    rig_put(&rig, "/var/lib/autopkgtest-cloud/package-configs/.failed", "no route to x\n");
    free(calls);
    calls = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(calls, "status-set -- maintenance package-configs-source: no route to x; the "
                             "lists are the last ones");
    configure(&rig, "{}");
    gone = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(gone, "systemctl disable -- autopkgtest-lists.timer");
    ck_assert_ptr_null(strstr(gone, "no route"));
}

// ---- build-images

#define IMAGE_NOBLE "autopkgtest-image@noble-amd64.service"
#define IMAGE_JAMMY "autopkgtest-image@jammy-amd64.service"
#define IMAGE_FAILED "/var/lib/autopkgtest-cloud/images/jammy-amd64.failed"

TEST(images_are_made_anew)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *all = run_action(&rig, &action_build_images, "{}");
    _cleanup_free_ char *one = run_action(&rig, &action_build_images, "{\"release\": \"jammy\"}");

    rig_assert_called(all, "systemctl restart -- " IMAGE_NOBLE " " IMAGE_JAMMY);
    rig_assert_called(all, "action-set -- noble-amd64=made jammy-amd64=made");
    rig_assert_called(one, "systemctl restart -- " IMAGE_JAMMY);
    assert_action_fails(&rig, &action_build_images, "{\"arch\": \"arm64\"}",
                        "there is no such image; this unit has noble-amd64, jammy-amd64");
    configure(&rig, "{\"local-workers\": \"amd64: {null: 1}\"}");
    reconcile(&rig, HOOK_CONFIG_CHANGED);
    assert_action_fails(&rig, &action_build_images, "{}",
                        "autopkgtest-cloud/0 tests in no image: they are of LXD hosts and of "
                        "local workers with another backend than null, without worker-args");
}

TEST(an_image_that_cannot_be_made_tells_why)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL;

    rig_put(&rig, IMAGE_FAILED, "no such suite\nmore\n");
    rig_script(&rig, "systemctl", "#!/bin/sh\necho 'Job failed.' >&2; exit 1\n");
    calls = run_action(&rig, &action_build_images, "{}");
    rig_assert_called(calls, "action-set -- noble-amd64=made jammy-amd64=failed: no such suite");
    rig_assert_called(calls,
                      "action-fail -- not made: jammy-amd64; the old one stays in use where there "
                      "is one (but for the first one on an LXD host it is tried again every 5 "
                      "minutes): juju ssh "
                      "autopkgtest-cloud/0 journalctl -u 'autopkgtest-image@*'");
}

// ---- quota

TEST(the_manuals_hundred_runners_need_what_it_says)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = run_action(&rig, &action_quota, "{\"runners\": 100}");

    rig_assert_called(calls, "action-set -- runners=100 margin=10 big-runners=10 cores=200 "
                             "ram-gb=400 disk-gb=2000 cores-with-margin=220 ram-gb-with-margin=440 "
                             "disk-gb-with-margin=2200 cores-with-big=220 ram-gb-with-big=440 "
                             "disk-gb-with-big=2800");
}

TEST(a_unit_on_the_machine_of_another_does_nothing_to_its_services)
{
    _cleanup_rig_ struct rig rig = command_rig("");
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *metadata = str_format("%s%s/metadata.yaml", rig.root, rig.charm);

    (void)first;
    rig_write(metadata, "name: autopkgtest-cloud\n");
    setenv("JUJU_UNIT_NAME", "other/0", 1);
    setenv("JUJU_CHARM_DIR", "/var/lib/juju/agents/unit-other-0/charm", 1);
    assert_action_fails(&rig, &action_drain, "{}",
                        "this machine is that of autopkgtest-cloud/0: juju run autopkgtest-cloud/0 "
                        "…, or give other/0 one of its own");
}

TEST(regions_are_told_beside_what_they_need)
{
    _cleanup_rig_ struct rig rig = command_rig(
        "{\"a\": {\"instances\": {\"limit\": -1, \"used\": 2},"
        " \"cores\": {\"limit\": 10, \"used\": 4}, \"ram-gb\": {\"limit\": 22, \"used\": 8}},"
        " \"b-arm64\": {\"error\": \"no access\"}}");
    _cleanup_free_ char *calls = NULL;

    configure(&rig, "{\"n-workers\": \"a: {amd64: 3, i386: 2}\\nb: {arm64: 1}\"}");
    calls = run_action(&rig, &action_quota, "{}");
    rig_assert_called(calls, "autopkgtest-cloud quota --format=json -- a b-arm64");
    ck_assert_ptr_nonnull(strstr(
        calls, " a-instances-needed=5 a-instances-limit=none a-instances-used=2 a-cores-needed=11 "
               "a-cores-limit=10 a-cores-used=4 a-ram-gb-needed=22 a-ram-gb-limit=22 "
               "a-ram-gb-used=8 a-disk-gb-needed=110 a-short=cores 11 needed, 10 allowed "
               "b-arm64-instances-needed=1 b-arm64-cores-needed=3 b-arm64-ram-gb-needed=5 "
               "b-arm64-disk-gb-needed=22 b-arm64-short=unknown: no access "
               "short=a: cores 11 needed, 10 allowed\n"));
}

TEST(configured_workers_are_added_up)
{
    _cleanup_rig_ struct rig rig = command_rig("{\"a\": {}, \"b-arm64\": {}}");
    _cleanup_free_ char *calls = NULL;

    configure(&rig, "{\"n-workers\": \"a: {amd64: 3, i386: 2}\\nb: {arm64: 5}\","
                    " \"worker-default-flavor\": \"cpu1-ram2-disk3-x\"}");
    calls = run_action(&rig, &action_quota, "{\"margin\": 1}");
    ck_assert_ptr_nonnull(strstr(calls, "runners=10 margin=1 big-runners=1 cores=10 ram-gb=20 "
                                        "disk-gb=30 cores-with-margin=11 "));
    configure(&rig, "{}");
    assert_action_fails(&rig, &action_quota, "{}",
                        "n-workers has no workers: say for how many, runners=100");
    configure(&rig, "{\"n-workers\": \"a: {amd64: ten}\"}");
    assert_action_fails(&rig, &action_quota, "{}", "n-workers: a.amd64: expected a whole number");
    configure(&rig, "{\"worker-big-flavor\": \"m1.large\"}");
    assert_action_fails(&rig, &action_quota, "{\"runners\": 1}",
                        "worker-big-flavor: \"m1.large\" does not tell its size: expected a name "
                        "such as cpu2-ram4-disk20 (juju config autopkgtest-cloud "
                        "worker-big-flavor=…)");
    assert_action_fails(&rig, &action_quota, "{\"runners\": 0}",
                        "runners: expected a whole number from 1 to 100000, got 0");
}
