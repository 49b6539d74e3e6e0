// SPDX-License-Identifier: GPL-3.0-only
// Everything that is served, in one table. router.h explains patterns and kinds.
#include "web/login.h"
#include "web/pages.h"
#include "web/store_http.h"
#include "web/web.h"

#define FORM_MAX ((size_t)64 * 1024)
#define API_BODY_MAX ((size_t)1024 * 1024)

// A page that everybody sees alike and that changes nothing, one made for a client of its own, a
// machine's interface, and what answers itself.
#define PAGE(path, name, handler)                                                                  \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_PAGE, .template = (name),        \
        .handle = (handler), .keep = true                                                          \
    }
#define OWN_PAGE(path, name, handler)                                                              \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_PAGE, .template = (name),        \
        .handle = (handler)                                                                        \
    }
// Not counted as a page: who reads many may log in all the same.
#define LOGIN(path, handler)                                                                       \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_PAGE, .handle = (handler),       \
        .own_limit = true                                                                          \
    }
#define STORED_PAGE(path, name, handler)                                                           \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_PAGE, .template = (name),        \
        .handle = (handler), .stored = STORED                                                      \
    }
#define DATA(path, handler)                                                                        \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_DATA, .handle = (handler)        \
    }
// Without parameters.
#define KEPT_DATA(path, handler)                                                                   \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_DATA, .handle = (handler),       \
        .keep = true                                                                               \
    }
#define RAW(set, path, handler)                                                                    \
    {                                                                                              \
        .methods = (set), .pattern = (path), .kind = ROUTE_RAW, .handle = (handler)                \
    }

#define STORED_RAW(path, handler)                                                                  \
    {                                                                                              \
        .methods = METHODS_READ, .pattern = (path), .kind = ROUTE_RAW, .handle = (handler),        \
        .stored = STORED                                                                           \
    }

const struct route web_routes[] = {
    // pages
    PAGE("/", "home", page_home),
    PAGE("/recent", "recent", page_recent),
    PAGE("/running", "running", page_running),
    RAW(METHOD_GET, "/running/events", page_running_events),
    PAGE("/queues", "queues", page_queues),
    PAGE("/regressions", "regressions", page_regressions),
    PAGE("/flaky", "flaky", page_flaky),
    PAGE("/statistics", "statistics", page_statistics),
    PAGE("/user/{name}", "user", page_user),
    OWN_PAGE("/user/{name}/ppa", NULL, page_moved_to_user),
    PAGE("/user/{name}/ppa/{ppa}", "user", page_ppa),
    RAW(METHODS_READ, "/user/{name}/feed.atom", page_user_feed),
    RAW(METHODS_READ, "/packages/{package}/feed.atom", page_package_feed),
    RAW(METHODS_READ, "/packages/{package}/{release}/{arch}/badge.svg", page_badge),
    PAGE("/packages", "packages", page_packages),
    PAGE("/packages/{package}", "package", page_package),
    OWN_PAGE("/packages/{prefix}/{package}", NULL, page_moved_to_package),
    PAGE("/packages/{package}/{release}/{arch}", "history", page_history),
    {.methods = METHODS_READ,
     .pattern = "/packages/{package}/{release}/{arch}/{run}",
     .kind = ROUTE_PAGE,
     .template = "run",
     .handle = page_run,
     .stored = STORED_IN_PART,
     .keep = true},
    {.methods = METHODS_READ,
     .pattern = "/packages/{package}/{release}/{arch}/{run}/log",
     .kind = ROUTE_PAGE,
     .template = "log",
     .handle = page_log,
     .stored = STORED,
     .keep = true},
    STORED_PAGE("/results/{container}/{object...}", "results", page_results),
    STORED_RAW("/results/{container}", page_container), // what the row before leaves: no slash
    OWN_PAGE("/private-results", "private", page_private_list),
    STORED_PAGE("/private-results/{container}/{object...}", "results", page_private_results),
    OWN_PAGE("/requests/{uuid}", "request_state", page_request_state),
    {.methods = METHOD_POST,
     .pattern = "/requests/{uuid}/cancel",
     .kind = ROUTE_PAGE,
     .handle = page_request_cancel,
     .body_max = FORM_MAX},
    OWN_PAGE("/run/{uuid}", NULL, page_run_by_uuid),
    OWN_PAGE("/request", "request", page_request_form),
    LOGIN("/login", page_login),
    LOGIN("/login/return", page_login_return),
    {.methods = METHOD_GET | METHOD_POST,
     .pattern = "/logout",
     .kind = ROUTE_PAGE,
     .template = "logout",
     .handle = page_logout,
     .body_max = FORM_MAX},
    RAW(METHODS_READ, "/static/{path...}", page_static),
    RAW(METHODS_READ, "/robots.txt", page_robots),

    // for programs
    {.methods = METHOD_GET | METHOD_POST,
     .pattern = "/request.cgi",
     .kind = ROUTE_PAGE,
     .template = "requested",
     .handle = page_request,
     .body_max = API_BODY_MAX},
    DATA("/request/check", page_request_check),
    KEPT_DATA("/queues.json", page_queues_json),
    KEPT_DATA("/running.json", page_running_json),
    DATA("/api/experimental/recent.json", page_recent_json),
    {.methods = METHOD_POST,
     .pattern = "/api/v1/requests",
     .kind = ROUTE_DATA,
     .handle = page_api_submit,
     .body_max = API_BODY_MAX},
    DATA("/api/v1/requests/{uuid}", page_api_request),
    {.methods = METHOD_DELETE,
     .pattern = "/api/v1/requests/{uuid}",
     .kind = ROUTE_DATA,
     .handle = page_api_cancel},
    DATA("/api/v1/results", page_api_results),
    DATA("/api/v1/changes", page_api_changes),
    DATA("/api/v1/tests/{package}/{release}/{arch}", page_api_test),
    DATA("/api/v1/packages", page_api_packages),
    DATA("/api/v1/openapi.json", page_api_document),
    DATA("/healthz", page_health),
    RAW(METHODS_READ, "/metrics", page_metrics),

    // the built-in store: Swift v1
    RAW(METHODS_READ, "/auth/v1.0", store_auth),
    RAW(METHODS_READ, "/swift/info", store_info),
    RAW(METHODS_READ | METHOD_POST, "/swift/v1", store_account),
    STORED_RAW("/swift/v1/{container}", store_container),
    RAW(METHOD_PUT | METHOD_POST | METHOD_DELETE, "/swift/v1/{container}", store_container_change),
    STORED_RAW("/swift/v1/{container}/{object...}", store_object_read),
    {.methods = METHOD_PUT,
     .pattern = "/swift/v1/{container}/{object...}",
     .kind = ROUTE_RAW,
     .handle = store_put_end,
     .begin = store_put_begin,
     .receive = store_put_receive},
    RAW(METHOD_POST | METHOD_DELETE, "/swift/v1/{container}/{object...}", store_object_change),
};

const size_t web_routes_len = ARRAY_SIZE(web_routes);
