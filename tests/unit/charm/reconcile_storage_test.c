// SPDX-License-Identifier: GPL-3.0-only
// Storage that comes and goes, against recorders.
#include "charm/reconcile.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/file.h>

#define WORKER_1 "autopkgtest-worker@local-amd64-1.service"
#define WORKER_2 "autopkgtest-worker@local-amd64-2.service"
#define HERE "/var/lib/autopkgtest-cloud"
#define RUN "20260102_030405_r@"
#define OTHER_RUN "20260102_040000_s@"
#define STOP_DATA "systemctl stop -- autopkgtest-web.service autopkgtest-indexer.service"

// Runs the hook of a storage; the caller frees its calls.
static char *storage_hook(const struct rig *rig, enum hook hook, const char *id)
{
    _cleanup_free_ char *location = str_format("/srv/%.*s", (int)strcspn(id, "/"), id);
    char *calls;

    setenv("JUJU_STORAGE_ID", id, 1);
    setenv("JUJU_STORAGE_LOCATION", location, 1);
    calls = calls_of(rig, hook);
    unsetenv("JUJU_STORAGE_ID");
    unsetenv("JUJU_STORAGE_LOCATION");
    return calls;
}

static void assert_text(const struct rig *rig, const char *path, const char *wanted)
{
    _cleanup_free_ char *text = rig_get(rig, path);

    ck_assert_msg(rig_has(rig, path), "%s is not there", path);
    ck_assert_str_eq(text, wanted);
}

static void assert_setting(const struct rig *rig, const char *file, const char *line)
{
    _cleanup_free_ char *path = str_format("/etc/autopkgtest-cloud/%s", file);
    _cleanup_free_ char *conf = rig_get(rig, path);

    ck_assert_msg(strstr(conf, line) != NULL, "no \"%s\" in %s", line, conf);
}

TEST(storage_before_install_is_remembered)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *attached = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0");

    rig_assert_called(attached, "status-set -- maintenance storage attached");
    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/1"));
    free(calls_of(&rig, HOOK_INSTALL));
    assert_setting(&rig, "web.conf", "\ndatabase = /srv/data/results.db\n");
    assert_setting(&rig, "web.conf", "\nstore-dir = /srv/data/store\n");
    assert_setting(&rig, "worker.conf", "\nwork-dir = /srv/tmp/work\n");
    assert_setting(&rig, "worker.conf", "\nspool-dir = /srv/tmp/spool\n");
    ck_assert(rig_has(&rig, "/srv/data/store"));
}

TEST(storage_that_comes_later_takes_the_results_along)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *attached = NULL, *gone = NULL;

    free(calls_of(&rig, HOOK_INSTALL));
    rig_put(&rig, HERE "/results.db", "results");
    rig_put(&rig, "/srv/data/lost+found/x", "");
    attached = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0");
    assert_text(&rig, "/srv/data/results.db", "results");
    rig_assert_called(attached, STOP_DATA);
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "data/0"));
    assert_setting(&rig, "web.conf", "\ndatabase = " HERE "/results.db\n");
    gone = storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/1");
    rig_assert_called(gone, "systemctl stop --no-block -- " WORKER_1 " " WORKER_2);
}

// ---- data

// The state of a unit whose storage is about to come, with results of its own.
static struct rig unit_before_storage(void)
{
    struct rig rig = unit_new();

    free(calls_of(&rig, HOOK_INSTALL));
    rig_put(&rig, HERE "/results.db", "results");
    rig_put(&rig, HERE "/store/c/log", "log");
    return rig;
}

static void assert_moved(const struct rig *rig, const char *results)
{
    free(storage_hook(rig, HOOK_STORAGE_ATTACHED, "data/0"));
    assert_text(rig, "/srv/data/results.db", results);
    assert_text(rig, "/srv/data/store/c/log", "log");
    ck_assert(!rig_has(rig, "/srv/data/.copying") && !rig_has(rig, "/srv/data/.copied"));
    // It is a copy.
    assert_text(rig, HERE "/results.db", "results");
}

TEST(results_that_were_half_copied_are_copied_again)
{
    _cleanup_rig_ struct rig rig = unit_before_storage();

    rig_put(&rig, "/srv/data/.copying/results.db", "resu");
    rig_put(&rig, "/srv/data/.copying/store/junk", "");
    assert_moved(&rig, "results");
    ck_assert(!rig_has(&rig, "/srv/data/store/junk"));
}

TEST(results_that_are_all_copied_are_put_in_place)
{
    _cleanup_rig_ struct rig rig = unit_before_storage();

    rig_put(&rig, "/srv/data/store/c/log", "log");
    rig_put(&rig, "/srv/data/.copied/results.db", "results as copied");
    assert_moved(&rig, "results as copied");
}

TEST(storage_with_results_keeps_them)
{
    _cleanup_rig_ struct rig rig = unit_before_storage();

    rig_put(&rig, "/srv/data/store/c/log", "log");
    rig_put(&rig, "/srv/data/results.db", "its own");
    assert_moved(&rig, "its own");
}

// Storage with results is taken from the unit, which makes more, and comes again.
static struct rig unit_with_results_of_both(void)
{
    struct rig rig = unit_before_storage();

    rig_put(&rig, HERE "/store/.uploads/half", "lo");
    rig_put(&rig, "/srv/data/results.db", "its own");
    rig_put(&rig, "/srv/data/store/c/other", "other");
    rig_put(&rig, "/srv/data/store/d/log", "the storage's");
    rig_put(&rig, HERE "/store/d/log", "the unit's");
    return rig;
}

TEST(results_made_without_the_storage_go_there)
{
    _cleanup_rig_ struct rig rig = unit_with_results_of_both();
    _cleanup_free_ char *attached = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0");

    assert_text(&rig, "/srv/data/store/c/log", "log");
    assert_text(&rig, "/srv/data/store/c/other", "other");
    assert_text(&rig, "/srv/data/store/d/log", "the storage's");
    assert_text(&rig, "/srv/data/results.db", "its own");
    assert_text(&rig, HERE "/store/c/log", "log"); // it is a copy
    ck_assert(!rig_has(&rig, "/srv/data/store/.uploads") && !rig_has(&rig, "/srv/data/.merging") &&
              !rig_has(&rig, "/srv/data/.merged"));
    ck_assert(strstr(attached, "juju-log -l INFO -- 1 files of results made without the storage") !=
              NULL);
}

TEST(results_that_were_removed_from_the_storage_do_not_come_back)
{
    _cleanup_rig_ struct rig rig = unit_with_results_of_both();
    _cleanup_free_ char *mark = str_format("%s/srv/data/.results-of-autopkgtest-cloud-0", rig.root);
    _cleanup_free_ char *log = str_format("%s/srv/data/store/c/log", rig.root);
    const struct timespec soon[] = {{.tv_sec = time(NULL) + 3600}, {.tv_sec = time(NULL) + 3600}};

    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0"));
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "data/0"));
    ck_assert_int_eq(unlink(log), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, mark, soon, 0), 0); // as if all were older
    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0"));
    ck_assert(!rig_has(&rig, "/srv/data/store/c/log"));
}

TEST(storage_is_asked_for_when_memory_is_lost)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    rig_put(&rig, HERE "/charm/state.json", "{broken");
    rig_answer(&rig, "storage-list.data", "[\"data/3\"]");
    rig_answer(&rig, "storage-get", "\"/srv/here\"");
    calls = calls_of(&rig, HOOK_START);
    rig_assert_called(calls, "storage-get --format=json -s data/3 location");
    assert_setting(&rig, "web.conf", "\nstore-dir = /srv/here/store\n");
}

// ---- the mark of the results

#define MARK "/.autopkgtest-cloud-results"
#define LOST "the results in /srv/data are gone: mount its disk"
#define STORE_LOST "the results in /srv/data/store are gone: mount its disk"

static struct rig unit_with_storage(void)
{
    struct rig rig = unit_new();

    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0"));
    free(calls_of(&rig, HOOK_INSTALL));
    rig_put(&rig, "/srv/data/results.db", "results");
    return rig;
}

// What is mounted at a folder, and what is not.
static void set_mounted_at(const struct rig *rig, const char *folder, bool mounted)
{
    _cleanup_free_ char *place = str_format("%s%s", rig->root, folder);
    _cleanup_free_ char *away = str_format("%s/srv/away", rig->root);

    if (mounted) {
        ck_assert_int_eq(rmdir(place), 0); // nothing was made in it
        ck_assert_int_eq(rename(away, place), 0);
    } else {
        ck_assert_int_eq(rename(place, away), 0);
        ck_assert_int_eq(mkdir(place, 0755), 0);
    }
}

static void set_mounted(const struct rig *rig, bool mounted)
{
    set_mounted_at(rig, "/srv/data", mounted);
}

static void assert_told(const struct rig *rig, enum hook hook, const char *status)
{
    _cleanup_free_ char *told = str_format("status-set -- blocked %s", status);
    _cleanup_free_ char *calls = calls_of(rig, hook);

    ck_assert_msg(strstr(calls, told) != NULL, "%s", calls);
    rig_assert_not_called(calls, "systemctl");
}

static void assert_lost(const struct rig *rig, enum hook hook)
{
    assert_told(rig, hook, LOST);
}

TEST(the_folder_of_the_results_is_marked_once)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();

    ck_assert(rig_has(&rig, "/srv/data" MARK));
    ck_assert(rig_has(&rig, "/srv/data/store" MARK));
    ck_assert(!rig_has(&rig, HERE MARK));
    assert_setting(&rig, "web.conf", "\nresults-mark = /srv/data" MARK "\n");
    assert_setting(&rig, "web.conf", "\nstore-mark = /srv/data/store" MARK "\n");
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "data/0"));
    ck_assert(rig_has(&rig, HERE MARK));
    ck_assert(rig_has(&rig, "/srv/data" MARK));
    ck_assert(rig_has(&rig, HERE "/store" MARK));
    assert_setting(&rig, "web.conf", "\nresults-mark = " HERE MARK "\n");
    assert_setting(&rig, "web.conf", "\nstore-mark = " HERE "/store" MARK "\n");
}

TEST(a_folder_that_is_no_webs_is_not_marked)
{
    _cleanup_rig_ struct rig rig = unit_new();

    configure(&rig, "{\"roles\": \"worker\"}");
    free(calls_of(&rig, HOOK_INSTALL));
    ck_assert(!rig_has(&rig, HERE MARK));
}

TEST(a_disk_that_is_not_mounted_is_told_and_nothing_begins_in_its_place)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();
    _cleanup_free_ char *back = NULL;

    set_mounted(&rig, false);
    assert_lost(&rig, HOOK_START);
    configure(&rig, "{\"releases\": \"jammy\"}");
    assert_lost(&rig, HOOK_CONFIG_CHANGED);
    rig_put(&rig, HERE "/charm/state.json", "{broken");
    rig_answer(&rig, "storage-list.data", "[\"data/0\"]");
    rig_answer(&rig, "storage-get", "\"/srv/data\"");
    assert_lost(&rig, HOOK_UPDATE_STATUS);
    set_mounted(&rig, true);
    back = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(back, LOST);
    assert_setting(&rig, "web.conf", "\nreleases = jammy\n");
}

TEST(a_disk_for_the_store_alone_that_is_not_mounted_is_told)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();
    _cleanup_free_ char *back = NULL;

    set_mounted_at(&rig, "/srv/data/store", false);
    assert_told(&rig, HOOK_START, STORE_LOST);
    assert_told(&rig, HOOK_UPGRADE_CHARM, STORE_LOST);
    set_mounted_at(&rig, "/srv/data/store", true);
    back = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(back, "are gone");
}

TEST(without_the_built_in_store_its_folder_is_not_looked_for)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();
    _cleanup_free_ char *without = NULL, *again = NULL;

    configure(&rig, "{\"swift-auth-url\": \"https://keystone.example/v3\","
                    " \"swift-username\": \"u\", \"swift-password\": \"p\","
                    " \"swift-project-name\": \"p\", \"swift-region\": \"one\","
                    " \"storage-url-internal\": \"https://s.example/v1/A\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    set_mounted_at(&rig, "/srv/data/store", false);
    without = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(without, "are gone");
    configure(&rig, "{}");
    again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(again, "are gone");
    ck_assert(rig_has(&rig, "/srv/data/store" MARK));
}

// As a charm that knew nothing of this mark has left the unit.
static void forget(const struct rig *rig, const char *setting, const char *folder)
{
    _cleanup_free_ char *conf = rig_get(rig, "/etc/autopkgtest-cloud/web.conf");
    _cleanup_free_ char *mark = str_format("%s%s" MARK, rig->root, folder);
    char *line = strstr(conf, setting);

    ck_assert_ptr_nonnull(line);
    line[0] = '#';
    rig_put(rig, "/etc/autopkgtest-cloud/web.conf", conf);
    ck_assert_int_eq(unlink(mark), 0);
}

static void forget_mark(const struct rig *rig)
{
    forget(rig, "store-mark", "/srv/data/store");
    forget(rig, "results-mark", "/srv/data");
}

TEST(an_upgrade_marks_the_store_with_results_and_without)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();

    for (int n = 0; n < 2; n++) {
        _cleanup_free_ char *upgraded = NULL;

        forget(&rig, "store-mark", "/srv/data/store");
        upgraded = calls_of(&rig, HOOK_UPGRADE_CHARM);
        rig_assert_not_called(upgraded, "are gone");
        ck_assert(rig_has(&rig, "/srv/data/store" MARK));
        assert_setting(&rig, "web.conf", "\nstore-mark = /srv/data/store" MARK "\n");
        rig_put(&rig, "/srv/data/store/autopkgtest-noble/x", "a result");
    }
}

TEST(an_upgrade_marks_the_results_that_it_finds)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();
    _cleanup_free_ char *upgraded = NULL;

    forget_mark(&rig);
    upgraded = calls_of(&rig, HOOK_UPGRADE_CHARM);
    rig_assert_not_called(upgraded, LOST);
    ck_assert(rig_has(&rig, "/srv/data" MARK));
    assert_setting(&rig, "web.conf", "\nresults-mark = /srv/data" MARK "\n");
}

TEST(an_upgrade_that_finds_no_results_where_they_were_tells_that)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();

    forget_mark(&rig);
    set_mounted(&rig, false);
    assert_lost(&rig, HOOK_UPGRADE_CHARM);
    set_mounted(&rig, true);
    free(calls_of(&rig, HOOK_UPGRADE_CHARM));
    ck_assert(rig_has(&rig, "/srv/data" MARK));
}

TEST(results_that_were_restored_without_the_mark_wait_for_somebody_who_looks)
{
    _cleanup_rig_ struct rig rig = unit_with_storage();
    _cleanup_free_ char *mark = str_format("%s/srv/data" MARK, rig.root);
    _cleanup_free_ char *calls = NULL;

    ck_assert_int_eq(unlink(mark), 0);
    assert_lost(&rig, HOOK_UPDATE_STATUS);
    rig_put(&rig, "/srv/data" MARK, "");
    calls = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(calls, LOST);
}

// ---- tmp: results that wait for their upload

// A result in a spool, with the time it came there.
static void put_run(const struct rig *rig, const char *spool, const char *run, time_t since)
{
    const struct timespec times[] = {{.tv_sec = since}, {.tv_sec = since}};
    _cleanup_free_ char *dir = str_format("%s/%s", spool, run);
    _cleanup_free_ char *file = str_format("%s/run.json", dir);
    _cleanup_free_ char *full = str_format("%s%s", rig->root, dir);

    rig_put(rig, file, run);
    ck_assert_int_eq(utimensat(AT_FDCWD, full, times, 0), 0);
}

static struct rig unit_with_waiting_result(const char *storage)
{
    struct rig rig = unit_new();

    if (storage)
        free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, storage));
    free(calls_of(&rig, HOOK_INSTALL));
    put_run(&rig, storage ? "/srv/tmp/spool" : HERE "/spool", RUN, 1);
    return rig;
}

// All of the result is in one place and nothing in the other.
static void assert_run_moved(const struct rig *rig, const char *run, const char *from,
                             const char *to)
{
    _cleanup_free_ char *old = str_format("%s/spool/%s", from, run);
    _cleanup_free_ char *file = str_format("%s/spool/%s/run.json", to, run);
    _cleanup_free_ char *copying = str_format("%s/.copying", to);
    _cleanup_free_ char *copied = str_format("%s/.copied", to);

    ck_assert_msg(!rig_has(rig, old), "%s is still there", old);
    assert_text(rig, file, run);
    ck_assert(!rig_has(rig, copying) && !rig_has(rig, copied));
}

TEST(results_that_wait_go_to_storage_that_comes)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result(NULL);
    _cleanup_free_ char *calls = NULL, *later = NULL;

    rig_put(&rig, HERE "/spool/.broken-x/run.json", "unreadable");
    rig_put(&rig, HERE "/spool/.gone-y/run.json", "announced");
    calls = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/0");
    // Before anybody looks at the new place; and after the workers have ended.
    assert_run_moved(&rig, RUN, HERE, "/srv/tmp");
    assert_text(&rig, "/srv/tmp/spool/.broken-x/run.json", "unreadable");
    ck_assert(!rig_has(&rig, "/srv/tmp/spool/.gone-y"));
    rig_assert_called(calls, "systemctl stop --no-block -- " WORKER_1 " " WORKER_2);
    ck_assert_ptr_nonnull(strstr(calls, "juju-log -l INFO -- 2 results that wait"));
    assert_setting(&rig, "worker.conf", "\nspool-dir = /srv/tmp/spool\n");
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(later, "juju-log");
}

TEST(results_that_wait_do_not_go_away_with_storage)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");
    _cleanup_free_ char *calls = storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/0");

    assert_run_moved(&rig, RUN, "/srv/tmp", HERE);
    rig_assert_called(calls, "systemctl stop --no-block -- " WORKER_1 " " WORKER_2);
    assert_setting(&rig, "worker.conf", "\nspool-dir = " HERE "/spool\n");
}

TEST(results_are_kept_when_the_options_cannot_be_used)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");

    configure(&rig, "{\"external-web-requests-api-keys\": \"secret:gone\"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED)); // the last good ones from now on
    rig_fail(&rig, "secret-get", "1", "ERROR secret \"gone\" not found\n");
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/0"));
    assert_run_moved(&rig, RUN, "/srv/tmp", HERE);
}

// A result that is being uploaded is no reason to end tests: its worker will be done with it.
TEST(running_tests_go_on_when_storage_comes)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL;

    free(calls_of(&rig, HOOK_INSTALL));
    put_run(&rig, HERE "/spool", RUN, time(NULL));
    calls = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/0");
    rig_assert_not_called(calls, "systemctl stop");
    rig_assert_called(calls, "systemctl restart --no-block -- " WORKER_1 " " WORKER_2);
}

// Holds a worker's folder as a running worker does.
static int hold(const struct rig *rig, const char *work, const char *worker)
{
    _cleanup_free_ char *path = str_format("%s%s/%s", rig->root, work, worker);
    _cleanup_error_ struct error err = ERROR_INIT;
    int fd;

    ASSERT_OK(dir_make(path, 0755, &err), &err);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

TEST(what_a_worker_leaves_after_its_last_test_is_moved_by_a_later_hook)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *soon = NULL, *later = NULL;
    int fd;

    free(calls_of(&rig, HOOK_INSTALL));
    fd = hold(&rig, HERE "/work", "local-amd64-1");
    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/0"));
    put_run(&rig, HERE "/spool", RUN, 1);
    soon = calls_of(&rig, HOOK_UPDATE_STATUS);
    ck_assert(rig_has(&rig, HERE "/spool/" RUN));
    rig_assert_not_called(soon, "systemctl stop");
    ck_assert_int_eq(close(fd), 0);
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    assert_run_moved(&rig, RUN, HERE, "/srv/tmp");
    rig_assert_called(later, "systemctl reload --no-block -- " WORKER_1 " " WORKER_2);
}

TEST(what_waits_is_not_taken_from_a_worker_that_does_not_end)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");
    int fd = hold(&rig, "/srv/tmp/work", "lcy02-amd64-9");

    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/0"));
    ck_assert(rig_has(&rig, "/srv/tmp/spool/" RUN));
    ck_assert_int_eq(close(fd), 0);
    free(calls_of(&rig, HOOK_UPDATE_STATUS));
    assert_run_moved(&rig, RUN, "/srv/tmp", HERE);
}

TEST(storage_in_place_of_other_storage_gets_what_waits)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");

    put_run(&rig, HERE "/spool", OTHER_RUN, 1); // left there by an earlier version of the charm
    setenv("JUJU_STORAGE_ID", "tmp/1", 1);
    setenv("JUJU_STORAGE_LOCATION", "/srv/second", 1);
    free(calls_of(&rig, HOOK_STORAGE_ATTACHED));
    assert_run_moved(&rig, RUN, "/srv/tmp", "/srv/second");
    assert_run_moved(&rig, OTHER_RUN, HERE, "/srv/second");
}

TEST(a_link_in_place_of_the_spool_is_left_alone)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *spool = str_format("%s" HERE "/spool", rig.root);
    _cleanup_free_ char *elsewhere = str_format("%s/elsewhere", rig.root);

    free(calls_of(&rig, HOOK_INSTALL));
    put_run(&rig, "/elsewhere", RUN, 1);
    ck_assert_int_eq(rmdir(spool), 0);
    ck_assert_int_eq(symlink(elsewhere, spool), 0);
    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/0"));
    ck_assert(rig_has(&rig, "/elsewhere/" RUN));
    ck_assert(!rig_has(&rig, "/srv/tmp/spool/" RUN));
}

// ---- a hook that was killed while it moved them

TEST(waiting_results_that_were_half_copied_are_copied_again)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");

    rig_put(&rig, HERE "/.copying/" RUN "/run.json", "half");
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/0"));
    assert_run_moved(&rig, RUN, "/srv/tmp", HERE);
}

TEST(waiting_results_that_are_all_copied_leave_the_old_place)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");

    // One was not removed from there yet, another was.
    rig_put(&rig, HERE "/.copied/" RUN "/run.json", RUN);
    rig_put(&rig, HERE "/.copied/" OTHER_RUN "/run.json", OTHER_RUN);
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/0"));
    assert_run_moved(&rig, RUN, "/srv/tmp", HERE);
    assert_run_moved(&rig, OTHER_RUN, "/srv/tmp", HERE);
}

TEST(waiting_results_that_are_partly_in_place_follow)
{
    _cleanup_rig_ struct rig rig = unit_with_waiting_result("tmp/0");

    // All had left the old place; this one came there after the machine had crashed.
    rig_put(&rig, HERE "/spool/" OTHER_RUN "/run.json", OTHER_RUN);
    rig_put(&rig, HERE "/.copied/third/run.json", "third");
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/0"));
    assert_run_moved(&rig, RUN, "/srv/tmp", HERE);
    assert_run_moved(&rig, OTHER_RUN, "/srv/tmp", HERE);
    assert_run_moved(&rig, "third", "/srv/tmp", HERE);
}

// ---- what the operator is told

#define DATA_GONE                                                                                  \
    "status-set -- maintenance storage data/0 is detached, with the results it keeps: juju "       \
    "attach-storage autopkgtest-cloud/0 data/0, or juju remove-storage data/0"
#define TMP_GONE                                                                                   \
    "status-set -- maintenance storage tmp/1 is detached, tests use the machine's disk: juju "     \
    "attach-storage autopkgtest-cloud/0 tmp/1, or juju remove-storage tmp/1"

TEST(the_status_tells_of_detached_storage)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *data = NULL, *both = NULL, *tmp = NULL, *later = NULL, *none = NULL;

    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0"));
    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/1"));
    free(calls_of(&rig, HOOK_INSTALL));
    data = storage_hook(&rig, HOOK_STORAGE_DETACHING, "data/0");
    rig_assert_called(data, DATA_GONE);
    both = storage_hook(&rig, HOOK_STORAGE_DETACHING, "tmp/1");
    rig_assert_called(both, DATA_GONE);
    tmp = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/2");
    rig_assert_called(tmp, TMP_GONE);
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(later, TMP_GONE);
    none = storage_hook(&rig, HOOK_STORAGE_ATTACHED, "tmp/1");
    ck_assert_ptr_nonnull(strstr(none, "status-set -- active "));
}

TEST(who_changes_options_has_read_of_detached_storage)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *same = NULL, *changed = NULL;

    free(storage_hook(&rig, HOOK_STORAGE_ATTACHED, "data/0"));
    free(calls_of(&rig, HOOK_INSTALL));
    free(storage_hook(&rig, HOOK_STORAGE_DETACHING, "data/0"));
    same = calls_of(&rig, HOOK_CONFIG_CHANGED); // after a reboot
    rig_assert_called(same, DATA_GONE);
    configure(&rig, "{\"drain-timeout\": 1}");
    changed = calls_of(&rig, HOOK_CONFIG_CHANGED);
    ck_assert_ptr_nonnull(strstr(changed, "status-set -- active "));
}
