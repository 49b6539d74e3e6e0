// SPDX-License-Identifier: GPL-3.0-only
// Calls of OpenStack's APIs with an account: compute (Nova), images (Glance), network (Neutron),
// volumes (Cinder). Formats: the Compute, Image v2, Networking v2.0 and Block Storage v3 API
// references. What a call means is its caller's business; here are tokens, addresses, pages and
// errors.
#pragma once

#include "data/openrc.h"
#include "net/http.h"

#include <jansson.h>

enum openstack_service {
    OPENSTACK_COMPUTE,
    OPENSTACK_IMAGE,
    OPENSTACK_NETWORK,
    OPENSTACK_VOLUME,
    OPENSTACK_SERVICE_COUNT
};

struct openstack;

// Nothing is sent before the first call. The account is copied.
int openstack_new(const struct openrc *rc, struct openstack **ret, struct error *err);
void openstack_free(struct openstack *o);

struct openstack_call {
    enum openstack_service service;
    const char *method; // NULL: GET
    const char *path;   // behind the service's address, "/servers"; with its query
    const json_t *body; // NULL: none
};

// Does the call with a valid token: one that is refused is renewed once. GET, DELETE and PUT are
// repeated where that can help. *ret (may be NULL) is the answer's JSON, NULL where there is none;
// the caller owns it.
//
// -EACCES (refused), -ENOENT (no such thing, or the catalogue has no such service: -ENXIO), -EDQUOT
// (over a quota), -EBUSY (409: conflicts with something that is there), -EAGAIN (down, overloaded
// or out of reach: try later; a POST may have been done all the same), -EINVAL (a wrong call), -EIO
// (an answer that makes no sense). Messages have the service's own words and no password or token.
int openstack_call(struct openstack *o, const struct openstack_call *call, json_t **ret,
                   struct error *err);

// Calls `each` for all in the array `key` of a listing, page after page by the links that it gives;
// a return other than 0 ends it with that. At most OPENSTACK_PAGES_MAX pages: -E2BIG.
#define OPENSTACK_PAGES_MAX 1000
int openstack_list(struct openstack *o, enum openstack_service service, const char *path,
                   const char *key, int (*each)(const json_t *item, void *userdata), void *userdata,
                   struct error *err);

// The words of an answer to a failed call, up to 300 characters, without control characters: of
// {"forbidden": {"message": …}}, {"NeutronError": {"message": …}} and the like. NULL when there are
// none. The caller frees.
char *openstack_fault(const char *text, size_t len);

DEFINE_CLEANUP(struct openstack *, openstack_free)
