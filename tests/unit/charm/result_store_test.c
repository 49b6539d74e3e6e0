// SPDX-License-Identifier: GPL-3.0-only
// Where results are kept: the leader's decision, what the other units make of it, and the workers
// of another application.
#include "charm/reconcile.h"
#include "unit.h"

#define ETC "/etc/autopkgtest-cloud"
#define PUBLISHED                                                                                  \
    "{\"auth-url\":\"http://10.0.0.9:80/auth/v1.0\",\"secret\":\"secret:abc\","                    \
    "\"url\":\"http://10.0.0.9:80/swift/v1\",\"username\":\"autopkgtest\"}"
#define SESSION "\"session-secret\": \"secret:key\"" // which units share anyway
#define AT_UNIT_1                                                                                  \
    "{" SESSION                                                                                    \
    ", \"store-unit\": \"autopkgtest-cloud/1\", \"store-url\": \"http://10.0.0.8:80\","            \
    "\"store-secret\": \"secret:abc\"}"

static void let_it_lead(const struct rig *rig)
{
    rig_answer(rig, "is-leader", "true\n");
    rig_fail(rig, "secret-info-get", "1", "ERROR secret \"result-store\" not found\n");
    rig_script(rig, "secret-add",
               "#!/bin/bash\necho \"secret-add $*\" >>\"$RIG/calls\"\ncp \"${!#}\" \"$RIG/added\"\n"
               "stat -c %a \"${!#}\" >\"$RIG/mode\"\necho secret:abc\n");
}

// A unit of a web application with more units.
static struct rig peer_new(const char *data)
{
    struct rig rig = unit_new();

    rig_answer(&rig, "relation-ids.cluster", "[\"cluster:3\"]");
    rig_answer(&rig, "relation-get.autopkgtest-cloud", data);
    rig_answer(&rig, "relation-get.autopkgtest-cloud_1", "{\"store-url\": \"http://10.0.0.8:80\"}");
    rig_answer(&rig, "relation-list.cluster:3", "[\"autopkgtest-cloud/1\"]");
    rig_answer(&rig, "secret-get", "{\"token\": \"hidden-token\"}");
    rig_answer(&rig, "secret-get.secret:key", "{\"key\": \"0123\"}");
    return rig;
}

// What the leader has told of its own store.
static void tell_of_unit_0(const struct rig *rig)
{
    rig_answer(rig, "relation-get.autopkgtest-cloud",
               "{" SESSION
               ", \"store-unit\": \"autopkgtest-cloud/0\", \"store-url\": \"http://10.0.0.9:80\","
               "\"store-secret\": \"secret:abc\"}");
    rig_answer(rig, "relation-get.autopkgtest-cloud_0", "{\"store-url\": \"http://10.0.0.9:80\"}");
}

static char *calls_in(const struct rig *rig, const char *relation, enum hook hook)
{
    char *calls;

    setenv("JUJU_RELATION_ID", relation, 1);
    calls = calls_of(rig, hook);
    unsetenv("JUJU_RELATION_ID");
    return calls;
}

static void assert_has(const struct rig *rig, const char *path, const char *part)
{
    _cleanup_free_ char *text = rig_get(rig, path);

    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in %s:\n%s", part, path, text);
}

TEST(the_leader_makes_a_secret_and_tells_units_and_workers)
{
    _cleanup_rig_ struct rig rig = peer_new("{" SESSION "}");
    _cleanup_free_ char *calls = NULL, *token = NULL, *again = NULL, *added = NULL, *seen = NULL;

    let_it_lead(&rig);
    rig_answer(&rig, "relation-ids.results", "[\"results:5\", \"results:6\"]");
    calls = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_called(calls, "{\"store-url\":\"http://10.0.0.9:80\"}");
    rig_assert_called(calls, "{\"store-secret\":\"secret:abc\",\"store-unit\":\"autopkgtest-cloud/"
                             "0\",\"store-url\":\"http://10.0.0.9:80\"}");
    rig_assert_called(calls, "relation-set -r results:5 --app --file -\n" PUBLISHED);
    rig_assert_called(calls, "relation-set -r results:6 --app --file -\n" PUBLISHED);
    rig_assert_called(calls, "secret-grant secret:abc -r results:5");
    rig_assert_called(calls, "secret-grant secret:abc -r results:6");
    assert_has(&rig, ETC "/web.conf", "\nstore-dir = ");
    // The secret is the password that the store takes; it was in a file of root's alone.
    token = rig_get(&rig, ETC "/store.cred");
    added = rig_get(&rig, "/../added");
    ck_assert(str_starts_with(added, "{\"token\":\""));
    added[strlen(added) - 2] = '\0';
    ck_assert_ptr_nonnull(strstr(token, added + strlen("{\"token\":\"")));
    rig_assert_not_called(calls, added + strlen("{\"token\":\""));
    ck_assert(!rig_has(&rig, "/var/lib/autopkgtest-cloud/charm/secret.new"));
    // Once that is seen to be told there is no call for it any more.
    tell_of_unit_0(&rig);
    seen = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(seen, "cluster:3 --app --file");
    again = calls_of(&rig, HOOK_UPDATE_STATUS);
    for (size_t i = 0; i < 4; i++)
        rig_assert_not_called(
            again, ((const char *[]){"is-leader", "secret-", "relation-set", "network-get"})[i]);
}

TEST(an_address_that_changes_is_told)
{
    _cleanup_rig_ struct rig rig = peer_new("{" SESSION "}");
    _cleanup_free_ char *first = NULL, *same = NULL, *moved = NULL;

    let_it_lead(&rig);
    tell_of_unit_0(&rig);
    first = calls_of(&rig, HOOK_LEADER_ELECTED);
    same = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(same, "relation-set");
    configure(&rig, "{\"http-port\": 8080}");
    moved = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(moved, "{\"store-secret\":\"secret:abc\",\"store-unit\":\"autopkgtest-cloud/"
                             "0\",\"store-url\":\"http://10.0.0.9:8080\"}");
    rig_assert_not_called(moved, "secret-add");
}

TEST(other_units_wait_for_the_leader_and_use_the_store_it_names)
{
    _cleanup_rig_ struct rig rig = peer_new("{" SESSION "}");
    _cleanup_free_ char *waits = calls_of(&rig, HOOK_START), *calls = NULL, *later = NULL;

    rig_assert_called(waits, "status-set -- waiting waiting for the leader to say which unit keeps "
                             "the results");
    ck_assert(!rig_has(&rig, ETC "/swift.cred"));
    rig_answer(&rig, "relation-get.autopkgtest-cloud", AT_UNIT_1);
    calls = calls_in(&rig, "cluster:3", HOOK_RELATION_CHANGED);
    rig_assert_called(calls, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
    rig_assert_not_called(calls, "relation-set -r cluster:3 --app");
    rig_assert_not_called(calls, "hidden");
    assert_has(&rig, ETC "/swift.cred",
               "SWIFT_AUTH_URL=http://10.0.0.8:80/auth/v1.0\nSWIFT_USERNAME=autopkgtest\n"
               "SWIFT_PASSWORD=hidden-token\n");
    assert_has(&rig, ETC "/web.conf",
               "\nstore-url = http://10.0.0.8:80/swift/v1\nstore-peer = http://10.0.0.8:80\n");
    later = rig_get(&rig, ETC "/web.conf");
    ck_assert_ptr_null(strstr(later, "store-dir"));
}

TEST(a_new_leader_leaves_the_results_where_they_are)
{
    _cleanup_rig_ struct rig rig = peer_new(AT_UNIT_1);
    _cleanup_free_ char *calls = NULL;

    let_it_lead(&rig);
    calls = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_not_called(calls, "relation-set -r cluster:3 --app");
    rig_assert_not_called(calls, "secret-add");
    assert_has(&rig, ETC "/swift.cred", "SWIFT_AUTH_URL=http://10.0.0.8:80/auth/v1.0\n");
}

TEST(when_the_unit_that_keeps_them_goes_the_leader_does_with_the_same_token)
{
    _cleanup_rig_ struct rig rig = peer_new(AT_UNIT_1);
    _cleanup_free_ char *calls = NULL;

    let_it_lead(&rig);
    setenv("JUJU_DEPARTING_UNIT", "autopkgtest-cloud/1", 1);
    calls = calls_in(&rig, "cluster:3", HOOK_RELATION_DEPARTED);
    unsetenv("JUJU_DEPARTING_UNIT");
    rig_assert_called(calls, "{\"store-secret\":\"secret:abc\",\"store-unit\":\"autopkgtest-cloud/"
                             "0\",\"store-url\":\"http://10.0.0.9:80\"}");
    assert_has(&rig, ETC "/web.conf", "\nstore-dir = ");
    assert_has(&rig, ETC "/store.cred", "SWIFT_PASSWORD=hidden-token\n");
    rig_assert_not_called(calls, "hidden");
}

TEST(with_a_swift_nothing_is_told)
{
    _cleanup_rig_ struct rig rig = peer_new("{" SESSION "}");
    _cleanup_free_ char *calls = NULL;

    let_it_lead(&rig);
    rig_answer(&rig, "relation-ids.results", "[\"results:5\"]");
    configure(&rig, "{\"swift-auth-url\": \"https://keystone.example/v3\","
                    "\"swift-username\": \"u\", \"swift-project-name\": \"p\","
                    "\"swift-password\": \"hidden\","
                    "\"storage-url-internal\": \"https://swift.example/v1/AUTH_p\"}");
    calls = calls_of(&rig, HOOK_LEADER_ELECTED);
    rig_assert_called(calls, "{\"auth-url\":\"\",\"secret\":\"\",\"url\":\"\",\"username\":\"\"}");
    rig_assert_not_called(calls, "secret-add");
    rig_assert_not_called(calls, "secret-grant");
}

// ---- workers of another application

static struct rig worker_new(void)
{
    struct rig rig = unit_new();

    setenv("JUJU_CHARM_HTTP_PROXY", "http://proxy:3128", 1);
    setenv("JUJU_CHARM_NO_PROXY", "intern", 1);
    configure(&rig, "{\"roles\": \"worker\"}");
    rig_answer(&rig, "relation-ids.results-store", "[\"results-store:4\"]");
    rig_answer(&rig, "relation-list.--app", "\"tests-web\"");
    rig_answer(&rig, "relation-get.tests-web", PUBLISHED);
    rig_answer(&rig, "secret-get", "{\"token\": \"hidden-token\"}");
    return rig;
}

TEST(workers_of_another_application_upload_to_its_store)
{
    _cleanup_rig_ struct rig rig = worker_new();
    _cleanup_free_ char *calls = calls_of(&rig, HOOK_INSTALL), *later = NULL, *gone = NULL;

    rig_assert_called(calls, "secret-get --format=json --refresh secret:abc");
    rig_assert_called(calls, "status-set -- active 0 of 2 workers busy on 1 cloud");
    rig_assert_not_called(calls, "hidden");
    assert_has(&rig, ETC "/proxy.env", "intern,10.0.0.9");
    assert_has(&rig, ETC "/swift.cred",
               "SWIFT_AUTH_URL=http://10.0.0.9:80/auth/v1.0\nSWIFT_USERNAME=autopkgtest\n"
               "SWIFT_PASSWORD=hidden-token\n");
    // A new token costs one call to learn.
    rig_answer(&rig, "secret-get", "{\"token\": \"hidden-2\"}");
    later = calls_of(&rig, HOOK_SECRET_CHANGED);
    assert_has(&rig, ETC "/swift.cred", "SWIFT_PASSWORD=hidden-2\n");
    rig_assert_not_called(later, "results-store");
    rig_assert_not_called(later, "relation-list --format=json -r results-store:4");
    gone = calls_in(&rig, "results-store:4", HOOK_RELATION_BROKEN);
    rig_assert_called(gone, "status-set -- blocked workers have no result store: juju integrate "
                            "autopkgtest-cloud:results-store WEB:results, or set swift-auth-url");
    rig_assert_called(gone, "systemctl stop --no-block -- autopkgtest-worker.target "
                            "autopkgtest-worker@local-amd64-1.service "
                            "autopkgtest-worker@local-amd64-2.service");
    ck_assert(!rig_has(&rig, ETC "/swift.cred"));
}

// A unit that is removed leaves the relation before it stops.
TEST(last_tests_keep_what_their_results_are_stored_with)
{
    _cleanup_rig_ struct rig rig = worker_new();

    free(calls_of(&rig, HOOK_INSTALL));
    rig_put(&rig, "/run/autopkgtest-cloud/worker-local-amd64-1/state", "");
    free(calls_in(&rig, "results-store:4", HOOK_RELATION_BROKEN));
    assert_has(&rig, ETC "/swift.cred", "SWIFT_PASSWORD=hidden-token\n");
}

TEST(a_store_that_replaces_another_is_used_when_the_old_one_breaks)
{
    _cleanup_rig_ struct rig rig = worker_new();
    _cleanup_free_ char *calls = calls_of(&rig, HOOK_INSTALL), *broken = NULL;

    rig_assert_called(calls, "relation-list --format=json -r results-store:4 --app");
    rig_answer(&rig, "relation-ids.results-store", "[\"results-store:4\", \"results-store:7\"]");
    rig_answer(&rig, "relation-get.tests-web",
               "{\"auth-url\": \"http://10.0.0.7/auth/v1.0\", \"secret\": \"secret:abc\"}");
    broken = calls_in(&rig, "results-store:4", HOOK_RELATION_BROKEN);
    rig_assert_called(broken, "relation-list --format=json -r results-store:7 --app");
    rig_assert_called(broken, "status-set -- active 0 of 2 workers busy on 1 cloud");
    assert_has(&rig, ETC "/swift.cred", "SWIFT_AUTH_URL=http://10.0.0.7/auth/v1.0\n");
}

TEST(workers_wait_until_the_store_is_told_and_the_secret_granted)
{
    _cleanup_rig_ struct rig rig = worker_new();
    _cleanup_free_ char *nothing = NULL, *denied = NULL, *empty = NULL, *good = NULL;

    rig_answer(&rig, "relation-get.tests-web", "{}");
    nothing = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(nothing, "status-set -- waiting waiting for the result store of tests-web");
    rig_answer(&rig, "relation-get.tests-web", PUBLISHED);
    rig_fail(&rig, "secret-get", "1", "ERROR permission denied\n");
    denied = calls_in(&rig, "results-store:4", HOOK_RELATION_CHANGED);
    rig_assert_called(denied, "status-set -- waiting waiting for the secret of the result store to "
                              "be granted");
    rig_mend(&rig, "secret-get");
    rig_answer(&rig, "secret-get", "{\"token\": \"two\\nlines\"}");
    empty = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(empty, "status-set -- waiting waiting for a secret of the result store that "
                             "has a token");
    rig_answer(&rig, "secret-get", "{\"token\": \"t\"}");
    good = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(good, "status-set -- active 0 of 2 workers busy on 1 cloud");
}

TEST(nonsense_of_the_other_side_is_told_and_not_used)
{
    static const char *const data[] = {
        "{\"auth-url\": \"ftp://a/auth/v1.0\", \"secret\": \"secret:abc\"}",
        "{\"auth-url\": \"http://a\\nSWIFT_USERNAME=x/auth/v1.0\", \"secret\": \"secret:abc\"}",
        "{\"auth-url\": \"http://a/v3\", \"secret\": \"secret:abc\"}",
        "{\"auth-url\": \"http://a/auth/v1.0\", \"secret\": \"--help\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
        _cleanup_rig_ struct rig rig = worker_new();
        _cleanup_free_ char *calls = NULL;

        rig_answer(&rig, "relation-get.tests-web", data[i]);
        calls = calls_of(&rig, HOOK_INSTALL);
        rig_assert_called(calls,
                          "status-set -- waiting results-store: tests-web: expected auth-url "
                          "http://…/auth/v1.0 and the id of a secret");
        ck_assert(!rig_has(&rig, ETC "/swift.cred"));
    }
}

TEST(what_a_failed_hook_would_have_told_is_told_by_the_next)
{
    _cleanup_rig_ struct rig rig = peer_new("{" SESSION "}");
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *calls = NULL;

    let_it_lead(&rig);
    rig_answer(&rig, "relation-ids.results", "[\"results:5\"]");
    rig_fail(&rig, "secret-grant", "1", "ERROR the controller is away\n");
    ck_assert_int_lt(charm_reconcile(rig.root, HOOK_LEADER_ELECTED, &err), 0);
    rig_mend(&rig, "secret-grant");
    calls = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(calls, "relation-set -r results:5 --app --file -\n" PUBLISHED);
}

// The calls of the unit that stops, whose store has results.
static char *stop_with_results(const struct rig *rig)
{
    rig_put(rig, "/var/lib/autopkgtest-cloud/store/autopkgtest-noble/.container", "{}");
    rig_put(rig, "/var/lib/autopkgtest-cloud/store/.uploads/x", "");
    return calls_of(rig, HOOK_STOP);
}

#define GOES_WITH_IT                                                                               \
    "juju-log -l WARNING -- autopkgtest-cloud/0 keeps the results of autopkgtest-cloud, in 1 "     \
    "containers below /var/lib/autopkgtest-cloud/store: they go with its machine, "                \
    "and are not on other units unless they were copied (docs/how-to/move-the-results.md)"

TEST(a_unit_that_goes_says_that_results_go_with_it)
{
    _cleanup_rig_ struct rig rig = peer_new("{}");
    _cleanup_free_ char *none = NULL, *calls = NULL;

    tell_of_unit_0(&rig);
    reconcile(&rig, HOOK_INSTALL);
    reconcile(&rig, HOOK_UPDATE_STATUS); // what the first has told is remembered by the next
    none = calls_of(&rig, HOOK_STOP);
    rig_assert_not_called(none, "juju-log -l WARNING"); // nothing is lost with an empty store
    calls = stop_with_results(&rig);
    rig_assert_called(calls, GOES_WITH_IT);
}

// The calls of the hook of a storage `data` with something of the store in it.
static char *data_hook(const struct rig *rig, enum hook hook)
{
    setenv("JUJU_STORAGE_ID", "data/0", 1);
    setenv("JUJU_STORAGE_LOCATION", "/srv/data", 1);
    return calls_of(rig, hook);
}

TEST(the_log_tells_which_results_go_with_storage)
{
    _cleanup_rig_ struct rig rig = peer_new("{}");
    _cleanup_free_ char *empty = NULL, *calls = NULL, *again = NULL;

    tell_of_unit_0(&rig);
    free(data_hook(&rig, HOOK_STORAGE_ATTACHED));
    reconcile(&rig, HOOK_INSTALL);
    reconcile(&rig, HOOK_UPDATE_STATUS);
    empty = data_hook(&rig, HOOK_STORAGE_DETACHING);
    rig_assert_not_called(empty, "juju-log -l WARNING");
    free(data_hook(&rig, HOOK_STORAGE_ATTACHED));
    rig_put(&rig, "/srv/data/store/autopkgtest-noble/.container", "{}");
    calls = data_hook(&rig, HOOK_STORAGE_DETACHING);
    rig_assert_called(calls, "juju-log -l WARNING -- autopkgtest-cloud/0 keeps the results of "
                             "autopkgtest-cloud, in 1 containers below /srv/data/store: they go "
                             "with storage data/0, and are not on other units unless they were "
                             "copied (docs/how-to/move-the-results.md)");
    again = data_hook(&rig, HOOK_STORAGE_DETACHING);
    rig_assert_not_called(again, "juju-log -l WARNING");
}

TEST(a_unit_whose_results_are_elsewhere_goes_without_a_word)
{
    _cleanup_rig_ struct rig rig = peer_new(AT_UNIT_1);
    _cleanup_free_ char *calls = NULL;

    reconcile(&rig, HOOK_INSTALL);
    reconcile(&rig, HOOK_UPDATE_STATUS);
    calls = stop_with_results(&rig);
    rig_assert_not_called(calls, "juju-log -l WARNING");
}
