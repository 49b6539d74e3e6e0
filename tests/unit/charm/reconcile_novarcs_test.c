// SPDX-License-Identifier: GPL-3.0-only
// The clouds' .rc files: from an option or a secret onto the unit.
#include "adt/settings.h"
#include "charm/novarcs.h"
#include "charm/reconcile.h"
#include "data/base64.h"
#include "tarball.h"
#include "unit.h"

#define RC                                                                                         \
    "export OS_AUTH_URL=https://k.example/v3\nexport OS_USERNAME=me\n"                             \
    "export OS_PASSWORD=hidden\nexport OS_PROJECT_NAME=tests\n"
#define LCY02 NOVARCS_DIR "/lcy02.rc"
#define BOS01 NOVARCS_DIR "/bos01-arm64.rc"

// An archive as base64; the caller frees.
static char *pack(const struct buf *tar)
{
    struct buf text = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(base64_encode(tar->data, tar->len, &text), 0);
    return buf_take(&text);
}

static char *two_clouds(void)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    tarball_add(&tar, "./", '5', "");
    tarball_add(&tar, "./lcy02.rc", '0', RC);
    tarball_add(&tar, "./bos01-arm64.rc", '0', RC "export OS_REGION_NAME=bos01\n");
    tarball_end(&tar);
    return pack(&tar);
}

static char *one_cloud(const char *name, char type, const char *text)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    tarball_add(&tar, name, type, text);
    tarball_end(&tar);
    return pack(&tar);
}

static void configure_clouds(const struct rig *rig, const char *base64, const char *workers)
{
    _cleanup_free_ char *options =
        str_format("{\"novarcs\": \"%s\", \"n-workers\": \"%s\", \"local-workers\": \"\","
                   "\"worker-network\": \"net_tests\", \"mirror\": \"http://m.example/\"}",
                   base64, workers);

    configure(rig, options);
}

static void configure_novarcs(const struct rig *rig, const char *base64)
{
    _cleanup_free_ char *options = str_format("{\"novarcs\": \"%s\"}", base64);

    configure(rig, options);
}

TEST(the_files_of_the_option_are_on_the_unit)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *both = two_clouds(), *one = one_cloud("lcy02.rc", '0', RC);
    _cleanup_free_ char *calls = NULL, *again = NULL, *text = NULL, *path = NULL;
    struct stat st;

    configure_novarcs(&rig, both);
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_not_called(calls, "hidden");
    text = rig_get(&rig, LCY02);
    ck_assert_str_eq(text, RC);
    ck_assert(rig_has(&rig, BOS01));
    path = str_format("%s" LCY02, rig.root);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(again, "systemctl re");
    // What is not in the archive any more goes.
    configure_novarcs(&rig, one);
    reconcile(&rig, HOOK_CONFIG_CHANGED);
    ck_assert(rig_has(&rig, LCY02));
    ck_assert(!rig_has(&rig, BOS01));
    configure(&rig, "{\"roles\": \"web\"}");
    reconcile(&rig, HOOK_CONFIG_CHANGED);
    ck_assert(!rig_has(&rig, LCY02));
}

TEST(a_secret_wins_over_the_option)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *both = two_clouds(), *one = one_cloud("lcy02.rc", '0', RC);
    _cleanup_free_ char *options = NULL, *answer = str_format("\"%s\"", one);
    _cleanup_free_ char *calls = NULL, *twice = NULL, *keyless = NULL, *denied = NULL;
    _cleanup_buf_ struct buf again = BUF_INIT(BUF_OWN_MAX);

    options = str_format("{\"novarcs\": \"%s\", \"novarcs-secret\": \"secret:n\"}", both);
    configure(&rig, options);
    rig_answer(&rig, "secret-get", answer);
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(calls, "secret-get --format=json --refresh secret:n tar#base64");
    ck_assert(rig_has(&rig, LCY02));
    ck_assert(!rig_has(&rig, BOS01));
    // A value that is the text which the option would have.
    ck_assert_int_eq(base64_encode(both, strlen(both), &again), 0);
    twice = str_format("\"%s\"", buf_str(&again));
    rig_answer(&rig, "secret-get", twice);
    reconcile(&rig, HOOK_SECRET_CHANGED);
    ck_assert(rig_has(&rig, BOS01));
    rig_fail(&rig, "secret-get", "1", "ERROR secret key value \"tar\" not found\n");
    keyless = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(keyless, "status-set -- blocked novarcs-secret: the secret has no key tar");
    rig_fail(&rig, "secret-get", "1", "ERROR permission denied\n");
    denied = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(denied, "status-set -- waiting novarcs-secret: the secret is not granted: "
                              "juju grant-secret n autopkgtest-cloud");
    ck_assert(rig_has(&rig, BOS01)); // as it was
}

TEST(what_is_wrong_in_an_archive_is_told_by_its_place)
{
    static const struct {
        const char *name;
        char type;
        const char *text, *message;
    } cases[] = {
        {"lcy02.rc", '0', "\nexport OS_PASSWORD=hid;den\n",
         "novarcs: lcy02.rc: line 2: OS_PASSWORD: expected one word or a value in single quotes"},
        {"lcy02.rc", '0', "", "novarcs: lcy02.rc: OS_AUTH_URL is missing"},
        {"lcy02.rc", '2', "", "novarcs: lcy02.rc: expected a plain file, found a symbolic link"},
        {"../lcy02.rc", '0', RC, "novarcs: ../lcy02.rc: expected no folders in the archive"},
        {"/etc/x.rc", '0', RC, "novarcs: /etc/x.rc: expected no folders in the archive"},
        {"sub", '5', "", "novarcs: sub: expected a name REGION.rc or REGION-ARCH.rc"},
        {"sub.rc", '5', "", "novarcs: sub.rc: expected a plain file, found a folder"},
        {"password", '0', RC, "novarcs: password: expected a name REGION.rc or REGION-ARCH.rc"},
        {".rc", '0', RC, "novarcs: .rc: expected a name REGION.rc or REGION-ARCH.rc"},
        {"a b.rc", '0', RC, "novarcs: a b.rc: expected a name REGION.rc or REGION-ARCH.rc"},
        {"./", '5', "", "novarcs: expected files REGION.rc in the archive, found none"},
    };
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *both = two_clouds();

    configure_novarcs(&rig, both);
    free(calls_of(&rig, HOOK_INSTALL));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = one_cloud(cases[i].name, cases[i].type, cases[i].text);
        _cleanup_free_ char *calls = NULL;
        _cleanup_free_ char *line = str_format("status-set -- blocked %s", cases[i].message);

        configure_novarcs(&rig, text);
        calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
        rig_assert_called(calls, line);
        rig_assert_not_called(calls, "hid;den");
        ck_assert(rig_has(&rig, BOS01)); // the last good ones stay
    }
}

TEST(other_things_than_archives_are_told_apart)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf twice = BUF_INIT(BUF_OWN_MAX), many = BUF_INIT(BUF_OWN_MAX);
    struct novarcs none = {0};

    ASSERT_FAILS(novarcs_decode("H4sIAAAA", &none, &err), -EINVAL, &err,
                 "expected a plain tar archive, got a compressed one");
    ASSERT_FAILS(novarcs_decode("aGVsbG8=", &none, &err), -EINVAL, &err, "expected a tar archive");
    ASSERT_FAILS(novarcs_decode("a*b", &none, &err), -EINVAL, &err, "expected base64");
    tarball_add(&twice, "a.rc", '0', RC);
    tarball_add(&twice, "./a.rc", '0', RC);
    tarball_end(&twice);
    ASSERT_FAILS(novarcs_parse(twice.data, twice.len, &none, &err), -EINVAL, &err,
                 "a.rc: is twice in the archive");
    for (unsigned i = 0; i <= NOVARCS_FILES_MAX; i++) {
        _cleanup_free_ char *name = str_format("r%u.rc", i);

        tarball_add(&many, name, '0', RC);
    }
    tarball_end(&many);
    ASSERT_FAILS(novarcs_parse(many.data, many.len, &none, &err), -EINVAL, &err,
                 "expected at most 200 files");
}

TEST(an_archive_has_a_largest_size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct novarcs none = {0};
    size_t len = NOVARCS_MAX / 3 * 4 + 64;
    _cleanup_free_ char *text = malloc(len + 1);

    memset(text, 'A', len);
    text[len] = '\0';
    ASSERT_FAILS(novarcs_decode(text, &none, &err), -EINVAL, &err,
                 "expected at most 4194304 bytes");
}

TEST(regions_without_their_file_are_named_with_the_way_out)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_settings_ struct settings s = {0};
    _cleanup_free_ char *one = one_cloud("lcy02.rc", '0', RC);
    struct novarcs novarcs = {0};

    ASSERT_OK(novarcs_decode(one, &novarcs, &err), &err);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "lcy02", "amd64", 1), 0);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "lcy02", "i386", 1), 0);
    ASSERT_OK(novarcs_check(&novarcs, &s, "app", &err), &err);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "lcy02", "arm64", 1), 0);
    ASSERT_FAILS(novarcs_check(&novarcs, &s, "app", &err), -EINVAL, &err,
                 "n-workers: lcy02.arm64: there is no lcy02-arm64.rc in novarcs: add it to "
                 "novarcs.tar, then juju config app novarcs=\"$(base64 -w0 novarcs.tar)\"");
    novarcs_release(&novarcs);
}

// ---- n-workers

#define WORKER(name) "autopkgtest-worker@" name ".service"
#define FOUR                                                                                       \
    WORKER("bos01-arm64-1")                                                                        \
    " " WORKER("lcy02-amd64-1") " " WORKER("lcy02-amd64-2") " " WORKER("lcy02-i386-1")

static const char ssh_client[] = "Package: openssh-client\nStatus: install ok installed\n\n";

static struct rig unit_with_ssh(void)
{
    struct rig rig = unit_new();
    _cleanup_free_ char *status = rig_get(&rig, "/var/lib/dpkg/status");
    _cleanup_free_ char *more = str_format("%s\n%s", status, ssh_client);

    rig_put(&rig, "/var/lib/dpkg/status", more);
    setenv("JUJU_MODEL_UUID", "11f2a3", 1);
    return rig;
}

TEST(regions_get_exactly_their_workers)
{
    _cleanup_rig_ struct rig rig = unit_with_ssh();
    _cleanup_free_ char *both = two_clouds(), *calls = NULL, *fewer = NULL, *dir = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct worker_settings worker = {0};

    configure_clouds(&rig, both, "lcy02: {amd64: 2, i386: 1}\\nbos01: {arm64: 1}");
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(calls, "systemctl enable -- autopkgtest-web.service "
                             "autopkgtest-indexer.service autopkgtest-worker.target " FOUR);
    rig_assert_called(calls, "status-set -- active 0 of 4 workers busy on 2 clouds; web ready");
    dir = str_format("%s/etc/autopkgtest-cloud", rig.root);
    ASSERT_OK(settings_load_worker(dir, "lcy02-i386-1", &worker, &err), &err);
    ck_assert_str_eq(worker.cloud, "lcy02");
    ck_assert_str_eq(worker.arch, "i386");
    ck_assert_str_eq(worker.backend, "ssh");
    _cleanup_free_ char *args = strv_join(&worker.backend_args, " ");
    ck_assert_str_eq(args, "-s /opt/autopkgtest-cloud/bin/autopkgtest-nova-setup -- --name=$NAME "
                           "--size=$PACKAGESIZE --mirror=$MIRROR "
                           "--rc=/etc/autopkgtest-cloud/novarcs/lcy02.rc --model=11f2a3 "
                           "--unit=autopkgtest-cloud/0 --worker=lcy02-i386-1 "
                           "--key=/var/lib/autopkgtest-cloud/ssh/testbeds "
                           "--image=(.*/)?ubuntu-$RELEASE-daily-$HOSTARCH-server-.* "
                           "--flavor=cpu2-ram4-disk20 --big-flavor=cpu4-ram8-disk100 "
                           "--network=net_tests --security-group= --keypair=");
    worker_settings_release(&worker);
    // A lowered count: the worker that is too many ends after its test.
    configure_clouds(&rig, both, "lcy02: {amd64: 1}");
    fewer = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(fewer, "systemctl stop --no-block -- " WORKER("bos01-arm64-1") " " WORKER(
                                 "lcy02-amd64-2") " " WORKER("lcy02-i386-1"));
    rig_assert_called(fewer, "status-set -- active 0 of 1 worker busy on 1 cloud; web ready");
}

TEST(other_choices_of_nova_reach_the_running_workers)
{
    _cleanup_rig_ struct rig rig = unit_with_ssh();
    _cleanup_free_ char *one = one_cloud("lcy02.rc", '0', RC), *calls = NULL, *args = NULL;
    _cleanup_free_ char *dir = str_format("%s/etc/autopkgtest-cloud", rig.root), *options = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct worker_settings worker = {0};

    configure_clouds(&rig, one, "lcy02: {amd64: 1}");
    free(calls_of(&rig, HOOK_INSTALL));
    options =
        str_format("{\"novarcs\": \"%s\", \"n-workers\": \"lcy02: {amd64: 1}\","
                   "\"local-workers\": \"\", \"worker-image\": \"own/$RELEASE-$ARCHITECTURE\","
                   "\"worker-security-group\": \"testbeds\", \"worker-keypair\": \"people\","
                   "\"worker-default-flavor\": \"cpu1-ram2-disk3\","
                   "\"worker-big-flavor\": \"cpu4-ram5-disk6\"}",
                   one);
    configure(&rig, options);
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "systemctl reload --no-block -- " WORKER("lcy02-amd64-1"));
    ASSERT_OK(settings_load_worker(dir, "lcy02-amd64-1", &worker, &err), &err);
    args = strv_join(&worker.backend_args, " ");
    ck_assert_msg(str_ends_with(args, " --image=own/$RELEASE-$HOSTARCH --flavor=cpu1-ram2-disk3 "
                                      "--big-flavor=cpu4-ram5-disk6 --network= "
                                      "--security-group=testbeds --keypair=people"),
                  "%s", args);
    worker_settings_release(&worker);
}

TEST(a_region_without_its_file_blocks_and_changes_nothing)
{
    _cleanup_rig_ struct rig rig = unit_with_ssh();
    _cleanup_free_ char *one = one_cloud("lcy02.rc", '0', RC), *calls = NULL, *conf = NULL;

    configure_clouds(&rig, one, "lcy02: {amd64: 1}");
    free(calls_of(&rig, HOOK_INSTALL));
    configure_clouds(&rig, one, "lcy02: {amd64: 5, arm64: 1}");
    calls = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(calls, "status-set -- blocked n-workers: lcy02.arm64: there is no "
                             "lcy02-arm64.rc in novarcs: add it to novarcs.tar, then juju config "
                             "autopkgtest-cloud novarcs=\"$(base64 -w0 novarcs.tar)\"");
    conf = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(conf, "[lcy02-amd64-1]"));
    ck_assert_ptr_null(strstr(conf, "[lcy02-amd64-2]"));
}

TEST(workers_of_regions_need_ssh)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *one = one_cloud("lcy02.rc", '0', RC), *calls = NULL;

    configure_clouds(&rig, one, "lcy02: {amd64: 1}");
    calls = calls_of(&rig, HOOK_INSTALL);
    ck_assert_ptr_nonnull(strstr(calls, "install --no-install-recommends openssh-client\n"));
}
