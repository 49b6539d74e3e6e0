// SPDX-License-Identifier: GPL-3.0-only
// Relations of optional endpoints: what is remembered of them, asked and told.
#include "charm/reconcile.h"
#include "unit.h"

#define SOCKET "autopkgtest-metrics.socket"
#define SET "relation-set -r cos-agent:7 --file -"

// A unit whose charm can tell an agent something.
static struct rig monitored_new(void)
{
    struct rig rig = unit_new();
    _cleanup_free_ char *rules = str_format("%s/monitoring/alerts.yaml", rig.charm);
    _cleanup_free_ char *dashboard = str_format("%s/monitoring/dashboard.b64", rig.charm);

    rig_write(rules, "groups: [{name: x, rules: [{alert: A, expr: 'sum(a{%%juju_topology%%}) > "
                     "b{%%juju_topology%%,c=\"d\"}', labels: {severity: low}}]}]\n");
    rig_write(dashboard, "REFTSEJPQVJE\n");
    setenv("JUJU_MODEL_NAME", "tests-1", 1);
    setenv("JUJU_MODEL_UUID", "01234567-89ab", 1);
    return rig;
}

static char *hook_of(const struct rig *rig, enum hook hook, const char *relation)
{
    char *calls;

    setenv("JUJU_RELATION_ID", relation, 1);
    calls = calls_of(rig, hook);
    unsetenv("JUJU_RELATION_ID");
    return calls;
}

TEST(an_agent_is_told_all_in_one_key)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *calls = hook_of(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
    _cleanup_free_ char *socket = rig_get(&rig, "/etc/systemd/system/" SOCKET);

    rig_assert_not_called(first, SOCKET);
    rig_assert_called(calls, SET);
    rig_assert_called(
        calls,
        "{\"config\":\"{\\\"dashboards\\\":[\\\"REFTSEJPQVJE\\\"],\\\"log_alert_rules\\\":{},"
        "\\\"log_slots\\\":[],\\\"metrics_alert_rules\\\":{\\\"groups\\\":[{\\\"name\\\":"
        "\\\"tests_1_01234567_autopkgtest_cloud_autopkgtest_cloud_x_alerts\\\",\\\"rules\\\":[{"
        "\\\"alert\\\":\\\"A\\\",\\\"expr\\\":\\\"sum(a{juju_model=\\\\\\\"tests-1\\\\\\\","
        "juju_model_uuid=\\\\\\\"01234567-89ab\\\\\\\",juju_application=\\\\\\\"autopkgtest-cloud"
        "\\\\\\\"}) > b{juju_model=\\\\\\\"tests-1\\\\\\\",juju_model_uuid=\\\\\\\"01234567-89ab"
        "\\\\\\\",juju_application=\\\\\\\"autopkgtest-cloud\\\\\\\",c=\\\\\\\"d\\\\\\\"}\\\","
        "\\\"labels\\\":{\\\"juju_application\\\":\\\"autopkgtest-cloud\\\",\\\"juju_charm\\\":"
        "\\\"autopkgtest-cloud\\\",\\\"juju_model\\\":\\\"tests-1\\\",\\\"juju_model_uuid\\\":"
        "\\\"01234567-89ab\\\",\\\"severity\\\":\\\"low\\\"}}]}]},\\\"metrics_scrape_jobs\\\":[{"
        "\\\"job_name\\\":\\\"autopkgtest-cloud_0_unit\\\",\\\"metrics_path\\\":\\\"/metrics\\\","
        "\\\"static_configs\\\":[{\\\"targets\\\":[\\\"localhost:9841\\\"]}]},{\\\"job_name\\\":"
        "\\\"autopkgtest-cloud_1_web\\\",\\\"metrics_path\\\":\\\"/metrics\\\","
        "\\\"static_configs\\\":[{\\\"targets\\\":[\\\"localhost:80\\\"]}]}],\\\"subordinate\\\":"
        "null,\\\"tracing_protocols\\\":null}\"}");
    rig_assert_called(calls, "systemctl enable -- " SOCKET);
    rig_assert_called(calls, "systemctl start -- " SOCKET);
    ck_assert_ptr_nonnull(strstr(socket, "\nListenStream=127.0.0.1:9841\n"));
}

TEST(what_was_told_is_not_told_again_until_it_changes)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_free_ char *first = hook_of(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
    _cleanup_free_ char *again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    _cleanup_free_ char *port = NULL, *upgraded = NULL;

    rig_assert_called(first, SET);
    rig_assert_not_called(again, SET);
    rig_assert_not_called(again, "relation-ids --format=json cos-agent");
    configure(&rig, "{\"http-port\": 8080}");
    port = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(port, SET);
    ck_assert_ptr_nonnull(strstr(port, "localhost:8080"));
    rig_answer(&rig, "relation-ids.cos-agent", "[\"cos-agent:7\"]");
    upgraded = calls_of(&rig, HOOK_UPGRADE_CHARM);
    rig_assert_called(upgraded, "relation-ids --format=json cos-agent");
    rig_assert_called(upgraded, SET);
}

TEST(what_a_failed_hook_told_is_told_again)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *first = hook_of(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
    _cleanup_free_ char *again = NULL, *later = NULL;

    (void)first;
    configure(&rig, "{\"http-port\": 8080}");
    rig_fail(&rig, "close-port", "1", "ERROR no\n");
    ck_assert_int_lt(charm_reconcile(rig.root, HOOK_CONFIG_CHANGED, &err), 0);
    rig_mend(&rig, "close-port");
    again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(again, SET);
    later = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(later, SET);
}

TEST(without_an_agent_nobody_reads_the_figures)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_free_ char *first = hook_of(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
    _cleanup_free_ char *down = NULL, *broken = NULL, *after = NULL;

    (void)first;
    rig_unit(&rig, SOCKET, "failed", "");
    rig_script(&rig, "systemctl",
               "#!/bin/sh\n[ $1 = start ] && exit 1\n[ $1 != show ] || "
               "for u; do case $u in *.*) printf 'Id=%s\\nActiveState=%s\\n\\n' "
               "$u $(cat $RIG/unit.$u);; esac; done\n");
    down = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(down, "status-set -- maintenance " SOCKET
                            " is failed: juju ssh autopkgtest-cloud/0 journalctl -u " SOCKET);
    broken = hook_of(&rig, HOOK_RELATION_BROKEN, "cos-agent:7");
    rig_assert_called(broken, "systemctl disable -- " SOCKET);
    rig_assert_called(broken, "systemctl stop --no-block -- " SOCKET);
    rig_assert_not_called(broken, "relation-set");
    after = calls_of(&rig, HOOK_REMOVE);
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" SOCKET));
}
