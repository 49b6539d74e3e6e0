// SPDX-License-Identifier: GPL-3.0-only
// Everything that is served, in one table. router.h explains patterns and kinds.
#include "web/store_http.h"
#include "web/web.h"

const struct route web_routes[] = {
    // the built-in store: Swift v1
    {METHODS_READ, "/auth/v1.0", ROUTE_RAW, NULL, store_auth, 0, NULL, NULL},
    {METHODS_READ | METHOD_POST, "/swift/v1", ROUTE_RAW, NULL, store_account, 0, NULL, NULL},
    {METHODS_READ, "/swift/v1/{container}", ROUTE_RAW, NULL, store_container, 0, NULL, NULL},
    {METHOD_PUT | METHOD_POST | METHOD_DELETE, "/swift/v1/{container}", ROUTE_RAW, NULL,
     store_container_change, 0, NULL, NULL},
    {METHODS_READ, "/swift/v1/{container}/{object...}", ROUTE_RAW, NULL, store_object_read, 0, NULL,
     NULL},
    {METHOD_PUT, "/swift/v1/{container}/{object...}", ROUTE_RAW, NULL, store_put_end, 0,
     store_put_begin, store_put_receive},
    {METHOD_POST | METHOD_DELETE, "/swift/v1/{container}/{object...}", ROUTE_RAW, NULL,
     store_object_change, 0, NULL, NULL},
};

const size_t web_routes_len = ARRAY_SIZE(web_routes);
