// SPDX-License-Identifier: GPL-3.0-only
// Everything that is served, in one table. router.h explains patterns and kinds.
#include "web/pages.h"
#include "web/store_http.h"
#include "web/web.h"

#define FORM_MAX ((size_t)64 * 1024)

const struct route web_routes[] = {
    // pages
    {METHODS_READ, "/", ROUTE_PAGE, "home", page_home, 0, NULL, NULL},
    {METHODS_READ, "/recent", ROUTE_PAGE, "recent", page_recent, 0, NULL, NULL},
    {METHODS_READ, "/running", ROUTE_PAGE, "running", page_running, 0, NULL, NULL},
    {METHODS_READ, "/queues", ROUTE_PAGE, "queues", page_queues, 0, NULL, NULL},
    {METHODS_READ, "/regressions", ROUTE_PAGE, "regressions", page_regressions, 0, NULL, NULL},
    {METHODS_READ, "/flaky", ROUTE_PAGE, "flaky", page_flaky, 0, NULL, NULL},
    {METHODS_READ, "/statistics", ROUTE_PAGE, "statistics", page_statistics, 0, NULL, NULL},
    {METHODS_READ, "/user/{name}", ROUTE_PAGE, "user", page_user, 0, NULL, NULL},
    {METHODS_READ, "/user/{name}/ppa/{ppa}", ROUTE_PAGE, "user", page_ppa, 0, NULL, NULL},
    {METHODS_READ, "/packages/{package}", ROUTE_PAGE, "package", page_package, 0, NULL, NULL},
    {METHODS_READ, "/packages/{prefix}/{package}", ROUTE_PAGE, NULL, page_moved_to_package, 0, NULL,
     NULL},
    {METHODS_READ, "/packages/{package}/{release}/{arch}", ROUTE_PAGE, "history", page_history, 0,
     NULL, NULL},
    {METHODS_READ, "/packages/{package}/{release}/{arch}/{run}", ROUTE_PAGE, "run", page_run, 0,
     NULL, NULL},
    {METHODS_READ, "/packages/{package}/{release}/{arch}/{run}/log", ROUTE_PAGE, "log", page_log, 0,
     NULL, NULL},
    {METHODS_READ, "/results/{container}/{object...}", ROUTE_PAGE, "results", page_results, 0, NULL,
     NULL},
    {METHODS_READ, "/request", ROUTE_PAGE, "request", page_request_form, 0, NULL, NULL},
    {METHODS_READ, "/static/{path...}", ROUTE_RAW, NULL, page_static, 0, NULL, NULL},
    {METHODS_READ, "/robots.txt", ROUTE_RAW, NULL, page_robots, 0, NULL, NULL},

    // for programs
    {METHOD_GET | METHOD_POST, "/request.cgi", ROUTE_PAGE, "requested", page_request, FORM_MAX,
     NULL, NULL},
    {METHODS_READ, "/queues.json", ROUTE_DATA, NULL, page_queues_json, 0, NULL, NULL},
    {METHODS_READ, "/running.json", ROUTE_DATA, NULL, page_running_json, 0, NULL, NULL},
    {METHODS_READ, "/healthz", ROUTE_DATA, NULL, page_health, 0, NULL, NULL},

    // the built-in store: Swift v1
    {METHODS_READ, "/auth/v1.0", ROUTE_RAW, NULL, store_auth, 0, NULL, NULL},
    {METHODS_READ, "/swift/info", ROUTE_RAW, NULL, store_info, 0, NULL, NULL},
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
