// SPDX-License-Identifier: GPL-3.0-only
// The actions that the unit's command line does, against a recorder in its place: what it is asked,
// and what becomes of its answers.
#include "action_rig.h"

// A command line that notes its standard input too, and answers.
static void note_input(const struct rig *rig, const char *answer)
{
    rig_answer(rig, "autopkgtest-cloud", answer);
    rig_script(rig, "autopkgtest-cloud",
               "#!/bin/sh\n{ echo -n 'input '; cat; echo; } >>\"$RIG/calls\"\n"
               "cat \"$RIG/answer.autopkgtest-cloud\"\n");
}

// ---- request-test

TEST(a_request_goes_by_standard_input)
{
    _cleanup_rig_ struct rig rig = command_rig("");
    _cleanup_free_ char *calls = NULL, *bare = NULL;

    note_input(&rig,
               "[{\"package\": \"gzip\", \"queue\": \"debci-noble-amd64\", \"uuid\": \"u1\"},"
               " {\"package\": \"gzip\", \"queue\": \"debci-noble-i386\", \"uuid\": \"u2\"}]");
    calls = run_action(&rig, &action_request_test,
                       "{\"package\": \"gzip\", \"release\": \"noble\", \"arch\": \"amd64\","
                       " \"triggers\": \"gzip/1.12-1 b/2\", \"env\": \"A=b c; D=e\","
                       " \"ppas\": \"me:token@them/secret\", \"requester\": \"me\","
                       " \"all-proposed\": true, \"bulk\": true}");
    rig_assert_called(calls, "autopkgtest-cloud request --format=json --params=- --release=noble "
                             "--architecture=amd64 --all-proposed --bulk gzip");
    rig_assert_called(calls,
                      "input {\"env\":[\"A=b c\",\"D=e\"],\"ppas\":[\"me:token@them/secret\"],"
                      "\"requester\":\"me\",\"triggers\":[\"gzip/1.12-1\",\"b/2\"]}");
    rig_assert_called(calls, "action-set -- queued=2 queues=debci-noble-amd64 debci-noble-i386 "
                             "uuids=u1 u2");
    bare = run_action(&rig, &action_request_test, "{\"package\": \"gzip\"}");
    rig_assert_called(bare, "autopkgtest-cloud request --format=json --params=- gzip");
    rig_assert_called(bare, "input {}");
}

TEST(bad_requests_reach_nobody)
{
    _cleanup_rig_ struct rig rig = command_rig("[]");

    assert_action_fails(&rig, &action_request_test, "{}", "package: is missing: package=…");
    assert_action_fails(&rig, &action_request_test, "{\"package\": \"--help\"}",
                        "package: expected the name of a source package, got \"--help\"");
    assert_action_fails(&rig, &action_request_test, "{\"package\": \"gzip\", \"release\": \"No\"}",
                        "release: expected the name of a release, got \"No\"");
    rig_fail(&rig, "autopkgtest-cloud", "65",
             "autopkgtest-cloud request: gzip: triggers[0]: expected source/version, got \"a\"\n");
    assert_action_fails(&rig, &action_request_test, "{\"package\": \"gzip\", \"triggers\": \"a\"}",
                        "gzip: triggers[0]: expected source/version, got \"a\"");
}

// ---- list-queue

TEST(queues_are_counted)
{
    _cleanup_rig_ struct rig rig = command_rig(
        "[{\"queue\": \"debci-noble-amd64\", \"waiting\": 3, \"idle-workers\": 2},"
        " {\"queue\": \"debci-ppa-noble-amd64\", \"waiting\": 0, \"idle-workers\": 2}]");
    _cleanup_free_ char *calls = run_action(&rig, &action_list_queue, "{}");

    rig_assert_called(calls, "autopkgtest-cloud queue --format=json");
    rig_assert_called(calls, "action-set -- debci-noble-amd64=3 waiting=3 idle-workers=4");
    assert_action_fails(&rig, &action_list_queue, "{\"package\": \"gzip\"}",
                        "queue: is missing: queue=debci-RELEASE-ARCH; without other parameters "
                        "every queue is counted");
    assert_action_fails(&rig, &action_list_queue, "{\"queue\": \"amq.topic\"}",
                        "queue: expected a queue, such as debci-noble-amd64, got \"amq.topic\"");
}

TEST(the_requests_of_a_queue_are_listed)
{
    _cleanup_rig_ struct rig rig = command_rig("gzip {}\nprivate job\n");
    _cleanup_free_ char *calls =
        run_action(&rig, &action_list_queue,
                   "{\"queue\": \"debci-noble-amd64\", \"pattern\": \"a|b\", \"limit\": 5}");

    rig_assert_called(calls, "autopkgtest-cloud queue list --match=a|b --limit=5 "
                             "debci-noble-amd64");
    ck_assert_ptr_nonnull(strstr(calls, "action-set -- queue=debci-noble-amd64 listed=2 "
                                        "requests=gzip {}\nprivate job\n"));
}

// ---- filter-queue

TEST(removed_requests_are_kept_unless_told_otherwise)
{
    _cleanup_rig_ struct rig rig = command_rig("gzip {}\n");
    _cleanup_free_ char *dir = str_format("%s/var/lib/autopkgtest-cloud/removed", rig.root);
    _cleanup_free_ char *saved_start = str_format("saved=%s/debci-noble-amd64-2", dir);
    _cleanup_free_ char *kept = run_action(
        &rig, &action_filter_queue, "{\"queue\": \"debci-noble-amd64\", \"package\": \"g*\"}");
    _cleanup_free_ char *forgotten =
        run_action(&rig, &action_filter_queue,
                   "{\"queue\": \"debci-noble-amd64\", \"all\": true, \"forget\": true}");
    _cleanup_free_ char *dry =
        run_action(&rig, &action_filter_queue,
                   "{\"queue\": \"debci-noble-amd64\", \"uuid\": \"u\", \"dry-run\": true}");
    struct stat st;

    ck_assert_ptr_nonnull(strstr(kept, "autopkgtest-cloud queue filter --package=g* --save="));
    ck_assert_ptr_nonnull(strstr(kept, saved_start));
    ck_assert_ptr_nonnull(strstr(kept, " removed=1 requests=gzip {}\n"));
    ck_assert_int_eq(stat(dir, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    rig_assert_called(forgotten, "autopkgtest-cloud queue filter --all --forget "
                                 "debci-noble-amd64");
    rig_assert_not_called(forgotten, "saved=");
    rig_assert_called(dry, "autopkgtest-cloud queue filter --uuid=u --dry-run debci-noble-amd64");
    ck_assert_ptr_nonnull(strstr(dry, "would-remove=1"));
    rig_assert_not_called(dry, "saved=");
}

TEST(a_filter_without_a_choice_removes_nothing)
{
    _cleanup_rig_ struct rig rig = command_rig("gzip {}\n");
    _cleanup_free_ char *calls = NULL;

    assert_action_fails(&rig, &action_filter_queue, "{\"queue\": \"debci-noble-amd64\"}",
                        "say which requests: package=, trigger=, ppa=, uuid=, requester=, "
                        "pattern=, or all=true");
    // One that fails half-way tells where those are that it has removed.
    rig_fail(&rig, "autopkgtest-cloud", "75", "autopkgtest-cloud queue: the broker went away\n");
    calls =
        run_action(&rig, &action_filter_queue, "{\"queue\": \"debci-noble-amd64\", \"all\": true}");
    rig_assert_called(calls, "action-fail -- the broker went away; try again later");
    ck_assert_ptr_nonnull(strstr(calls, "action-set -- saved="));
}

// ---- rebuild-index, backup-db, restore-db

TEST(the_database_is_the_command_lines)
{
    _cleanup_rig_ struct rig rig = command_rig(
        "{\"runs\": 3, \"missing\": 2, \"added\": 2, \"incomplete\": 0, \"unreadable\": 0,"
        " \"dry-run\": false}");
    _cleanup_free_ char *rebuild =
        run_action(&rig, &action_rebuild_index,
                   "{\"release\": \"noble\", \"dry-run\": true, \"restart\": true}");
    _cleanup_free_ char *backup = NULL, *restore = NULL, *other = NULL;

    rig_assert_called(rebuild, "autopkgtest-cloud index --rebuild --quiet --format=json "
                               "--release=noble --dry-run --restart");
    rig_assert_called(rebuild, "action-set -- runs=3 missing=2 added=2 incomplete=0 unreadable=0");
    rig_answer(&rig, "autopkgtest-cloud", "{\"object\": \"a-0/results.db.gz\", \"bytes\": 12}");
    backup = run_action(&rig, &action_backup_db, "{}");
    rig_assert_called(backup, "autopkgtest-cloud index --backup --format=json --name=results");
    rig_assert_called(backup, "action-set -- object=a-0/results.db.gz bytes=12");
    restore = run_action(&rig, &action_restore_db, "{\"name\": \"before.2\"}");
    rig_assert_called(restore, "autopkgtest-cloud index --restore --format=json --name=before.2");
    other = run_action(&rig, &action_restore_db, "{\"unit\": \"autopkgtest-web/1\"}");
    rig_assert_called(other, "autopkgtest-cloud index --restore --format=json --name=results "
                             "--unit=autopkgtest-web/1");
}

TEST(releases_begin_and_end_by_the_command_line)
{
    _cleanup_rig_ struct rig rig = command_rig("{\"runs\": 3, \"copied\": 2}");
    _cleanup_free_ char *seed =
        run_action(&rig, &action_seed_new_release, "{\"old\": \"noble\", \"new\": \"resolute\"}");
    _cleanup_free_ char *removal = NULL, *bad = NULL;

    rig_assert_called(seed, "autopkgtest-cloud release seed --quiet --format=json noble resolute");
    rig_assert_called(seed, "action-set -- runs=3 copied=2");
    removal = run_action(&rig, &action_remove_release,
                         "{\"release\": \"jammy\", \"store\": true, \"dry-run\": true}");
    rig_assert_called(
        removal, "autopkgtest-cloud release remove --quiet --format=json --store --dry-run jammy");
    bad = run_action(&rig, &action_remove_release, "{\"release\": \"--store\"}");
    rig_assert_called(bad,
                      "action-fail -- release: expected the name of a release, got \"--store\"");
}

TEST(bad_names_of_backups_reach_nobody)
{
    static const char *const names[] = {"../x", "a/b", ".hidden", "-x", "a b"};
    static const char *const units[] = {"web", "web/", "web/x", "../0", "web/1/2", "/1"};
    _cleanup_rig_ struct rig rig = command_rig("{}");

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *params = str_format("{\"name\": \"%s\"}", names[i]);
        _cleanup_free_ char *text =
            str_format("name: expected letters, digits, '.', '_' and '-', a "
                       "letter or digit first, got \"%s\"",
                       names[i]);

        assert_action_fails(&rig, &action_backup_db, params, text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        _cleanup_free_ char *params = str_format("{\"unit\": \"%s\"}", units[i]);
        _cleanup_free_ char *text =
            str_format("unit: expected a unit, such as autopkgtest-web/0, got \"%s\"", units[i]);

        assert_action_fails(&rig, &action_restore_db, params, text);
    }
}

// ---- cowboys

TEST(cowboys_are_counted_by_kind)
{
    _cleanup_rig_ struct rig rig = command_rig(
        "{\"files\": 9, \"changed\": [\"a\", \"b/c\"], \"modes\": [], \"missing\": [\"d\"],"
        " \"added\": [], \"diff\": \"--- x\"}");
    _cleanup_free_ char *plain = run_action(&rig, &action_cowboys, "{}");
    _cleanup_free_ char *diff = run_action(&rig, &action_cowboys, "{\"diff\": true}");
    _cleanup_free_ char *call =
        str_format("autopkgtest-cloud cowboys --format=json --charm=%s --diff", rig.charm);

    rig_assert_called(plain, "action-set -- changed=a\nb/c missing=d files=9 cowboys=3");
    rig_assert_called(diff, call);
    ck_assert_ptr_nonnull(strstr(diff, "cowboys=3 diff=--- x"));
}
