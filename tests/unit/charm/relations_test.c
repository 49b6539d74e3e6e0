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

TEST(an_agent_is_told_all_in_one_key)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);
    _cleanup_free_ char *calls = calls_of_relation(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
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
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
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

// A hook that was killed when all was done but its end: Juju has heard nothing, and runs it again.
TEST(what_a_killed_hook_told_is_told_again)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
    _cleanup_free_ char *killed = NULL, *again = NULL, *next = NULL, *later = NULL;

    (void)first;
    configure(&rig, "{\"http-port\": 8080}");
    killed = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(killed, SET);
    again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(again, SET);
    next = calls_of(&rig, HOOK_UPDATE_STATUS); // then it had come to its end
    rig_assert_not_called(next, SET);
    later = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(later, SET);
}

TEST(what_a_failed_hook_told_is_told_again)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
    _cleanup_free_ char *again = NULL, *later = NULL;

    (void)first;
    configure(&rig, "{\"http-port\": 8080}");
    rig_fail(&rig, "close-port", "1", "ERROR no\n");
    ck_assert_int_lt(charm_reconcile(rig.root, HOOK_CONFIG_CHANGED, &err), 0);
    rig_mend(&rig, "close-port");
    again = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(again, SET);
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(later, SET);
}

TEST(without_an_agent_nobody_reads_the_figures)
{
    _cleanup_rig_ struct rig rig = monitored_new();
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, "cos-agent:7");
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
    broken = calls_of_relation(&rig, HOOK_RELATION_BROKEN, "cos-agent:7");
    rig_assert_called(broken, "systemctl disable -- " SOCKET);
    rig_assert_called(broken, "systemctl stop --no-block -- " SOCKET);
    rig_assert_not_called(broken, "relation-set");
    after = calls_of(&rig, HOOK_REMOVE);
    ck_assert(!rig_has(&rig, "/etc/systemd/system/" SOCKET));
}

// ---- InfluxDB

#define TIMER "autopkgtest-influxdb.timer"
#define CRED "/etc/autopkgtest-cloud/influxdb.cred"
#define INFLUX                                                                                     \
    "\"influxdb-url\": \"https://i.example:8086\", \"influxdb-database\": \"d\","                  \
    "\"influxdb-context\": \"production\""

TEST(metrics_are_pushed_by_a_timer_while_there_is_a_server)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL), *on = NULL, *off = NULL;
    _cleanup_free_ char *plain = NULL, *again = NULL, *secret = NULL, *credentials = NULL;

    rig_assert_not_called(first, TIMER);
    configure(&rig, "{" INFLUX "}");
    on = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(on, "systemctl enable -- " TIMER);
    rig_assert_called(on, "systemctl start -- " TIMER);
    plain = rig_get(&rig, CRED);
    ck_assert_str_eq(plain, "INFLUXDB_URL=https://i.example:8086\nINFLUXDB_DATABASE=d\n"
                            "INFLUXDB_CONTEXT=production\n");
    configure(&rig, "{" INFLUX ", \"influxdb-secret\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"username\": \"u\", \"password\": \"hidden&<\"}");
    secret = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(secret, "hidden");
    credentials = rig_get(&rig, CRED);
    ck_assert(str_ends_with(credentials, "\nINFLUXDB_USERNAME=u\nINFLUXDB_PASSWORD=hidden&<\n"));
    again = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_not_called(again, "systemctl start");
    configure(&rig, "{}");
    off = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(off, "systemctl disable -- " TIMER);
    rig_assert_called(off, "systemctl stop --no-block -- " TIMER);
    ck_assert(!rig_has(&rig, CRED));
}

TEST(a_secret_of_another_kind_blocks)
{
    static const char *const bad[] = {"{\"username\": \"u\"}", "{\"password\": \"p\"}",
                                      "{\"username\": \"u\", \"password\": \"p\\nq\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_rig_ struct rig rig = unit_new();
        _cleanup_free_ char *calls = NULL;

        configure(&rig, "{" INFLUX ", \"influxdb-secret\": \"secret:abc\"}");
        rig_answer(&rig, "secret-get", bad[i]);
        calls = calls_of(&rig, HOOK_INSTALL);
        rig_assert_called(calls, "status-set -- blocked influxdb-secret: expected keys username "
                                 "and password, one line each");
    }
}

// ---- ingress

#define PROXY "ingress:3"
#define HEALTH                                                                                     \
    "\"healthcheck_params\":\"{\\\"path\\\":\\\"/healthz\\\",\\\"interval\\\":\\\"5s\\\","         \
    "\\\"timeout\\\":\\\"3s\\\"}\""
#define APP_DATA                                                                                   \
    "{" HEALTH                                                                                     \
    ",\"model\":\"\\\"tests-1\\\"\",\"name\":\"\\\"autopkgtest-cloud\\\"\",\"port\":\"80\"}"
#define UNIT_DATA "{\"host\":\"\\\"10.0.0.9\\\"\",\"ip\":\"\\\"10.0.0.9\\\"\"}"

static void proxy_says(const struct rig *rig, const char *url)
{
    _cleanup_free_ char *text = str_format("{\"ingress\": \"{\\\"url\\\": \\\"%s\\\"}\"}", url);

    rig_answer(rig, "relation-get.traefik", text);
}

// A unit beside a proxy that has not answered yet.
static struct rig proxied_new(bool leader)
{
    struct rig rig = unit_new();
    _cleanup_free_ char *first = calls_of(&rig, HOOK_INSTALL);

    (void)first;
    rig_answer(&rig, "relation-list.--app", "\"traefik\"");
    rig_answer(&rig, "relation-get.traefik", "{}");
    rig_answer(&rig, "network-get", "\"10.0.0.9\"");
    rig_answer(&rig, "is-leader", leader ? "true" : "false");
    setenv("JUJU_MODEL_NAME", "tests-1", 1);
    return rig;
}

TEST(a_proxy_learns_of_unit_and_application)
{
    _cleanup_rig_ struct rig rig = proxied_new(false);
    _cleanup_free_ char *follower = calls_of_relation(&rig, HOOK_RELATION_CREATED, PROXY);
    _cleanup_free_ char *elected = calls_of(&rig, HOOK_LEADER_ELECTED);

    rig_assert_called(follower, UNIT_DATA);
    rig_assert_not_called(follower, "--app --file");
    rig_assert_called(elected, "relation-set -r " PROXY " --app --file -");
    rig_assert_called(elected, APP_DATA);
}

TEST(who_becomes_leader_again_tells_what_another_one_may_have_changed)
{
    _cleanup_rig_ struct rig rig = proxied_new(true);
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, PROXY);
    _cleanup_free_ char *next = calls_of(&rig, HOOK_CONFIG_CHANGED);
    _cleanup_free_ char *elected = calls_of(&rig, HOOK_LEADER_ELECTED);

    rig_assert_called(first, APP_DATA);
    rig_assert_not_called(next, "--app --file");
    rig_assert_called(elected, APP_DATA);
    rig_assert_not_called(elected, UNIT_DATA); // its own, which nobody else changes
}

TEST(nothing_is_asked_or_told_between_changes)
{
    _cleanup_rig_ struct rig rig = proxied_new(true);
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, PROXY),
                        *port = NULL;
    _cleanup_free_ char *status = calls_of(&rig, HOOK_UPDATE_STATUS);
    _cleanup_free_ char *same = calls_of(&rig, HOOK_CONFIG_CHANGED), *worker = NULL;

    rig_assert_called(first, UNIT_DATA);
    rig_assert_called(first, APP_DATA);
    rig_assert_called(first,
                      "status-set -- waiting waiting for ingress to tell the public address");
    rig_assert_not_called(status, "is-leader");
    rig_assert_not_called(status, "network-get");
    rig_assert_not_called(status, "traefik");
    rig_assert_not_called(same, "relation-set");
    configure(&rig, "{\"http-port\": 8080}");
    port = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(port, "relation-set -r " PROXY " --app --file -");
    ck_assert_ptr_nonnull(strstr(port, "\"port\":\"8080\""));
    configure(&rig, "{\"roles\": \"worker\"}");
    worker = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(worker, "{\"host\":\"\",\"ip\":\"\"}");
    rig_assert_called(worker,
                      "{\"healthcheck_params\":\"\",\"model\":\"\",\"name\":\"\",\"port\":\"\"}");
}

TEST(the_proxys_answer_is_where_people_find_us)
{
    _cleanup_rig_ struct rig rig = proxied_new(true);
    _cleanup_free_ char *first = calls_of_relation(&rig, HOOK_RELATION_CREATED, PROXY),
                        *calls = NULL;
    _cleanup_free_ char *settings = NULL, *later = NULL, *broken = NULL, *after = NULL;

    (void)first;
    proxy_says(&rig, "https://tests.example.com/");
    calls = calls_of_relation(&rig, HOOK_RELATION_CHANGED, PROXY);
    rig_assert_called(calls, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready at "
                             "https://tests.example.com");
    rig_assert_called(calls, "systemctl restart -- autopkgtest-web.service "
                             "autopkgtest-indexer.service");
    settings = rig_get(&rig, "/etc/autopkgtest-cloud/web.conf");
    ck_assert_ptr_nonnull(strstr(settings, "\nhostname = tests.example.com\n"));
    ck_assert_ptr_nonnull(strstr(settings, "\npublic-url = https://tests.example.com\n"));
    later = calls_of(&rig, HOOK_UPDATE_STATUS);
    rig_assert_called(later, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready at "
                             "https://tests.example.com");
    broken = calls_of_relation(&rig, HOOK_RELATION_BROKEN, PROXY);
    rig_assert_called(broken, "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
    rig_assert_not_called(broken, "relation-set");
    after = rig_get(&rig, "/etc/autopkgtest-cloud/web.conf");
    ck_assert_ptr_null(strstr(after, "public-url"));
    ck_assert_ptr_nonnull(strstr(after, "\nhostname = localhost\n"));
}

TEST(an_address_may_have_a_path)
{
    _cleanup_rig_ struct rig rig = proxied_new(true);
    _cleanup_free_ char *calls = NULL, *settings = NULL;

    proxy_says(&rig, "http://proxy:8080/model-tests/");
    calls = calls_of_relation(&rig, HOOK_RELATION_CHANGED, PROXY);
    rig_assert_not_called(calls, "status-set -- blocked");
    settings = rig_get(&rig, "/etc/autopkgtest-cloud/web.conf");
    ck_assert_ptr_nonnull(strstr(settings, "\nhostname = proxy:8080\n"));
    ck_assert_ptr_nonnull(strstr(settings, "\npublic-url = http://proxy:8080/model-tests\n"));
}

TEST(an_answer_that_cannot_be_used_is_told)
{
    static const char *const bad[][2] = {
        {"http://proxy/a?b", "expected an address http[s]://HOST or http[s]://HOST/PATH"},
        {"ftp://proxy", "expected an address http[s]://HOST or http[s]://HOST/PATH"},
        {"https://user@proxy", "expected an address http[s]://HOST or http[s]://HOST/PATH"},
        {"https://", "expected an address http[s]://HOST or http[s]://HOST/PATH"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_rig_ struct rig rig = proxied_new(true);
        _cleanup_free_ char *calls = NULL, *settings = NULL;
        _cleanup_free_ char *status = str_format("status-set -- blocked ingress: %s", bad[i][1]);

        proxy_says(&rig, bad[i][0]);
        calls = calls_of_relation(&rig, HOOK_RELATION_CHANGED, PROXY);
        rig_assert_called(calls, status);
        settings = rig_get(&rig, "/etc/autopkgtest-cloud/web.conf");
        ck_assert_ptr_nonnull(strstr(settings, "\nhostname = localhost\n"));
    }
}

TEST(an_answer_that_is_no_json_is_waited_past)
{
    _cleanup_rig_ struct rig rig = proxied_new(true);
    _cleanup_free_ char *calls = NULL;

    rig_answer(&rig, "relation-get.traefik", "{\"ingress\": \"url: http://x\"}");
    calls = calls_of_relation(&rig, HOOK_RELATION_CHANGED, PROXY);
    rig_assert_called(calls,
                      "status-set -- waiting waiting for ingress to tell the public address");
}
