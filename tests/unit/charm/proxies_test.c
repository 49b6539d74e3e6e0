// SPDX-License-Identifier: GPL-3.0-only
// Whom the web service believes for whom it speaks.
#include "charm/proxies.h"

#include "unit.h"

#define CONF "/etc/autopkgtest-cloud/web.conf"

static void assert_trusts(const struct rig *rig, const char *proxies)
{
    _cleanup_free_ char *conf = rig_get(rig, CONF);
    const char *line = strstr(conf, "\ntrusted-proxies = ");
    _cleanup_free_ char *got = NULL;

    ck_assert_ptr_nonnull(strstr(conf, "\nport = 80\n"));
    if (line) {
        line += strlen("\ntrusted-proxies = ");
        got = strndup(line, strcspn(line, "\n"));
    }
    ck_assert_str_eq(got ? got : "nobody", proxies);
}

// A hook about one unit of a relation; *ret_calls (may be NULL): its calls, which the caller frees.
static void about(const struct rig *rig, enum hook hook, const char *relation, const char *unit,
                  char **ret_calls)
{
    _cleanup_free_ char *calls = NULL;

    setenv("JUJU_REMOTE_UNIT", unit, 1);
    calls = calls_of_relation(rig, hook, relation);
    unsetenv("JUJU_REMOTE_UNIT");
    if (ret_calls)
        *ret_calls = TAKE_PTR(calls);
}

#define FIRST                                                                                      \
    "{\"private-address\": \"10.0.0.7\", \"ingress-address\": \"10.0.0.7\","                       \
    "\"egress-subnets\": \"10.0.0.7/32, 192.0.2.0/28\"}"
#define SECOND                                                                                     \
    "{\"private-address\": \"proxy.example\", \"ingress-address\": \"fd00::8\","                   \
    "\"egress-subnets\": \"0.0.0.0/0\"}"

static struct rig proxied_unit(void)
{
    struct rig rig = unit_new();

    free(calls_of(&rig, HOOK_INSTALL));
    rig_answer(&rig, "relation-list.--app", "\"haproxy\"");
    rig_answer(&rig, "relation-get.haproxy", "{}");
    rig_answer(&rig, "relation-get.haproxy_0", FIRST);
    rig_answer(&rig, "relation-get.haproxy_1", SECOND);
    return rig;
}

TEST(related_proxies_are_trusted_from_when_they_come_until_they_go)
{
    _cleanup_rig_ struct rig rig = proxied_unit();
    _cleanup_free_ char *calls = NULL, *later = NULL;

    assert_trusts(&rig, "nobody");
    free(calls_of_relation(&rig, HOOK_RELATION_CREATED, "website:7"));
    assert_trusts(&rig, "nobody");
    about(&rig, HOOK_RELATION_JOINED, "website:7", "haproxy/0", &calls);
    rig_assert_called(calls, "relation-get --format=json -r website:7 - haproxy/0");
    assert_trusts(&rig, "10.0.0.7 10.0.0.7/32 192.0.2.0/28");
    about(&rig, HOOK_RELATION_CHANGED, "website:7", "haproxy/1", NULL);
    assert_trusts(&rig, "10.0.0.7 10.0.0.7/32 192.0.2.0/28 fd00::8");
    // Nobody is asked again in other hooks.
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(later, "haproxy");
    assert_trusts(&rig, "10.0.0.7 10.0.0.7/32 192.0.2.0/28 fd00::8");
    about(&rig, HOOK_RELATION_DEPARTED, "website:7", "haproxy/0", NULL);
    assert_trusts(&rig, "fd00::8");
    free(calls_of_relation(&rig, HOOK_RELATION_BROKEN, "website:7"));
    assert_trusts(&rig, "nobody");
}

TEST(another_address_of_a_proxy_takes_the_place_of_its_old_one)
{
    _cleanup_rig_ struct rig rig = proxied_unit();

    about(&rig, HOOK_RELATION_JOINED, "ingress:3", "haproxy/1", NULL);
    assert_trusts(&rig, "fd00::8");
    rig_answer(&rig, "relation-get.haproxy_1", "{\"ingress-address\": \"fd00::9\"}");
    about(&rig, HOOK_RELATION_CHANGED, "ingress:3", "haproxy/1", NULL);
    assert_trusts(&rig, "fd00::9");
    // The data of an application are nobody's address.
    about(&rig, HOOK_RELATION_CHANGED, "ingress:3", "haproxy", NULL);
    assert_trusts(&rig, "fd00::9");
}

TEST(units_of_ours_pass_readers_on_and_others_do_not)
{
    _cleanup_rig_ struct rig rig = proxied_unit();

    rig_answer(&rig, "relation-get.autopkgtest-cloud_1", "{\"ingress-address\": \"10.0.0.10\"}");
    rig_answer(&rig, "relation-get.autopkgtest-cloud", "{}");
    about(&rig, HOOK_RELATION_JOINED, "cluster:0", "autopkgtest-cloud/1", NULL);
    assert_trusts(&rig, "10.0.0.10");
    about(&rig, HOOK_RELATION_CHANGED, "amqp:1", "rabbitmq-server/0", NULL);
    assert_trusts(&rig, "10.0.0.10");
}

TEST(the_operators_proxies_stand_beside_the_related_ones)
{
    _cleanup_rig_ struct rig rig = proxied_unit();

    about(&rig, HOOK_RELATION_JOINED, "ingress:3", "haproxy/1", NULL);
    configure(&rig, "{\"trusted-proxies\": \" 198.51.100.7\\n2001:db8::/48 \"}");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    assert_trusts(&rig, "198.51.100.7 2001:db8::/48 fd00::8");
}

TEST(after_an_upgrade_and_without_a_memory_all_are_asked)
{
    _cleanup_rig_ struct rig rig = proxied_unit();
    _cleanup_free_ char *state =
        str_format("%s/var/lib/autopkgtest-cloud/charm/state.json", rig.root);

    about(&rig, HOOK_RELATION_JOINED, "website:7", "haproxy/1", NULL);
    rig_answer(&rig, "relation-ids.website", "[\"website:7\"]");
    rig_answer(&rig, "relation-list.website:7", "[\"haproxy/0\", \"haproxy/1\"]");
    free(calls_of(&rig, HOOK_UPGRADE_CHARM));
    assert_trusts(&rig, "10.0.0.7 10.0.0.7/32 192.0.2.0/28 fd00::8");
    ck_assert_int_eq(unlink(state), 0);
    rig_answer(&rig, "relation-list.website:7", "[\"haproxy/1\"]");
    free(calls_of(&rig, HOOK_CONFIG_CHANGED));
    assert_trusts(&rig, "fd00::8");
}

// ---- what is told to whom

#define RELOADED "systemctl reload --no-block -- autopkgtest-web.service"

TEST(proxies_that_come_and_go_cost_no_reader_the_connection)
{
    _cleanup_rig_ struct rig rig = proxied_unit();
    _cleanup_free_ char *came = NULL, *same = NULL, *limits = NULL, *went = NULL, *other = NULL;

    about(&rig, HOOK_RELATION_JOINED, "website:7", "haproxy/0", &came);
    rig_assert_called(came, RELOADED);
    rig_assert_not_called(came, "systemctl restart");
    about(&rig, HOOK_RELATION_CHANGED, "website:7", "haproxy/0", &same);
    rig_assert_not_called(same, RELOADED);
    configure(&rig, "{\"page-rate-limit\": 33}");
    limits = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(limits, RELOADED);
    rig_assert_not_called(limits, "systemctl restart");
    about(&rig, HOOK_RELATION_DEPARTED, "website:7", "haproxy/0", &went);
    rig_assert_called(went, RELOADED);
    rig_assert_not_called(went, "systemctl restart");
    // With anything else that changes both start anew.
    configure(&rig, "{\"page-rate-limit\": 34, \"releases\": \"jammy\"}");
    other = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(other, "systemctl restart -- autopkgtest-web.service "
                             "autopkgtest-indexer.service");
    rig_assert_not_called(other, RELOADED);
}
