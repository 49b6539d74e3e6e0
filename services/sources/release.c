// SPDX-License-Identifier: GPL-3.0-only
#include "sources/sources.h"

static char *suite_name(const char *release, const char *pocket)
{
    return str_equal(pocket, "release") ? strdup(release) : str_format("%s-%s", release, pocket);
}

static int read_indices(const struct reading *reading, const char *release, struct index *indices,
                        struct error *err)
{
    const struct archive_settings *s = reading->settings;
    size_t n = 0, absent = 0;
    int r = 0;

    for (size_t p = 0; p < s->pockets.len && r == 0; p++)
        for (size_t c = 0; c < s->components.len && r == 0; c++) {
            struct index *index = &indices[n++];

            index->release = release;
            index->component = s->components.items[c];
            index->suite = suite_name(release, s->pockets.items[p]);
            r = index->suite ? index_read(reading, index, err) : error_oom(err);
            absent += index->state == INDEX_ABSENT;
        }
    if (r == 0 && absent == n)
        r = error_set(err, -EAGAIN, "the archive has no such release");
    return r;
}

int release_read(const struct reading *reading, const char *release, bool *ret_changed,
                 struct error *err)
{
    size_t n = reading->settings->pockets.len * reading->settings->components.len;
    struct index *indices = calloc(n ? n : 1, sizeof(*indices));
    int r = indices ? table_clear(reading->db, err) : error_oom(err);

    if (r == 0)
        r = read_indices(reading, release, indices, err);
    if (r == 0)
        r = table_apply(reading->db, release, indices, n, ret_changed, err);
    for (size_t i = 0; indices && i < n; i++)
        index_release(&indices[i]);
    free(indices);
    return r < 0 ? error_prefix(err, r, "%s", release) : 0;
}
