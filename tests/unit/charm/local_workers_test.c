// SPDX-License-Identifier: GPL-3.0-only
// What the unit gets ready for local workers of each backend.
#include "charm/accounts.h"
#include "charm/reconcile.h"
#include "unit.h"

#define IMAGES "/var/lib/autopkgtest-cloud/images"
#define SCHROOTS "/etc/schroot/chroot.d/autopkgtest-cloud"
#define INSTALLED(package) "Package: " package "\nStatus: install ok installed\n\n"

static void install_all(const struct rig *rig)
{
    _cleanup_free_ char *status = rig_get(rig, "/var/lib/dpkg/status");
    _cleanup_free_ char *more = str_format(
        "%s\n" INSTALLED("schroot") INSTALLED("podman") INSTALLED("netavark") INSTALLED("iptables")
            INSTALLED("lxc") INSTALLED("rsync") INSTALLED("dnsmasq-base") INSTALLED("qemu-utils")
                INSTALLED("qemu-system-x86") INSTALLED("qemu-system-misc") INSTALLED("fdisk")
                    INSTALLED("e2fsprogs"),
        status);

    rig_put(rig, "/var/lib/dpkg/status", more);
}

TEST(packages_are_those_of_the_backends)
{
    static const char *const cases[][2] = {
        {"{amd64: {qemu: 1}, i386: {qemu: 1}, riscv64: {qemu: 1}}",
         "qemu-utils fdisk e2fsprogs qemu-system-x86 qemu-system-misc"},
        {"amd64: {podman: 1}", "podman netavark iptables"},
        {"amd64: {lxc: 2}", "lxc rsync dnsmasq-base"},
        {"amd64: {unshare: 1, schroot: 1}", "schroot"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_rig_ struct rig rig = unit_new();
        _cleanup_free_ char *config = str_format("{\"local-workers\": \"%s\"}", cases[i][0]);
        _cleanup_free_ char *expected = str_format(" %s\n", cases[i][1]);
        _cleanup_free_ char *calls = NULL;

        configure(&rig, config);
        calls = calls_of(&rig, HOOK_INSTALL);
        ck_assert_msg(strstr(calls, expected) != NULL, "no \"%s\" in %s", expected, calls);
    }
}

TEST(schroot_is_told_of_the_images_and_their_second_name)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *made = NULL, *gone = NULL, *conf = NULL, *worker = NULL;

    install_all(&rig);
    configure(&rig, "{\"releases\": \"noble jammy\", \"local-workers\": \"amd64: {schroot: 1}\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    // The images are there, but not under the name that schroot understands.
    rig_assert_called(first, "status-set -- waiting image of noble/amd64 is being made");
    conf = rig_get(&rig, SCHROOTS);
    ck_assert_ptr_nonnull(strstr(conf, "\n[jammy-amd64]\n"));
    ck_assert_ptr_nonnull(strstr(conf, "\nfile=" IMAGES "/noble-amd64.tar.zstd\n"));
    worker = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(worker, "\nbackend = schroot\n"));
    ck_assert_ptr_nonnull(strstr(worker, "\nimage = " IMAGES "/$RELEASE-$HOSTARCH.tar.zstd\n"));
    ck_assert(rig_has(&rig, "/etc/systemd/system/autopkgtest-worker-root.d/root.conf"));
    rig_put(&rig, IMAGES "/noble-amd64.tar.zstd", "");
    rig_put(&rig, IMAGES "/jammy-amd64.tar.zstd", "");
    made = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(made, "status-set -- waiting image");
    configure(&rig, "{\"local-workers\": \"amd64: {unshare: 1}\"}");
    gone = calls_of(&rig, HOOK_CONFIG_CHANGED);
    ck_assert(!rig_has(&rig, SCHROOTS));
}

#define PODMAN "podman-noble-amd64"

TEST(podman_has_images_of_its_own_and_they_go_with_the_unit)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *made = NULL, *old = NULL, *removed = NULL, *worker = NULL;
    _cleanup_free_ char *link = str_format("%s" IMAGES "/" PODMAN ".podman", rig.root);

    install_all(&rig);
    configure(&rig, "{\"releases\": \"noble\", \"local-workers\": \"amd64: {podman: 1}\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(first, "systemctl start --no-block -- autopkgtest-worker.target "
                             "autopkgtest-image@" PODMAN ".service");
    rig_assert_called(first, "status-set -- waiting image of noble/amd64 for podman is being made");
    worker = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(
        strstr(worker, "\nimage = " IMAGES "/podman-$RELEASE-$HOSTARCH.podman\n"));
    ck_assert_ptr_nonnull(strstr(worker, "\nargs = --init localhost/autopkgtest-cloud:"
                                         "$RELEASE-$HOSTARCH -- --name $NAME\n"));
    // What the link leads to is gone: somebody removed the image.
    ck_assert_int_eq(symlink("/nowhere/manifest", link), 0);
    rig_put(&rig, IMAGES "/" PODMAN ".failed", "no network\n");
    made = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(made, "status-set -- blocked image of noble/amd64 for podman cannot be made: "
                            "no network; tried again every 5 minutes, or: juju ssh "
                            "autopkgtest-cloud/0 sudo systemctl restart autopkgtest-image@" PODMAN);
    ck_assert_int_eq(unlink(link), 0);
    rig_put(&rig, IMAGES "/" PODMAN ".podman", "");
    old = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(old, "status-set -- maintenance image of noble/amd64 for podman is an old "
                           "one, it cannot be renewed: no network");
    removed = calls_of(&rig, HOOK_REMOVE);
    rig_assert_called(removed, "podman rmi --force localhost/autopkgtest-cloud:noble-amd64");
    ck_assert(!rig_has(&rig, IMAGES));
}

TEST(lxc_has_containers_of_its_own_and_they_go_with_the_unit)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *worker = NULL, *removed = NULL;

    install_all(&rig);
    configure(&rig, "{\"releases\": \"noble\", \"local-workers\": \"amd64: {lxc: 1}\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(first, "status-set -- waiting image of noble/amd64 for lxc is being made");
    worker = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(worker, "\nimage = " IMAGES "/lxc-$RELEASE-$HOSTARCH.lxc\n"));
    ck_assert_ptr_nonnull(
        strstr(worker, "\nargs = --name $NAME autopkgtest-cloud-$RELEASE-$HOSTARCH\n"));
    rig_put(&rig, IMAGES "/lxc-noble-amd64.lxc", "");
    removed = calls_of(&rig, HOOK_REMOVE);
    rig_assert_called(removed, "lxc-destroy --force --name autopkgtest-cloud-noble-amd64");
    rig_assert_not_called(removed, "podman");
}

TEST(qemu_has_disks_that_the_unit_makes)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *made = NULL, *old = NULL, *gone = NULL, *worker = NULL,
                        *failed = str_format("%s" IMAGES "/qemu-noble-amd64.failed", rig.root);

    install_all(&rig);
    configure(&rig, "{\"releases\": \"noble\", \"local-workers\": \"i386: {qemu: 1}\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(first, "systemctl start --no-block -- autopkgtest-worker.target "
                             "autopkgtest-image@qemu-noble-amd64.service");
    rig_assert_called(first, "status-set -- waiting image of noble/amd64 for qemu is being made");
    worker = rig_get(&rig, "/etc/autopkgtest-cloud/worker.conf");
    ck_assert_ptr_nonnull(strstr(worker, "\nimage = " IMAGES "/qemu-$RELEASE-$HOSTARCH.qcow2\n"));
    ck_assert_msg(!strstr(worker, "\nargs ="), "the worker's own depend on the package");
    // What an earlier attempt was killed over is no image.
    rig_put(&rig, IMAGES "/.qemu-noble-amd64.new.qcow2", "half");
    rig_put(&rig, IMAGES "/qemu-noble-amd64.failed", "no network\n");
    gone = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(gone, "status-set -- blocked image of noble/amd64 for qemu cannot be made: "
                            "no network; tried again every 5 minutes, or: juju ssh "
                            "autopkgtest-cloud/0 sudo systemctl restart "
                            "autopkgtest-image@qemu-noble-amd64");
    rig_put(&rig, IMAGES "/qemu-noble-amd64.qcow2", "");
    old = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(old, "status-set -- maintenance image of noble/amd64 for qemu is an old one, "
                           "it cannot be renewed: no network");
    ck_assert_int_eq(unlink(failed), 0);
    made = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(made, "status-set -- maintenance image");
    rig_assert_not_called(made, "systemctl start --no-block -- autopkgtest-image@");
}

TEST(a_disk_that_the_unit_cannot_make_is_asked_for)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *missing = NULL, *there = NULL, *own = NULL;

    install_all(&rig);
    configure(&rig, "{\"releases\": \"noble\", \"local-workers\": \"riscv64: {qemu: 1}\"}");
    missing = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(missing, "status-set -- blocked image of noble/riscv64 for qemu is missing: "
                               "make " IMAGES "/qemu-noble-riscv64.qcow2 on autopkgtest-cloud/0, "
                               "with autopkgtest-build-qemu");
    rig_assert_not_called(missing, "autopkgtest-image@");
    rig_put(&rig, IMAGES "/qemu-noble-riscv64.qcow2", "");
    there = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(there, "status-set -- blocked");
    configure(&rig, "{\"releases\": \"jammy\", \"local-workers\": \"riscv64: {qemu: 1}\", "
                    "\"worker-args\": \"/srv/jammy.img\"}");
    own = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(own, "status-set -- blocked");
}

TEST(schroot_is_told_of_root_file_systems_alone)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *conf = NULL;

    install_all(&rig);
    configure(&rig, "{\"local-workers\": \"amd64: {schroot: 1, podman: 1}\"}");
    first = calls_of(&rig, HOOK_INSTALL);
    conf = rig_get(&rig, SCHROOTS);
    ck_assert_ptr_nonnull(strstr(conf, "\n[jammy-amd64]\n"));
    ck_assert_ptr_null(strstr(conf, "podman"));
}

TEST(workers_with_virtual_machines_may_use_kvm)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *member = NULL, *other = NULL;

    rig_put(&rig, "/etc/group", "ubuntu:x:1001:\n");
    ASSERT_OK(accounts_allow_kvm(rig.root, &err), &err);
    first = rig_calls(&rig);
    rig_assert_called(first, "groupadd --system kvm");
    rig_assert_called(first, "usermod --append --groups kvm autopkgtest");
    rig_put(&rig, "/etc/group", "kvm:x:104:libvirt-qemu,autopkgtest2\n");
    ASSERT_OK(accounts_allow_kvm(rig.root, &err), &err);
    other = rig_calls(&rig);
    rig_assert_not_called(other, "groupadd");
    rig_assert_called(other, "usermod --append --groups kvm autopkgtest");
    rig_put(&rig, "/etc/group", "kvm:x:104:libvirt-qemu,autopkgtest\n");
    ASSERT_OK(accounts_allow_kvm(rig.root, &err), &err);
    member = rig_calls(&rig);
    ck_assert_str_eq(member, "");
}
