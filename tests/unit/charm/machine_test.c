// SPDX-License-Identifier: GPL-3.0-only
// What the charm reads from a machine: accounts, packages, apt's sources, units; and what it calls.
#include "charm/accounts.h"
#include "charm/apt_sources.h"
#include "charm/packages.h"
#include "charm/source.h"
#include "charm/systemd.h"
#include "rig.h"

TEST(accounts_are_made_once)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_free_ char *first = NULL, *second = NULL;
    bool changed;

    rig_put(&rig, "/etc/subuid", "ubuntu:100000:65536\nother:165536:1000\nbroken\n");
    ASSERT_OK(accounts_ensure(rig.root, &changed, &err), &err);
    ck_assert(changed);
    first = rig_calls(&rig);
    rig_assert_called(first, "groupadd --system autopkgtest");
    rig_assert_called(first, "usermod --add-subuids 166536-232071 --add-subgids 166536-232071 "
                             "autopkgtest");
    ASSERT_OK(accounts_ensure(rig.root, &changed, &err), &err);
    ck_assert(!changed);
    second = rig_calls(&rig);
    ck_assert_str_eq(second, "");
}

TEST(a_user_that_cannot_be_made_is_an_error)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();

    rig_fail(&rig, "useradd", "4", "some line\nuseradd: UID 1 is not unique\n");
    ASSERT_FAILS(accounts_ensure(rig.root, NULL, &err), -EIO, &err,
                 "useradd --system: useradd: UID 1 is not unique");
}

TEST(accounts_are_looked_up_in_files)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_free_ char *home = NULL;
    uid_t uid;
    gid_t gid;

    rig_put(&rig, "/etc/passwd",
            "ubuntux:x:1:1::/x:/x\nubuntu:x:1000:1001:U:/home/u:/bin/sh\nbad:x\n");
    rig_put(&rig, "/etc/group", "ubuntu:x:1001:\nbad:x:y:\n");
    ASSERT_OK(account_user(rig.root, "ubuntu", &uid, &home, &err), &err);
    ck_assert_uint_eq(uid, 1000);
    ck_assert_str_eq(home, "/home/u");
    ASSERT_OK(account_group(rig.root, "ubuntu", &gid, &err), &err);
    ck_assert_uint_eq(gid, 1001);
    ASSERT_OK(account_group(rig.root, "root", &gid, &err), &err);
    ck_assert_uint_eq(gid, 0);
    ASSERT_FAILS(account_user(rig.root, "nobody", &uid, NULL, &err), -ENOENT, &err,
                 "there is no user nobody");
    ASSERT_FAILS(account_group(rig.root, "nogroup", &gid, &err), -ENOENT, &err,
                 "there is no group nogroup");
    ck_assert_int_eq(account_user(rig.root, "bad", &uid, NULL, &err), -EINVAL);
    ck_assert_int_eq(account_group(rig.root, "bad", &gid, &err), -EINVAL);
}

TEST(installed_and_provided_packages_are_not_missing)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_strv_ struct strv wanted = STRV_INIT, missing = STRV_INIT;
    _cleanup_free_ char *list = NULL;

    rig_put(&rig, "/var/lib/dpkg/status",
            "Package: git\nStatus: install ok installed\nVersion: 1\n\n"
            "Package: libcurl4t64\nStatus: install ok installed\nProvides: libcurl4 (= 8.5), x\n\n"
            "Package: gone\nStatus: deinstall ok config-files\n\n"
            "Package: libcurl4-doc\nProvides: mylibssl3, libssl3x\nStatus: install ok installed\n");
    ASSERT_OK(strv_split(&wanted, "git libcurl4 gone libssl3 never", " "), &err);
    ASSERT_OK(packages_missing(rig.root, &wanted, &missing, &err), &err);
    list = strv_join(&missing, " ");
    ck_assert_str_eq(list, "gone libssl3 never");
}

TEST(without_a_package_database_everything_is_missing)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_strv_ struct strv wanted = STRV_INIT, missing = STRV_INIT;
    _cleanup_free_ char *stamp = packages_stamp(rig.root);

    ck_assert_str_eq(stamp, "none");
    ASSERT_OK(strv_add(&wanted, "git"), &err);
    ASSERT_OK(packages_missing(rig.root, &wanted, &missing, &err), &err);
    ck_assert_uint_eq(missing.len, 1);
}

TEST(the_list_of_packages_is_that_of_the_system)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_free_ char *debian = str_format("%s/packages.debian-12", rig.charm);
    _cleanup_free_ char *ubuntu = str_format("%s/packages.ubuntu-24.04", rig.charm);
    _cleanup_strv_ struct strv a = STRV_INIT, b = STRV_INIT, none = STRV_INIT;

    ck_assert_int_eq(packages_read_list(rig.root, rig.charm, &none, &err), -ENOENT);
    rig_write(debian, "# libraries\nlibcurl4\n");
    rig_write(ubuntu, "libcurl4t64 # of noble\nzlib1g\n");
    rig_put(&rig, "/etc/os-release", "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\n");
    ASSERT_OK(packages_read_list(rig.root, rig.charm, &a, &err), &err);
    ck_assert_uint_eq(a.len, 2);
    ck_assert_str_eq(a.items[0], "libcurl4t64");
    rig_put(&rig, "/etc/os-release", "ID=debian\nVERSION_ID=13\n");
    ASSERT_OK(packages_read_list(rig.root, rig.charm, &b, &err), &err);
    ck_assert_uint_eq(b.len, 1);
    ck_assert_str_eq(b.items[0], "libcurl4");
}

TEST(installing_refreshes_lists_when_it_fails_without)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_free_ char *calls = NULL;
    const char *install, *update;

    ASSERT_OK(strv_add(&names, "git"), &err);
    rig_script(
        &rig, "apt-get",
        "#!/bin/sh\ncase \"$*\" in *update*) touch $RIG/updated;; *) [ -e $RIG/updated ];; esac\n");
    ASSERT_OK(packages_install(&names, false, &err), &err);
    calls = rig_calls(&rig);
    install = strstr(calls, " install --no-install-recommends git\n");
    update = strstr(calls, " update\n");
    ck_assert(install && update && install < update);
    ck_assert_ptr_nonnull(strstr(update, " install --no-install-recommends git\n"));
}

TEST(what_a_killed_dpkg_left_is_finished_first)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_strv_ struct strv names = STRV_INIT;

    ASSERT_OK(strv_add(&names, "git"), &err);
    rig_script(&rig, "dpkg",
               "#!/bin/sh\n[ \"$*\" = '--force-confdef --force-confold --configure --pending' ] && "
               "touch $RIG/configured\n");
    rig_script(&rig, "apt-get",
               "#!/bin/sh\ncase \"$*\" in *--fix-broken*) [ -e $RIG/configured ] && touch "
               "$RIG/fixed;; *install*) [ -e $RIG/fixed ];; esac\n");
    ASSERT_OK(packages_install(&names, false, &err), &err);
}

TEST(refreshing_alone_installs_nothing)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    const struct strv none = STRV_INIT;
    _cleanup_free_ char *calls = NULL;

    ASSERT_OK(packages_install(&none, true, &err), &err);
    calls = rig_calls(&rig);
    ck_assert_ptr_nonnull(strstr(calls, " update\n"));
    rig_assert_not_called(calls, " install");
}

TEST(one_line_sources_get_their_sources)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(
        apt_sources_from_list("# deb http://c x y\n"
                              "deb  http://a bookworm   main # comment\n"
                              "deb [signed-by=/k arch=amd64] http://b bookworm main contrib\n"
                              "deb http://a bookworm main\n"
                              "deb http://d bookworm main\ndeb-src http://d bookworm main\n"
                              "deb cdrom:[x] bookworm main\ndeb http://e\n",
                              &out),
        0);
    ck_assert_str_eq(buf_str(&out), "deb-src http://a bookworm main\n"
                                    "deb-src [signed-by=/k arch=amd64] http://b bookworm main "
                                    "contrib\n");
}

TEST(deb822_sources_get_their_sources)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(apt_sources_from_deb822("# archive\nTypes: deb\nURIs: http://a\n  http://b\n"
                                             "Suites: noble\nComponents: main\n \n"
                                             "Types: deb deb-src\nURIs: http://c\n\n"
                                             "Types: deb\nEnabled: no\nURIs: http://d\n\n\n"
                                             "types: deb\nURIs: http://e",
                                             &out),
                     0);
    ck_assert_str_eq(buf_str(&out), "Types: deb-src\nURIs: http://a\n  http://b\nSuites: noble\n"
                                    "Components: main\n\nTypes: deb-src\nURIs: http://e\n\n");
}

TEST(all_of_apt_s_files_but_ours_are_read)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_buf_ struct buf list = BUF_INIT(BUF_OWN_MAX), deb822 = BUF_INIT(BUF_OWN_MAX);

    rig_put(&rig, "/etc/apt/sources.list", "deb http://a s m\n");
    rig_put(&rig, "/etc/apt/sources.list.d/b.list", "deb http://b s m\n");
    rig_put(&rig, "/etc/apt/sources.list.d/c.sources", "Types: deb\nURIs: http://c\n");
    rig_put(&rig, "/etc/apt/sources.list.d/d.save", "deb http://d s m\n");
    rig_put(&rig, APT_SOURCES_LIST, "deb-src http://a s m\n");
    ASSERT_OK(apt_sources_make(rig.root, &list, &deb822, &err), &err);
    ck_assert_str_eq(buf_str(&list), "deb-src http://a s m\ndeb-src http://b s m\n");
    ck_assert_str_eq(buf_str(&deb822), "Types: deb-src\nURIs: http://c\n\n");
}

TEST(units_are_found_by_name_whatever_the_order)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_unit_states_ struct unit_states states = {0};

    ASSERT_OK(strv_split(&names, "a.service b.service", " "), &err);
    rig_script(&rig, "systemctl",
               "#!/bin/sh\nprintf 'Id=b.service\\nActiveState=active\\nStatusText=a = b\\n\\n"
               "ActiveState=active\\nId=other\\n'\n");
    ASSERT_OK(systemd_show(rig.root, &names, &states, &err), &err);
    ck_assert_uint_eq(states.len, 2);
    ck_assert_str_eq(unit_states_find(&states, "a.service")->active, "inactive");
    ck_assert_str_eq(unit_states_find(&states, "b.service")->active, "active");
    ck_assert_str_eq(unit_states_find(&states, "b.service")->text, "a = b");
    ck_assert_ptr_null(unit_states_find(&states, "c.service"));
}

TEST(systemctl_is_not_called_for_nothing)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    const struct strv none = STRV_INIT;
    _cleanup_unit_states_ struct unit_states states = {0};
    _cleanup_free_ char *calls = NULL;

    ASSERT_OK(systemd_run("start", false, &none, &err), &err);
    ASSERT_OK(systemd_kill("TERM", &none, &err), &err);
    ASSERT_OK(systemd_show(rig.root, &none, &states, &err), &err);
    calls = rig_calls(&rig);
    ck_assert_str_eq(calls, "");
}

static const char git[] =
    "#!/bin/bash\n"
    "case $1 in\n"
    "clone) dir=${!#}; mkdir -p \"$dir/runner\"; touch \"$dir/runner/autopkgtest\"\n"
    "  chmod +x \"$dir/runner/autopkgtest\";;\n"
    "-C) cat $RIG/commit;;\n"
    "esac\n";

static void set_commit(const struct rig *rig, const char *commit)
{
    _cleanup_free_ char *path = str_format("%s/commit", rig->dir);

    rig_write(path, commit);
}

TEST(a_checkout_is_made_once_and_the_one_before_is_kept)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_state_ struct state state = {0};
    _cleanup_free_ char *a = NULL, *again = NULL, *b = NULL, *c = NULL, *calls = NULL, *more = NULL;

    ASSERT_OK(state_load(rig.root, &state, &err), &err);
    rig_script(&rig, "git", git);
    set_commit(&rig, "aaaa\n");
    ASSERT_OK(source_ensure(rig.root, &state, "https://x/y", "b1", &a, &err), &err);
    ck_assert_str_eq(a, SOURCE_DIR "/aaaa/runner/autopkgtest");
    calls = rig_calls(&rig);
    ck_assert_ptr_nonnull(strstr(calls, "git clone --quiet --branch b1 -- https://x/y "));
    ASSERT_OK(source_ensure(rig.root, &state, "https://x/y", "b1", &again, &err), &err);
    more = rig_calls(&rig);
    ck_assert_str_eq(more, "");
    set_commit(&rig, "bbbb\n");
    ASSERT_OK(source_ensure(rig.root, &state, "https://x/y", NULL, &b, &err), &err);
    ck_assert(rig_has(&rig, SOURCE_DIR "/aaaa") && rig_has(&rig, SOURCE_DIR "/bbbb"));
    set_commit(&rig, "cccc\n");
    ASSERT_OK(source_ensure(rig.root, &state, "https://x/z", NULL, &c, &err), &err);
    ck_assert(!rig_has(&rig, SOURCE_DIR "/aaaa") && rig_has(&rig, SOURCE_DIR "/bbbb"));
    ck_assert_str_eq(c, SOURCE_DIR "/cccc/runner/autopkgtest");
}

TEST(a_checkout_is_updated_when_asked)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_state_ struct state state = {0};
    _cleanup_free_ char *a = NULL, *b = NULL, *same = NULL, *program = NULL;

    ASSERT_OK(state_load(rig.root, &state, &err), &err);
    rig_script(&rig, "git", git);
    set_commit(&rig, "aaaa\n");
    ASSERT_OK(source_ensure(rig.root, &state, "https://x/y", "b1", &a, &err), &err);
    set_commit(&rig, "bbbb\n");
    ASSERT_OK(source_update(rig.root, &state, "https://x/y", "b1", &b, &err), &err);
    ck_assert_str_eq(b, "bbbb");
    ASSERT_OK(source_update(rig.root, &state, "https://x/y", "b1", &same, &err), &err);
    ck_assert_str_eq(same, "bbbb");
    // A test may still run from the one before.
    ck_assert(rig_has(&rig, SOURCE_DIR "/aaaa") && rig_has(&rig, SOURCE_DIR "/bbbb"));
    ASSERT_OK(source_ensure(rig.root, &state, "https://x/y", "b1", &program, &err), &err);
    ck_assert_str_eq(program, SOURCE_DIR "/bbbb/runner/autopkgtest");
}

TEST(a_checkout_that_fails_tells_git_s_reason)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_rig_ struct rig rig = rig_new();
    _cleanup_state_ struct state state = {0};
    _cleanup_free_ char *program = NULL;

    ASSERT_OK(state_load(rig.root, &state, &err), &err);
    rig_fail(&rig, "git", "128", "fatal: repository 'https://x/y' not found\n");
    ASSERT_FAILS(source_ensure(rig.root, &state, "https://x/y", NULL, &program, &err), -EIO, &err,
                 "git clone: fatal: repository 'https://x/y' not found");
    rig_script(&rig, "git", "#!/bin/bash\nmkdir -p \"${!#}\"\n");
    ASSERT_FAILS(source_ensure(rig.root, &state, "https://x/y", NULL, &program, &err), -ENOENT,
                 &err, "https://x/y has no runner/autopkgtest: it is not autopkgtest");
    rig_script(&rig, "git", git);
    set_commit(&rig, "../..");
    ASSERT_FAILS(source_ensure(rig.root, &state, "https://x/y", NULL, &program, &err), -EIO, &err,
                 "git rev-parse answered \"../..\"");
}
