// SPDX-License-Identifier: GPL-3.0-only
// LXD hosts: option lxd-remotes, and the actions that change them at run time. The unit's command
// line is a script that answers as `remote check` and `remote trust` do; tests/integration/backends
// has the real ones, and a real LXD.
#include "action_rig.h"
#include "charm/reconcile.h"

#include <sys/stat.h>

#define LXD "/etc/autopkgtest-cloud/lxd"
#define KEPT LXD "/servercerts/lxd-10.0.0.1.crt"
#define WORKER(arch, n) "autopkgtest-worker@lxd-10.0.0.1-" arch "-" n ".service"
#define TWO WORKER("armhf", "1") " " WORKER("armhf", "2")

// A host that trusts the unit keeps its certificate here, as the real command does.
static const char command_line[] =
    "#!/bin/bash\n"
    "kept=$RIG/root/etc/autopkgtest-cloud/lxd/servercerts\n"
    "case \"$1 $2\" in\n"
    "'remote check') all=\n"
    "  for a in \"${@:4}\"; do\n"
    "    if [ -e \"$RIG/trusts\" ]; then touch \"$kept/lxd-$a.crt\"\n"
    "      one='{\"ready\": true, \"version\": \"5.0.2\", \"fingerprint\": \"abc\"}'\n"
    "    elif [ -e \"$RIG/away\" ]; then one='{\"ready\": false, \"refused\": false, "
    "\"why\": \"no answer\"}'\n"
    "    else one='{\"ready\": false, \"refused\": true, \"why\": \"no trust\"}'; fi\n"
    "    all=\"$all${all:+, }\\\"$a\\\": $one\"\n"
    "  done; echo \"{$all}\";;\n"
    "'remote clean') echo '{\"10.0.0.1\": {\"instances\": [\"a\", \"b\"], \"images\": [\"c\"]}, "
    "\"10.0.0.2\": {\"instances\": [], \"images\": [], \"why\": \"no answer\"}}';;\n"
    "'remote join')\n"
    "  if [ \"$4\" = 10.0.0.9 ]; then\n"
    "    echo 'autopkgtest-cloud remote: 10.0.0.9: it does not trust this unit' >&2; exit 77; fi\n"
    "  echo bm9kZQ==;;\n"
    "'remote trust') cat >\"$RIG/token\"\n"
    "  if [ \"$(cat \"$RIG/token\")\" != good ]; then\n"
    "    echo 'autopkgtest-cloud remote: 10.0.0.1: does not take it' >&2; exit 77; fi\n"
    "  touch \"$kept/lxd-10.0.0.1.crt\"\n"
    "  echo '{\"name\": \"lxd-10.0.0.1\", \"address\": \"10.0.0.1\", \"fingerprint\": \"abc\", "
    "\"version\": \"5.0.2\"}';;\n"
    "esac\n";

static const char openssl[] =
    "#!/bin/bash\n"
    "while [ $# -gt 0 ]; do\n"
    "  case $1 in -keyout|-out) echo \"$1 $RANDOM$RANDOM\" >\"$2\";; esac\n"
    "  shift\n"
    "done\n";

static struct rig remotes_rig(void)
{
    struct rig rig = command_rig("");
    _cleanup_free_ char *recorder = str_format("%s/recorder", rig.dir);
    _cleanup_free_ char *program = str_format("%s/bin/openssl", rig.dir);

    ck_assert_int_eq(symlink(recorder, program), 0);
    rig_script(&rig, "autopkgtest-cloud", command_line);
    rig_script(&rig, "openssl", openssl);
    return rig;
}

static void mark(const struct rig *rig, const char *name)
{
    _cleanup_free_ char *path = str_format("%s/%s", rig->dir, name);

    rig_write(path, "");
}

#define REMOTES "{\"lxd-remotes\": \"armhf: {10.0.0.1: 2}\", \"local-workers\": \"\"}"

TEST(a_host_that_does_not_trust_the_unit_gets_no_work)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *calls = NULL, *again = NULL, *list = NULL, *key = NULL, *kept = NULL;
    _cleanup_free_ char *path = str_format("%s" LXD "/client.key", rig.root);
    struct stat st;

    rig_put(&rig, "/var/lib/dpkg/status", "Package: libcurl4\nStatus: install ok installed\n");
    configure(&rig, REMOTES);
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "autopkgtest-cloud remote check --format=json 10.0.0.1");
    rig_assert_called(
        calls, "status-set -- blocked lxd-remotes: 10.0.0.1 does not trust autopkgtest-cloud/0 "
               "yet: juju run autopkgtest-cloud/0 add-remote arch=… address=10.0.0.1 token=…, with "
               "what `lxc config trust add` prints there");
    ck_assert_ptr_nonnull(strstr(calls, "lxd-client"));
    ck_assert_ptr_nonnull(strstr(calls, " mmdebstrap uidmap zstd distro-info-data"));
    rig_assert_not_called(calls, "autopkgtest-worker@");
    list = rig_get(&rig, LXD "/config.yml");
    ck_assert_ptr_nonnull(
        strstr(list, "  \"lxd-10.0.0.1\":\n    addr: \"https://10.0.0.1:8443\"\n"));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0640);
    key = rig_get(&rig, LXD "/client.key");
    // The certificate is made once, the host is asked until it trusts.
    mark(&rig, "away");
    again = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(again, "openssl");
    rig_assert_called(again, "status-set -- waiting lxd-remotes: no answer");
    kept = rig_get(&rig, LXD "/client.key");
    ck_assert_str_eq(kept, key);
}

TEST(a_half_made_certificate_is_made_anew)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *calls = NULL;

    configure(&rig, REMOTES);
    rig_put(&rig, LXD "/client.key", "of a hook that was killed");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    ck_assert_ptr_nonnull(strstr(calls, "openssl req -x509"));
    ck_assert(rig_has(&rig, LXD "/client.crt"));
    ck_assert(!rig_has(&rig, LXD "/client.key.new"));
}

TEST(workers_of_a_host_that_trusts_the_unit_run)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *calls = NULL, *again = NULL, *conf = NULL;

    configure(&rig, REMOTES);
    mark(&rig, "trusts");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl enable -- autopkgtest-web.service "
                             "autopkgtest-indexer.service autopkgtest-worker.target " TWO);
    conf = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(
        conf, "[lxd-10.0.0.1-armhf-2]\ncloud = lxd-10.0.0.1\narch = armhf\nbackend = lxd\n"));
    ck_assert_ptr_null(strstr(conf, "-3]"));
    again = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(again, "remote check");
    rig_assert_called(again, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
}

#define IMAGE_OF_HOST "autopkgtest-image@lxd-10.0.0.1-noble-armhf"
#define IMAGE_MADE "/var/lib/autopkgtest-cloud/images/lxd-10.0.0.1-noble-armhf.lxd"

TEST(an_image_of_a_host_is_made_when_asked_for_and_renewed_from_then_on)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *calls = NULL, *refused = NULL, *made = NULL, *gone = NULL, *unit = NULL;

    configure(&rig, REMOTES);
    mark(&rig, "trusts");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(calls, "autopkgtest-image@"); // it may be somebody else's to make
    unit = rig_get(&rig, "/etc/systemd/system/autopkgtest-image@.service");
    ck_assert_ptr_nonnull(strstr(unit, "\nEnvironment=LXD_CONF=/etc/autopkgtest-cloud/lxd\n"));
    refused = run_action(&rig, &action_build_images, "{\"release\": \"noble\"}");
    rig_assert_called(refused, "systemctl restart -- " IMAGE_OF_HOST ".service");
    rig_assert_called(refused, "action-set -- lxd-10-0-0-1-noble-armhf=failed: see its journal");
    rig_assert_not_called(refused, IMAGE_OF_HOST ".timer");
    rig_put(&rig, IMAGE_MADE, "abc\n");
    made = run_action(&rig, &action_build_images, "{\"release\": \"noble\"}");
    rig_assert_called(made, "action-set -- lxd-10-0-0-1-noble-armhf=made");
    ck_assert_ptr_nonnull(strstr(made, IMAGE_OF_HOST ".timer"));
    configure(&rig, "{\"lxd-remotes\": \"\", \"local-workers\": \"\"}");
    gone = calls_of(&rig, HOOK_CONFIG_CHANGED);
    ck_assert_ptr_nonnull(strstr(gone, IMAGE_OF_HOST ".timer"));
}

#define MACHINE "vm-lxd-10.0.0.1-noble-armhf"

TEST(an_image_of_machines_is_made_when_it_is_asked_for)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *without = NULL, *with = NULL, *renewed = NULL, *status = NULL;

    configure(&rig, REMOTES);
    mark(&rig, "trusts");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    without = run_action(&rig, &action_build_images, "{\"release\": \"noble\"}");
    rig_assert_not_called(without, MACHINE);
    with = run_action(&rig, &action_build_images, "{\"release\": \"noble\", \"vm\": true}");
    ck_assert_ptr_nonnull(strstr(with, " qemu-utils fdisk e2fsprogs mtools\n"));
    rig_assert_called(with, "systemctl restart -- " IMAGE_OF_HOST
                            ".service autopkgtest-image@" MACHINE ".service");
    rig_put(&rig, "/var/lib/autopkgtest-cloud/images/" MACHINE ".lxd", "abc\n");
    rig_put(&rig, "/var/lib/autopkgtest-cloud/images/" MACHINE ".failed", "no room\n");
    renewed = run_action(&rig, &action_build_images, "{\"release\": \"noble\"}");
    ck_assert_ptr_nonnull(strstr(renewed, " vm-lxd-10-0-0-1-noble-armhf=failed: no room\n"));
    status = calls_of(&rig, HOOK_UPDATE_STATUS);
    ck_assert_ptr_nonnull(strstr(status, "enable -- autopkgtest-image@" MACHINE ".timer"));
    rig_assert_called(status,
                      "status-set -- maintenance image of vm-lxd-10.0.0.1-noble/armhf is an "
                      "old one, it cannot be renewed: no room");
}

TEST(a_host_is_known_until_its_last_test_has_ended)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *calls = NULL, *list = NULL, *run = NULL;

    configure(&rig, REMOTES);
    mark(&rig, "trusts");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    rig_put(&rig, "/run/autopkgtest-cloud/worker-lxd-10.0.0.1-armhf-1/x", "");
    configure(&rig, "{\"local-workers\": \"\"}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl stop --no-block -- autopkgtest-worker.target " TWO);
    ck_assert(rig_has(&rig, KEPT));
    list = rig_get(&rig, LXD "/config.yml");
    ck_assert_ptr_nonnull(strstr(list, "lxd-10.0.0.1"));
    run = str_format("%s/run", rig.root);
    ck_assert_int_eq(dir_remove(run, NULL), 0);
    free(calls_of(&rig, HOOK_UPDATE_STATUS));
    ck_assert(!rig_has(&rig, KEPT));
    ck_assert(!rig_has(&rig, LXD "/config.yml"));
    ck_assert(rig_has(&rig, LXD "/client.crt"));
}

TEST(many_workers_start_a_few_at_a_time)
{
    _cleanup_rig_ struct rig rig = remotes_rig();
    _cleanup_free_ char *calls = NULL;
    size_t starts = 0;

    configure(&rig, "{\"lxd-remotes\": \"armhf: {10.0.0.1: 25}\", \"local-workers\": \"\"}");
    mark(&rig, "trusts");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    for (const char *at = calls; (at = strstr(at, "systemctl start -- ")) != NULL; at++) {
        const char *end = strchr(at, '\n');
        size_t units = 0;

        for (const char *unit = at; (unit = strstr(unit, "autopkgtest-")) && unit < end; unit++)
            units++;
        ck_assert_uint_le(units, 10);
        starts++;
    }
    ck_assert_uint_eq(starts, 3); // with the web and the indexer: 27
}

// ---- add-remote

static struct rig installed(void)
{
    struct rig rig = remotes_rig();

    free(calls_of(&rig, HOOK_INSTALL));
    return rig;
}

TEST(a_token_adds_a_host_which_outlives_other_options)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = run_action(
        &rig, &action_add_remote, "{\"arch\": \"armhf\", \"token\": \"good\", \"jobs\": 2}");
    _cleanup_free_ char *later = NULL;

    rig_assert_called(calls,
                      "autopkgtest-cloud remote trust --format=json --as=autopkgtest-cloud-0");
    rig_assert_not_called(calls, "good");
    rig_assert_called(calls, "action-set -- cloud=lxd-10.0.0.1 address=10.0.0.1 arch=armhf jobs=2 "
                             "fingerprint=abc lxd-version=5.0.2");
    ck_assert_ptr_nonnull(strstr(calls, "systemctl enable -- " TWO));
    configure(&rig, "{\"lxd-remotes\": \"arm64: {10.0.0.2: 1}\"}");
    mark(&rig, "trusts");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    later = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(later, " lxd-10-0-0-1-armhf-wanted=2 "));
    ck_assert_ptr_nonnull(strstr(later, " lxd-10-0-0-2-arm64-wanted=1 "));
}

TEST(a_secret_stands_for_the_token)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *token = NULL, *path = str_format("%s/token", rig.dir);
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    rig_answer(&rig, "secret-get", "{\"token\": \"good\"}");
    calls =
        run_action(&rig, &action_add_remote, "{\"arch\": \"armhf\", \"token\": \"secret:abc\"}");
    ck_assert_ptr_nonnull(strstr(calls, "jobs=1"));
    ck_assert_int_eq(file_read(path, &text, NULL), 0);
    ck_assert_str_eq(buf_str(&text), "good");
    rig_answer(&rig, "secret-get", "{\"tokn\": \"good\"}");
    assert_action_fails(&rig, &action_add_remote,
                        "{\"arch\": \"armhf\", \"token\": \"secret:abc\"}",
                        "token: the secret has no key token");
}

TEST(a_refused_token_changes_nothing)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *target = NULL;

    assert_action_fails(&rig, &action_add_remote, "{\"arch\": \"armhf\", \"token\": \"bad\"}",
                        "10.0.0.1: does not take it");
    assert_action_fails(&rig, &action_add_remote, "{\"arch\": \"armhf\"}",
                        "address: is missing, and there is no token with one in it");
    assert_action_fails(
        &rig, &action_add_remote, "{\"arch\": \"armhf\", \"address\": \"10.0.0.1/x\"}",
        "address: expected an address such as 10.0.0.1 or lxd.example:8443, got \"10.0.0.1/x\"");
    target = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_null(strstr(target, "lxd-"));
}

TEST(without_a_token_the_host_must_know_the_certificate)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *refused = run_action(
        &rig, &action_add_remote, "{\"arch\": \"armhf\", \"address\": \"10.0.0.1\", \"jobs\": 2}");
    _cleanup_free_ char *calls = NULL;

    ck_assert_ptr_nonnull(strstr(refused, "action-set -- certificate=-out "));
    ck_assert_ptr_nonnull(strstr(refused, "action-fail -- 10.0.0.1 does not trust "
                                          "autopkgtest-cloud/0: give token=…"));
    mark(&rig, "trusts");
    calls = run_action(&rig, &action_add_remote,
                       "{\"arch\": \"armhf\", \"address\": \"10.0.0.1\", \"jobs\": 2}");
    rig_assert_called(calls, "action-set -- cloud=lxd-10.0.0.1 address=10.0.0.1 arch=armhf jobs=2 "
                             "fingerprint=abc lxd-version=5.0.2");
}

// ---- remove-remote, set-worker-count

TEST(a_host_that_was_added_is_gone_for_good)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *target = NULL;

    free(run_action(&rig, &action_add_remote,
                    "{\"arch\": \"armhf\", \"token\": \"good\", \"jobs\": 2}"));
    calls = run_action(&rig, &action_remove_remote,
                       "{\"arch\": \"armhf\", \"address\": \"10.0.0.1:8443\"}");
    rig_assert_called(calls, "systemctl stop --no-block -- " TWO);
    rig_assert_called(calls, "action-set -- cloud=lxd-10.0.0.1 arch=armhf tests-running=false");
    target = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_null(strstr(target, "lxd-"));
    assert_action_fails(&rig, &action_remove_remote,
                        "{\"arch\": \"armhf\", \"address\": \"10.0.0.1\"}",
                        "autopkgtest-cloud/0 does not test on 10.0.0.1 for armhf; it does on no "
                        "LXD host");
}

TEST(a_host_of_the_option_is_removed_until_that_changes)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *after = NULL, *changed = NULL;

    mark(&rig, "trusts");
    configure(&rig, REMOTES);
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    calls =
        run_action(&rig, &action_remove_remote, "{\"arch\": \"armhf\", \"address\": \"10.0.0.1\"}");
    ck_assert_ptr_nonnull(strstr(calls, "note=option lxd-remotes has it still"));
    after = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_null(strstr(after, "lxd-10-0-0-1-armhf-wanted"));
    configure(&rig, "{\"lxd-remotes\": \"armhf: {10.0.0.1: 3}\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    changed = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(changed, "lxd-10-0-0-1-armhf-wanted=3"));
}

TEST(the_number_of_workers_of_a_host_can_be_set)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *added = NULL, *target = NULL;

    mark(&rig, "trusts");
    configure(&rig, REMOTES);
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    calls = run_action(&rig, &action_set_worker_count,
                       "{\"cloud\": \"lxd-10.0.0.1\", \"arch\": \"armhf\", \"count\": 1}");
    rig_assert_called(calls, "systemctl stop --no-block -- " WORKER("armhf", "2"));
    rig_assert_called(calls, "action-set -- cloud=lxd-10.0.0.1 arch=armhf count=1");
    free(run_action(&rig, &action_add_remote, "{\"arch\": \"arm64\", \"address\": \"10.0.0.9\"}"));
    added = run_action(&rig, &action_set_worker_count,
                       "{\"cloud\": \"lxd-10.0.0.9\", \"arch\": \"arm64\", \"count\": 2}");
    rig_assert_called(added, "action-set -- cloud=lxd-10.0.0.9 arch=arm64 count=2");
    // Of the option the old number comes back with another text, of what was added not.
    configure(&rig, "{\"lxd-remotes\": \"armhf: {10.0.0.1: 3}\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    target = run_action(&rig, &action_show_target_config, "{}");
    ck_assert_ptr_nonnull(strstr(target, "lxd-10-0-0-1-armhf-wanted=3"));
    ck_assert_ptr_nonnull(strstr(target, "lxd-10-0-0-9-arm64-wanted=2"));
    assert_action_fails(&rig, &action_set_worker_count,
                        "{\"cloud\": \"lxd-10.0.0.9\", \"arch\": \"amd64\", \"count\": 2}",
                        "cloud: lxd-10.0.0.9 has no workers for amd64 here; there are local, "
                        "lxd-10.0.0.1 (armhf), lxd-10.0.0.9 (arm64)");
    assert_action_fails(
        &rig, &action_set_worker_count,
        "{\"cloud\": \"lxd-10.0.0.9\", \"arch\": \"arm64\", \"count\": 2, \"virt\": \"lxc\"}",
        "virt: workers of lxd-10.0.0.9 are all of one kind: leave it out");
}

// ---- cleanup-remotes

TEST(what_is_stale_is_removed_from_every_host)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = NULL, *one = NULL;

    assert_action_fails(&rig, &action_cleanup_remotes, "{}",
                        "autopkgtest-cloud/0 tests on no LXD host: juju run autopkgtest-cloud/0 "
                        "show-target-config");
    mark(&rig, "trusts");
    configure(&rig,
              "{\"lxd-remotes\": \"armhf: {10.0.0.1: 2, 10.0.0.2: 1}\\narm64: {10.0.0.1: 1}\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    calls = run_action(&rig, &action_cleanup_remotes, "{}");
    rig_assert_called(calls, "autopkgtest-cloud remote clean --format=json --older=48 10.0.0.1 "
                             "10.0.0.2");
    rig_assert_called(calls, "action-set -- lxd-10-0-0-1-instances=a b lxd-10-0-0-1-images=c "
                             "instances=2 images=1");
    rig_assert_called(calls, "action-fail -- not cleaned to the end: 10.0.0.2: no answer; run it "
                             "again, with address=… for one host");
    one = run_action(&rig, &action_cleanup_remotes,
                     "{\"address\": \"10.0.0.1:8443\", \"older-than\": 1, \"dry-run\": true}");
    rig_assert_called(one,
                      "autopkgtest-cloud remote clean --format=json --older=1 --dry-run 10.0.0.1");
    ck_assert_ptr_nonnull(strstr(one, "stale-instances=2 stale-images=1"));
    assert_action_fails(&rig, &action_cleanup_remotes, "{\"address\": \"10.0.0.3\"}",
                        "autopkgtest-cloud/0 tests on no LXD host of the address 10.0.0.3: juju "
                        "run autopkgtest-cloud/0 show-target-config");
}

// ---- lxd-node-userdata

static void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

TEST(the_first_member_of_a_cluster_trusts_the_unit)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *calls = run_action(&rig, &action_lxd_node_userdata,
                                            "{\"type\": \"bootstrap\", \"name\": \"lxd-1\"}");

    assert_has(calls, "action-set -- name=lxd-1 user-data=#cloud-config\n");
    assert_has(calls, "\nhostname: lxd-1\n");
    assert_has(calls, "\n      -out "); // the certificate
    assert_has(calls, "cluster: {enabled: true, server_name: lxd-1}");
    assert_has(calls, "--name 'autopkgtest-cloud-0'");
    rig_assert_not_called(calls, "cluster_token");
    rig_assert_not_called(calls, "scheduler.instance");
}

TEST(others_join_with_a_token)
{
    _cleanup_rig_ struct rig rig = installed();
    _cleanup_free_ char *node = NULL, *leader = NULL;

    node = run_action(&rig, &action_lxd_node_userdata,
                      "{\"type\": \"node\", \"join-address\": \"10.0.0.1:8443\", \"name\": "
                      "\"lxd-2\"}");
    rig_assert_called(node, "autopkgtest-cloud remote join --as=lxd-2 10.0.0.1:8443");
    assert_has(node, "getent ahosts '10.0.0.1'");
    assert_has(node, "cluster_token: bm9kZQ==\n");
    rig_assert_not_called(node, "trust add");
    rig_assert_not_called(node, "scheduler.instance");
    leader = run_action(&rig, &action_lxd_node_userdata,
                        "{\"type\": \"leader\", \"join-address\": \"10.0.0.1\", \"token\": "
                        "\"b3RoZXI=\"}");
    rig_assert_not_called(leader, "remote join");
    assert_has(leader, "cluster_token: b3RoZXI=\n");
    assert_has(leader, "scheduler.instance=manual");
    assert_has(leader, "action-set -- name=lxd-leader-");
}

TEST(what_cannot_join_is_refused)
{
    static const char *const cases[][2] = {
        {"{\"type\": \"node\"}",
         "join-address: is missing: the address of a member of the cluster"},
        {"{\"type\": \"bootstrap\", \"join-address\": \"10.0.0.1\"}",
         "join-address: bootstrap makes a cluster and joins none"},
        {"{\"type\": \"other\"}", "type: expected bootstrap, leader or node, got \"other\""},
        {"{\"type\": \"bootstrap\", \"name\": \"a'b\"}",
         "name: expected a host name of small letters, digits and '-', got \"a'b\""},
        {"{\"type\": \"node\", \"join-address\": \"10.0.0.1\", \"token\": \"a\\\"b\"}",
         "token: expected base64, as `lxc cluster add` prints it"},
        {"{\"type\": \"node\", \"join-address\": \"10.0.0.9\", \"name\": \"x\"}",
         "no token to join; give token=…, which `lxc cluster add x` prints there: 10.0.0.9: it "
         "does "
         "not trust this unit"},
    };
    _cleanup_rig_ struct rig rig = installed();

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_action_fails(&rig, &action_lxd_node_userdata, cases[i][0], cases[i][1]);
}
