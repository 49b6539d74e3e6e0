// SPDX-License-Identifier: GPL-3.0-only
// A unit of the charm for tests: options, a broker with one unit, installed packages.
#pragma once

#include "charm/reconcile.h"
#include "data/json.h"
#include "rig.h"

#define CONFIG                                                                                     \
    "\"roles\": \"worker web\", \"releases\": \"noble jammy\", \"authorization\": \"open\","       \
    "\"http-port\": 80, \"local-workers\": \"amd64: {null: 1, unshare: 1}\""
// A unit as Juju has it after it was related to a broker with one unit.
static inline struct rig unit_new(void)
{
    struct rig rig = rig_new();
    _cleanup_free_ char *templates = str_format("%s/templates", rig.charm);
    _cleanup_free_ char *here = realpath("templates", NULL);
    _cleanup_free_ char *packages = str_format("%s/packages.any", rig.charm);
    _cleanup_free_ char *metadata = str_format("%s/metadata.yaml", rig.charm);

    rig_write(packages, "libcurl4\n");
    rig_write(metadata, "name: autopkgtest-cloud\n");
    ck_assert_int_eq(symlink(here, templates), 0);
    rig_put(&rig, "/var/lib/dpkg/status",
            "Package: libcurl4\nStatus: install ok installed\n\n"
            "Package: autopkgtest\nStatus: install ok installed\n\n"
            "Package: dpkg-dev\nStatus: install ok installed\n\n"
            "Package: mmdebstrap\nStatus: install ok installed\n\n"
            "Package: uidmap\nStatus: install ok installed\n\n"
            "Package: zstd\nStatus: install ok installed\n\n"
            "Package: distro-info-data\nStatus: install ok installed\n");
    rig_put(&rig, "/var/lib/autopkgtest-cloud/images/noble-amd64.tar.zst", "");
    rig_put(&rig, "/var/lib/autopkgtest-cloud/images/jammy-amd64.tar.zst", "");
    rig_put(&rig, "/etc/apt/sources.list", "deb http://archive noble main\n");
    setenv("JUJU_UNIT_NAME", "autopkgtest-cloud/0", 1);
    setenv("JUJU_CHARM_DIR", rig.charm, 1);
    rig_answer(&rig, "config-get", "{" CONFIG "}");
    rig_answer(&rig, "relation-ids.amqp", "[\"amqp:1\"]");
    rig_answer(&rig, "relation-ids", "[]"); // of all others
    rig_answer(&rig, "is-leader", "false\n");
    rig_answer(&rig, "secret-info-get", "{\"abc\": {}}");
    rig_answer(&rig, "secret-get", "{\"token\": \"hidden-token\"}");
    rig_answer(&rig, "network-get", "\"10.0.0.9\"");
    rig_answer(&rig, "relation-list", "[\"rabbitmq-server/0\"]");
    rig_answer(&rig, "relation-get", "{\"password\": \"hidden\", \"hostname\": \"10.0.0.5\"}");
    rig_answer(&rig, "storage-list", "[]");
    return rig;
}

// The unit's options, some of them with other values.
static inline void configure(const struct rig *rig, const char *others)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *config = NULL, *changes = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(json_parse("{" CONFIG "}", strlen("{" CONFIG "}"), "test", &config, &err), &err);
    ASSERT_OK(json_parse(others, strlen(others), "test", &changes, &err), &err);
    ck_assert_int_eq(json_object_update(config, changes), 0);
    ck_assert_int_eq(json_write(config, &text), 0);
    rig_answer(rig, "config-get", buf_str(&text));
}

static inline void reconcile(const struct rig *rig, enum hook hook)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(charm_reconcile(rig->root, hook, &err), &err);
}

// Runs a hook and gives its calls; the caller frees.
static inline char *calls_of(const struct rig *rig, enum hook hook)
{
    free(rig_calls(rig));
    reconcile(rig, hook);
    return rig_calls(rig);
}

// The same of a hook of that relation.
static inline char *calls_of_relation(const struct rig *rig, enum hook hook, const char *relation)
{
    char *calls;

    setenv("JUJU_RELATION_ID", relation, 1);
    calls = calls_of(rig, hook);
    unsetenv("JUJU_RELATION_ID");
    return calls;
}
