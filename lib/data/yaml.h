// SPDX-License-Identifier: GPL-3.0-only
// YAML (libyaml) of operators into JSON values, strictly.
//
// One document; mappings with string keys (an unquoted `null` counts as one); anchors, aliases,
// tags and merge keys are refused; duplicate keys are refused; depth, size and number of nodes are
// limited. Plain scalars follow the YAML 1.2 core schema (null, true/false, integers, floats, else
// a string); quoted and block scalars are strings. Messages start with `NAME: line L, column C: `.
#pragma once

#include "base/buf.h"

#include <jansson.h>

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 100000
#define YAML_BYTES_MAX ((size_t)1024 * 1024)

// The caller owns *ret; an empty document is JSON null.
int yaml_parse(const char *text, size_t len, const char *name, json_t **ret, struct error *err);
int yaml_parse_file(const char *path, json_t **ret, struct error *err);
