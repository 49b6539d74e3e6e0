// SPDX-License-Identifier: GPL-3.0-only
// The key that the units of an application share.
#include "action_rig.h"
#include "charm/reconcile.h"

#define FILE "/etc/autopkgtest-cloud/session-key.json"
#define ADD "secret-add --label session-key --file "
#define SET "relation-set -r cluster:0 --app --file -"
// So that there is no store of our own to share.
#define SWIFT                                                                                      \
    "\"swift-auth-url\": \"https://k.example/v3\", \"swift-username\": \"u\", "                    \
    "\"swift-project-name\": \"p\", \"swift-password\": \"p\", "                                   \
    "\"storage-url-internal\": \"https://s.example/v1/A\""
#define GET "secret-get --format=json --refresh secret:abc"

static struct rig peer_new(bool leader)
{
    struct rig rig = unit_new();

    configure(&rig, "{" SWIFT "}");
    rig_answer(&rig, "relation-ids.cluster", "[\"cluster:0\"]");
    rig_answer(&rig, "relation-get.autopkgtest-cloud", "{}");
    rig_answer(&rig, "is-leader", leader ? "true\n" : "false\n");
    rig_answer(&rig, "secret-add", "secret:abc\n");
    rig_fail(&rig, "secret-info-get", "1", "ERROR secret \"session-key\" not found\n");
    return rig;
}

// As Juju has it once the leader's hook has succeeded.
static void shared(const struct rig *rig, const char *key)
{
    _cleanup_free_ char *text = str_format("{\"key\": \"%s\"}", key);

    rig_answer(rig, "relation-get.autopkgtest-cloud", "{\"session-secret\": \"secret:abc\"}");
    rig_answer(rig, "secret-get", text);
}

static bool names_key(const struct rig *rig)
{
    _cleanup_free_ char *settings = rig_get(rig, "/etc/autopkgtest-cloud/web.conf");

    return strstr(settings, "\nsession-key-file = " FILE "\n") != NULL;
}

TEST(the_leader_makes_the_key_and_shares_it)
{
    _cleanup_rig_ struct rig rig = peer_new(false);
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *elected = NULL, *key = NULL;
    bool early = names_key(&rig);
    _cleanup_free_ char *add = str_format(ADD "%s" FILE, rig.root);
    _cleanup_free_ char *hex = NULL;

    rig_assert_not_called(first, "secret-add");
    ck_assert(!early);
    elected = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_called(elected, add);
    rig_assert_called(elected, SET);
    rig_assert_called(elected, "{\"session-secret\":\"secret:abc\"}");
    rig_assert_called(elected, "systemctl restart -- autopkgtest-web.service "
                               "autopkgtest-indexer.service");
    key = rig_get(&rig, FILE);
    ck_assert_uint_eq(strlen(key), strlen("{\"key\":\"\"}\n") + 64);
    ck_assert(names_key(&rig));
    hex = strndup(key + strlen("{\"key\":\""), 64);
    rig_assert_not_called(elected, hex);
}

TEST(what_is_shared_is_read_once_and_kept)
{
    _cleanup_rig_ struct rig rig = peer_new(true);
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *seen = NULL, *later = NULL;
    _cleanup_free_ char *key = rig_get(&rig, FILE), *again = NULL, *same = NULL;
    _cleanup_free_ char *hex = strndup(key + strlen("{\"key\":\""), 64);

    ck_assert_ptr_nonnull(strstr(first, "secret-add"));
    shared(&rig, hex);
    seen = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(seen, GET);
    rig_assert_not_called(seen, "secret-add");
    rig_assert_not_called(seen, "is-leader");
    rig_assert_not_called(seen, "restart");
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(later, "secret-");
    rig_assert_not_called(later, "cluster");
    same = rig_get(&rig, FILE);
    ck_assert_str_eq(same, key);
    // Nor does another leader make another one.
    again = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_not_called(again, "secret-add");
    rig_assert_not_called(again, "secret-get");
}

TEST(other_units_wait_for_the_leader)
{
    _cleanup_rig_ struct rig rig = peer_new(false);
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *changed = NULL, *key = NULL;

    rig_assert_called(first, "is-leader --format=json");
    rig_assert_called(first, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
    shared(&rig, "0123");
    setenv("JUJU_RELATION_ID", "cluster:0", 1);
    changed = calls_of(&rig, HOOK_RELATION_CHANGED);
    unsetenv("JUJU_RELATION_ID");
    rig_assert_called(changed, GET);
    rig_assert_not_called(changed, "relation-set");
    rig_assert_called(changed, "systemctl restart -- autopkgtest-web.service "
                               "autopkgtest-indexer.service");
    key = rig_get(&rig, FILE);
    ck_assert_str_eq(key, "{\"key\":\"0123\"}\n");
}

TEST(a_leader_whose_hook_failed_shares_the_same_key)
{
    _cleanup_rig_ struct rig rig = peer_new(true);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *key = NULL, *calls = NULL, *after = NULL;

    rig_fail(&rig, "secret-add", "1", "ERROR no\n");
    ck_assert_int_eq(charm_reconcile(rig.root, HOOK_LEADER_ELECTED, &err), -EIO);
    key = rig_get(&rig, FILE);
    rig_mend(&rig, "secret-add");
    calls = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_called(calls, SET);
    after = rig_get(&rig, FILE);
    ck_assert_str_eq(key, after);
}

TEST(a_secret_that_cannot_be_read_yet_is_asked_for_again)
{
    _cleanup_rig_ struct rig rig = peer_new(false);
    _cleanup_free_ char *first = NULL, *later = NULL;

    shared(&rig, "0123");
    rig_fail(&rig, "secret-get", "1", "ERROR secret \"abc\" not found\n");
    first = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(first, GET);
    ck_assert(!names_key(&rig));
    rig_mend(&rig, "secret-get");
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(later, GET);
    ck_assert(names_key(&rig));
}

// A unit that knows the shared key "0123".
static struct rig sharing_new(bool leader)
{
    struct rig rig = peer_new(leader);

    shared(&rig, "0123");
    free(calls_of(&rig, HOOK_INSTALL));
    return rig;
}

TEST(the_leader_changes_the_key_by_an_action)
{
    _cleanup_rig_ struct rig rig = sharing_new(true);
    _cleanup_free_ char *set = str_format("secret-set secret:abc --file "
                                          "%s/var/lib/autopkgtest-cloud/charm/session-key.new",
                                          rig.root);
    _cleanup_free_ char *calls = NULL, *again = NULL, *key = NULL, *next = NULL, *quiet = NULL;
    _cleanup_free_ char *old = NULL, *script = NULL;

    rig_script(&rig, "secret-set", "#!/bin/sh\ncp \"$3\" \"$RIG/answer.secret-get\"\n");
    calls = run_action(&rig, &action_rotate_login_key, "{}");
    rig_assert_called(calls, SET);
    rig_assert_called(calls, "{\"session-key-turn\":\"1\"}");
    rig_assert_called(calls, "action-set -- rotated=1");
    rig_assert_called(calls, "systemctl restart -- autopkgtest-web.service");
    key = rig_get(&rig, FILE);
    ck_assert_uint_eq(strlen(key), strlen("{\"key\":\"\"}\n") + 64);
    ck_assert(!rig_has(&rig, "/var/lib/autopkgtest-cloud/charm/session-key.new"));
    // Whether Juju has taken it the next hook sees, and no other one.
    next = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(next, GET);
    rig_assert_not_called(next, "restart");
    quiet = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(quiet, "secret-get");
    rig_answer(&rig, "relation-get.autopkgtest-cloud",
               "{\"session-secret\": \"secret:abc\", \"session-key-turn\": \"1\"}");
    again = run_action(&rig, &action_rotate_login_key, "{}");
    rig_assert_called(again, "action-set -- rotated=2");
    old = rig_get(&rig, FILE);
    ck_assert_str_ne(old, key);
    // A recorder in the place of the script notes the call, which has no key in it.
    script = str_format("%s/do.secret-set", rig.dir);
    ck_assert_int_eq(unlink(script), 0);
    free(TAKE_PTR(calls));
    calls = run_action(&rig, &action_rotate_login_key, "{}");
    rig_assert_called(calls, set);
}

TEST(what_juju_did_not_take_is_undone_by_the_next_hook)
{
    _cleanup_rig_ struct rig rig = sharing_new(true);
    _cleanup_free_ char *key = NULL, *next = NULL;

    rig_script(&rig, "secret-set", "#!/bin/sh\ncp \"$3\" \"$RIG/answer.secret-get\"\n");
    free(run_action(&rig, &action_rotate_login_key, "{}"));
    shared(&rig, "0123"); // as before
    next = calls_of(&rig, HOOK_UPDATE_STATUS);
    key = rig_get(&rig, FILE);
    ck_assert_str_eq(key, "{\"key\":\"0123\"}\n");
}

TEST(a_key_that_was_changed_is_taken_up)
{
    static const struct {
        const char *variable, *value;
        enum hook hook;
        const char *data;
    } hooks[] = {{"JUJU_RELATION_ID", "cluster:0", HOOK_RELATION_CHANGED,
                  "{\"session-secret\": \"secret:abc\", \"session-key-turn\": \"7\"}"},
                 {"JUJU_SECRET_ID", "secret:abc", HOOK_SECRET_CHANGED,
                  "{\"session-secret\": \"secret:abc\"}"}};

    for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
        _cleanup_rig_ struct rig rig = sharing_new(false);
        _cleanup_free_ char *other = NULL, *calls = NULL, *key = NULL, *quiet = NULL;

        rig_answer(&rig, "secret-get", "{\"key\": \"4567\"}");
        setenv("JUJU_SECRET_ID", "secret:other", 1);
        other = calls_of(&rig, HOOK_SECRET_CHANGED);
        rig_assert_not_called(other, GET);
        unsetenv("JUJU_SECRET_ID");
        rig_answer(&rig, "relation-get.autopkgtest-cloud", hooks[i].data);
        setenv(hooks[i].variable, hooks[i].value, 1);
        calls = calls_of(&rig, hooks[i].hook);
        unsetenv(hooks[i].variable);
        rig_assert_called(calls, GET);
        rig_assert_called(calls, "systemctl restart -- autopkgtest-web.service");
        key = rig_get(&rig, FILE);
        ck_assert_str_eq(key, "{\"key\":\"4567\"}\n");
        quiet = calls_of(&rig, HOOK_UPDATE_STATUS);
        rig_assert_not_called(quiet, GET);
    }
}

#define REMOVE "secret-remove secret:abc --revision 1"

static char *told_of_old_revision(const struct rig *rig)
{
    char *calls;

    setenv("JUJU_SECRET_ID", "secret:abc", 1);
    setenv("JUJU_SECRET_REVISION", "1", 1);
    calls = calls_of(rig, HOOK_SECRET_REMOVE);
    unsetenv("JUJU_SECRET_ID");
    unsetenv("JUJU_SECRET_REVISION");
    return calls;
}

TEST(a_key_that_nobody_reads_any_more_is_taken_away)
{
    _cleanup_rig_ struct rig rig = sharing_new(true);
    _cleanup_free_ char *calls = told_of_old_revision(&rig), *other = NULL;

    rig_assert_called(calls, REMOVE);
    other = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_not_called(other, "secret-remove");
}

TEST(a_key_that_is_gone_or_another_leader_s_is_no_failure)
{
    static const char *const answers[] = {"ERROR secret \"secret:abc\" not found\n",
                                          "ERROR permission denied\n"};

    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        _cleanup_rig_ struct rig rig = sharing_new(true);

        rig_fail(&rig, "secret-remove", "1", answers[i]);
        free(told_of_old_revision(&rig));
    }
}

TEST(a_key_that_juju_cannot_take_away_now_is_tried_again)
{
    _cleanup_rig_ struct rig rig = sharing_new(true);
    _cleanup_error_ struct error err = ERROR_INIT;

    rig_fail(&rig, "secret-remove", "1", "ERROR connection is shut down\n");
    setenv("JUJU_SECRET_ID", "secret:abc", 1);
    setenv("JUJU_SECRET_REVISION", "1", 1);
    ck_assert_int_eq(charm_reconcile(rig.root, HOOK_SECRET_REMOVE, &err), -EIO);
    unsetenv("JUJU_SECRET_ID");
    unsetenv("JUJU_SECRET_REVISION");
    ck_assert_str_eq(error_message(&err), "secret-remove: ERROR connection is shut down");
}

TEST(only_the_leader_changes_the_key_and_only_where_there_is_one)
{
    _cleanup_rig_ struct rig rig = sharing_new(false);

    assert_action_fails(&rig, &action_rotate_login_key, "{}",
                        "autopkgtest-cloud/0 is not the leader, who alone may change the key: juju "
                        "run autopkgtest-cloud/leader rotate-login-key");
    rig_put(&rig, "/var/lib/autopkgtest-cloud/charm/state.json", "{}");
    rig_answer(&rig, "is-leader", "true\n");
    assert_action_fails(&rig, &action_rotate_login_key, "{}",
                        "there is no login key: units whose option roles has `web` have one");
}

TEST(workers_need_no_key)
{
    _cleanup_rig_ struct rig rig = peer_new(true);
    _cleanup_free_ char *calls = NULL;

    configure(&rig, "{" SWIFT ", \"roles\": \"worker\"}");
    calls = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_not_called(calls, "secret-");
    ck_assert(!rig_has(&rig, FILE));
}
