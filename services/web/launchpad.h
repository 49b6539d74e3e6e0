// SPDX-License-Identifier: GPL-3.0-only
// What Launchpad knows of people and packages, by its web service API, version 1.0: the anonymous
// reading part (https://launchpad.net/+apidoc/1.0.html: archive.getPublishedSources,
// archive.checkUpload, person.super_teams).
//
// Each question is asked once and its answer kept for LAUNCHPAD_KEEP_US. A handler asks as if all
// was known: what is not makes it wait (EXCHANGE_WAIT, to be returned at once), and it is called
// again, from its beginning, when the answer is there. What fails is remembered for some seconds,
// so that it is told and not asked again at once: -ENOTCONN.
#pragma once

#include "net/http_async.h"
#include "web/exchange.h"

#define LAUNCHPAD_KEEP_US (UINT64_C(3) * 3600 * 1000000)
#define LAUNCHPAD_FAILURE_US (UINT64_C(5) * 1000000)
#define LAUNCHPAD_ANSWERS 2000 // kept at most

struct launchpad;

struct launchpad *launchpad_new(void);
void launchpad_free(struct launchpad *launchpad);

// The names of all teams that somebody is in, directly or by way of others; of somebody who is not
// there: none. *ret is borrowed, a list of strings.
int launchpad_teams(struct exchange *x, const char *user, const json_t **ret, struct error *err);

struct launchpad_source {
    const char *ppa; // USER/NAME; NULL: the primary archive
    const char *release;
    const char *name;
    const char *version; // NULL: any
};
// The component that a source package is published in; NULL when it is not. Borrowed.
int launchpad_component(struct exchange *x, const struct launchpad_source *source, const char **ret,
                        struct error *err);
// The same, and whether there is such an archive; of a private one Launchpad does not tell what is
// in it.
int launchpad_find(struct exchange *x, const struct launchpad_source *source, const char **ret,
                   bool *ret_archive, struct error *err);

// Whether somebody may upload a source package to the primary archive.
int launchpad_may_upload(struct exchange *x, const char *user, const char *release,
                         const char *component, const char *package, bool *ret, struct error *err);
