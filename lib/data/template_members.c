// SPDX-License-Identifier: GPL-3.0-only
#include "data/template_members.h"

#include <string.h>

static void read_members(struct members *m)
{
    json_t *object = (json_t *)m->object;

    memset(m->first, 0, sizeof(m->first));
    m->len = 0;
    m->read = true;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        uint8_t n = ++m->len, *place;

        m->names[n] = json_object_iter_key(at);
        m->values[n] = json_object_iter_value(at);
        m->hashes[n] = member_hash(m->names[n]);
        place = &m->first[m->hashes[n] % MEMBERS_PLACES];
        m->next[n] = *place;
        *place = n;
    }
}

const json_t *members_get(struct members *m, const char *name, uint32_t hash)
{
    if (!m->object)
        return NULL;
    if (!m->read) {
        if (json_object_size(m->object) > MEMBERS_MAX)
            return json_object_get(m->object, name);
        read_members(m);
    }
    for (uint8_t n = m->first[hash % MEMBERS_PLACES]; n; n = m->next[n])
        if (m->hashes[n] == hash && strcmp(m->names[n], name) == 0)
            return m->values[n];
    return NULL;
}
