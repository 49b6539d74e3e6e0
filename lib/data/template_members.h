// SPDX-License-Identifier: GPL-3.0-only
// The members of an object of the data, for sections that look many names up in it: a template
// knows the hashes of its names from when it was parsed, while jansson computes one for each
// question, and a name of an outer context is asked of every object inside first.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMBERS_MAX 48 // larger objects are asked themselves
#define MEMBERS_PLACES 64

struct members { // `object`, and whether it was read, must be set; the rest is read when asked for
    const json_t *object; // borrowed; NULL: has no members
    bool read;
    uint8_t len;
    uint8_t first[MEMBERS_PLACES]; // by hash: the number of a member, from 1
    uint8_t next[MEMBERS_MAX + 1]; // of that place; 0: there is none
    uint32_t hashes[MEMBERS_MAX + 1];
    const char *names[MEMBERS_MAX + 1];
    const json_t *values[MEMBERS_MAX + 1];
};

static inline uint32_t member_hash(const char *name)
{
    uint32_t hash = 0;

    for (; *name; name++)
        hash = hash * 33 ^ (unsigned char)*name;
    return hash;
}

// The members of `value`, which may be of any type and has to stay as it is. Made where it is
// used: nearly all of it is written only when it is read.
static inline void members_of(struct members *members, const json_t *value)
{
    members->object = json_is_object(value) ? value : NULL;
    members->read = false;
}

// The member of that name, whose hash is given; NULL: there is none. Borrowed.
const json_t *members_get(struct members *members, const char *name, uint32_t hash);
