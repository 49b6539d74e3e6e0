// SPDX-License-Identifier: GPL-3.0-only
// Users of the broker: who the administrator is, what the command line is asked, and that no
// password is on a command line but for the result's.
#include "action_rig.h"
#include "charm/reconcile.h"

#define MADE                                                                                       \
    "{\"username\": \"ci\", \"password\": \"made\", \"uri\": "                                     \
    "\"amqp://ci:made@10.0.0.5:5672/%2F\", "                                                       \
    "\"vhost\": \"/\", \"permissions\": \"submit\", \"configure\": \"\", "                         \
    "\"write\": \"^amq.default$\", \"read\": \"\"}"

static struct rig related(const char *answer)
{
    struct rig rig = command_rig("");

    rig_answer(&rig, "relation-ids.amqp-admin", "[\"amqp-admin:4\"]");
    rig_answer(&rig, "relation-get", "{\"password\": \"admins\", \"hostname\": \"10.0.0.5\"}");
    rig_answer(&rig, "autopkgtest-cloud", answer);
    rig_script(&rig, "autopkgtest-cloud",
               "#!/bin/sh\n{ echo -n 'input '; cat; echo; } >>\"$RIG/calls\"\n"
               "cat \"$RIG/answer.autopkgtest-cloud\"\n");
    return rig;
}

TEST(a_user_is_made_by_the_administrator_of_the_relation)
{
    _cleanup_rig_ struct rig rig = related(MADE);
    _cleanup_free_ char *calls =
        run_action(&rig, &action_add_rabbit_user, "{\"username\": \"ci\"}");

    rig_assert_called(calls, "autopkgtest-cloud rabbit-user add --format=json --admin=- "
                             "--permissions=submit --vhost=/ ci");
    rig_assert_called(calls,
                      "input {\"amqp-port\":5672,\"hosts\":[\"10.0.0.5\"],"
                      "\"password\":\"admins\",\"tls\":false,\"user\":\"autopkgtest-admin\"}");
    rig_assert_called(calls, "action-set -- username=ci password=made "
                             "uri=amqp://ci:made@10.0.0.5:5672/%2F vhost=/ permissions=submit "
                             "configure= write=^amq.default$ read=");
}

TEST(patterns_and_a_password_are_passed_on)
{
    _cleanup_rig_ struct rig rig = related(MADE);
    _cleanup_free_ char *calls =
        run_action(&rig, &action_add_rabbit_user,
                   "{\"read\": \"^a|b$\", \"vhost\": \"other\", \"password\": \"twelve-or-more\"}");

    rig_assert_called(calls, "autopkgtest-cloud rabbit-user add --format=json --admin=- "
                             "--permissions=submit --vhost=other --read=^a|b$ test_request");
    ck_assert_ptr_nonnull(strstr(calls, "\"new-password\":\"twelve-or-more\""));
    ck_assert_ptr_null(strstr(strstr(calls, "twelve-or-more") + 1, "twelve-or-more"));
}

TEST(without_an_administrator_nothing_is_asked)
{
    _cleanup_rig_ struct rig rig = related(MADE);

    rig_answer(&rig, "relation-ids.amqp-admin", "[]");
    assert_action_fails(&rig, &action_list_rabbit_users, "{}",
                        "needs an administrator of the broker: juju integrate "
                        "autopkgtest-cloud:amqp-admin rabbitmq-server");
    rig_answer(&rig, "relation-ids.amqp-admin", "[\"amqp-admin:4\"]");
    rig_answer(&rig, "relation-get", "{}");
    assert_action_fails(&rig, &action_list_rabbit_users, "{}",
                        "amqp-admin: the broker has not made the administrator yet: try again "
                        "when juju status shows it idle");
    rig_answer(&rig, "relation-get",
               "{\"password\": \"x\", \"hostname\": \"h\", \"ssl_port\": \"many\"}");
    assert_action_fails(&rig, &action_list_rabbit_users, "{}",
                        "amqp-admin: unit rabbitmq-server/0: ssl_port: expected a whole number, "
                        "got \"many\"");
}

TEST(bad_users_reach_nobody)
{
    _cleanup_rig_ struct rig rig = related(MADE);

    assert_action_fails(&rig, &action_add_rabbit_user, "{\"username\": \"a b\"}",
                        "username: expected a name of letters, digits, '-', '_' and '.', got \"a "
                        "b\"");
    assert_action_fails(&rig, &action_add_rabbit_user, "{\"permissions\": \"admin\"}",
                        "permissions: expected submit, monitor or full (or patterns: configure=, "
                        "write=, read=), got \"admin\"");
    assert_action_fails(&rig, &action_add_rabbit_user, "{\"password\": \"short\"}",
                        "password: expected at least 12 characters; without it one is made");
    assert_action_fails(&rig, &action_remove_rabbit_user, "{}", "username: is missing: username=…");
}

TEST(users_are_listed_and_removed)
{
    _cleanup_rig_ struct rig rig = related(
        "{\"test_request\": [{\"vhost\": \"/\", \"permissions\": \"submit\"}], \"ci\": ["
        "{\"vhost\": \"/\", \"permissions\": \"explicit\", \"configure\": \"\", \"write\": \"w\","
        " \"read\": \"r\"}, {\"vhost\": \"b\", \"permissions\": \"full\"}], \"lost\": []}");
    _cleanup_free_ char *list = run_action(&rig, &action_list_rabbit_users, "{}");
    _cleanup_free_ char *removed = NULL;

    rig_assert_called(list, "autopkgtest-cloud rabbit-user list --format=json --admin=-");
    rig_assert_called(list, "action-set -- user-test-request=submit on / user-ci=explicit on / "
                            "(configure \"\", write \"w\", read \"r\"); full on b "
                            "user-lost=nothing users=ci lost test_request");
    rig_answer(&rig, "autopkgtest-cloud", "{\"removed\": \"ci\"}");
    removed = run_action(&rig, &action_remove_rabbit_user, "{\"username\": \"ci\"}");
    rig_assert_called(removed, "autopkgtest-cloud rabbit-user remove --format=json --admin=- ci");
    rig_assert_called(removed, "action-set -- removed=ci");
}

TEST(the_administrator_is_asked_for_in_the_first_write)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *calls = NULL, *other = NULL;

    ASSERT_OK(charm_reconcile(rig.root, HOOK_INSTALL, &err), &err);
    setenv("JUJU_RELATION_ID", "amqp-admin:4", 1);
    free(rig_calls(&rig));
    ASSERT_OK(charm_reconcile(rig.root, HOOK_RELATION_CREATED, &err), &err);
    calls = rig_calls(&rig);
    rig_assert_called(calls, "relation-set -r amqp-admin:4 --file -");
    rig_assert_called(calls,
                      "{\"admin\":\"true\",\"username\":\"autopkgtest-admin\",\"vhost\":\"/\"}");
    setenv("JUJU_RELATION_ID", "amqp:1", 1);
    ASSERT_OK(charm_reconcile(rig.root, HOOK_RELATION_CREATED, &err), &err);
    other = rig_calls(&rig);
    rig_assert_not_called(other, "admin");
}
