// SPDX-License-Identifier: GPL-3.0-only
// Juju's hook tools, each call one started program. Knows how they are asked and what their answers
// and exit codes mean (Juju's source: cmd/jujuc, internal/worker/uniter/runner/jujuc); knows
// nothing of this charm.
//
// Answers are asked for as JSON. A tool that fails gives -ENOENT (what was named is not there),
// -EACCES (not ours to see), -EINVAL (a wrong call: exit code 2) or -EIO, with the tool's own text.
// Values that may be secret go through standard input and never stand in a message.
#pragma once

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

// What `stdin` is in the hooks' shared object (Makefile): Juju gives hooks none.
extern FILE *const charm_no_stdin;

// Options that have a value, as an object. The caller owns the results of all these.
int juju_config_get(json_t **ret, struct error *err);
// Identifiers of the relations of an endpoint: an array of strings, without broken ones.
int juju_relation_ids(const char *endpoint, json_t **ret, struct error *err);
// Remote units of a relation: an array of strings.
int juju_relation_list(const char *relation, json_t **ret, struct error *err);
// The data a remote unit has set: an object of strings; empty when it has set none.
int juju_relation_get(const char *relation, const char *unit, json_t **ret, struct error *err);
// The name of the application on the other side. The caller frees.
int juju_relation_app(const char *relation, char **ret, struct error *err);
// The data an application has set. Its own may be read on a peer relation, and by the leader.
int juju_relation_get_app(const char *relation, const char *app, json_t **ret, struct error *err);
// Sets keys of our own unit's data (an object of strings). Sent when the hook succeeds.
int juju_relation_set(const char *relation, const json_t *data, struct error *err);
// The same of our application's data. -EACCES: this unit is not the leader.
int juju_relation_set_app(const char *relation, const json_t *data, struct error *err);
int juju_is_leader(bool *ret, struct error *err);
// The address others reach this unit at for an endpoint. The caller frees.
int juju_ingress_address(const char *endpoint, char **ret, struct error *err);
// The newest content of a secret, which becomes the revision this unit tracks.
int juju_secret_get(const char *uri, json_t **ret, struct error *err);
// The bytes that one key of it has, as base64 in a JSON string. -ENODATA: there is no such key.
int juju_secret_get_bytes(const char *uri, const char *key, json_t **ret, struct error *err);
// The id (`secret:…`) of our application's secret with this label, NULL without one; for the
// leader. The caller frees.
int juju_secret_find(const char *label, char **ret, struct error *err);
// Makes a secret of our application; for the leader. Its content is in a file, as a JSON object of
// texts. Sent when the hook succeeds; *ret (the caller frees) is its id.
int juju_secret_add(const char *label, const char *path, char **ret, struct error *err);
// Gives a secret of our application another content (as above), a new revision; for the leader.
// Sent when the hook succeeds.
int juju_secret_set(const char *uri, const char *path, struct error *err);
// Takes away a revision (a number, as in JUJU_SECRET_REVISION) of a secret of our application; for
// the leader, when the hook has succeeded. -ENOENT: there is no such secret; a revision that is not
// there is no error.
int juju_secret_remove(const char *uri, const char *revision, struct error *err);
// Lets the application at the other end of a relation read it.
int juju_secret_grant(const char *uri, const char *relation, struct error *err);
// Identifiers of the attached storage of a name, e.g. "data/0".
int juju_storage_list(const char *name, json_t **ret, struct error *err);
// Where a storage is mounted. The caller frees.
int juju_storage_location(const char *id, char **ret, struct error *err);
// What the unit has open, an array of ranges: "80/tcp", "10-20/udp", "icmp".
int juju_opened_ports(json_t **ret, struct error *err);
// `open` true: open-port, else close-port, of such a range. Sent when the hook succeeds.
int juju_port(bool open, const char *range, struct error *err);
// At once, also when the hook fails later.
int juju_status_set(const char *status, const char *message, struct error *err);
int juju_version_set(const char *version, struct error *err);
// Level: INFO, WARNING, …
int juju_log(const char *level, const char *message, struct error *err);
// Parameters of the action that runs, an object.
int juju_action_get(json_t **ret, struct error *err);
// Adds results (an object of strings, whose keys Juju takes). They stand on the tool's command
// line: it takes them in no other way.
int juju_action_set(const json_t *results, struct error *err);
// The action failed, with this message; its results stay.
int juju_action_fail(const char *message, struct error *err);
