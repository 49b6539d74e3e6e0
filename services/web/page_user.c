// SPDX-License-Identifier: GPL-3.0-only
// What somebody has requested, and the results of a PPA.
#include "adt/names.h"
#include "net/http.h"
#include "web/login.h"
#include "web/pages.h"
#include "web/results.h"
#include "web/web.h"

#define USER_ROWS 100

static int start(struct exchange *x, struct error *err)
{
    const char *name = exchange_value(x, "name");
    int r;

    if (strlen(name) > 100)
        return exchange_fail(x, 404, err, "nobody has such a name");
    r = page_start(x, name, err);
    return r < 0 || json_put_string(x->data, "user", name) == 0 ? r : error_oom(err);
}

int page_user(struct exchange *x, struct error *err)
{
    struct results_filter f = {.requester = exchange_value(x, "name"), .limit = USER_ROWS};
    _cleanup_json_ json_t *ppas = NULL;
    struct database *db;
    const struct running_filter running = {.requester = exchange_value(x, "name"),
                                           .limit = USER_ROWS};
    const struct session *session = login_session(x);
    int r = start(x, err);

    if (r == 0 && page_put_running_list(x, &running) < 0)
        r = error_oom(err);
    if (r == 0 && session && strcmp(session->user, running.requester) == 0)
        r = json_put_bool(x->data, "own", true);
    if (r < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    if ((r = page_put_results(x, db, &f, err)) < 0 ||
        (r = results_ppas(db, &x->web->settings.releases, exchange_value(x, "name"), &ppas, err)) <
            0)
        return r;
    return page_put_rows(x->data, "ppas", json_incref(ppas));
}

// /user/NAME/ppa: the list of somebody's PPAs is there.
int page_moved_to_user(struct exchange *x, struct error *err)
{
    _cleanup_free_ char *name = http_escape(exchange_value(x, "name"), false);
    _cleanup_free_ char *url = name ? str_format("/user/%s", name) : NULL;

    return url && exchange_redirect(x, MHD_HTTP_MOVED_PERMANENTLY, url) == 0 ? 0 : error_oom(err);
}

int page_ppa(struct exchange *x, struct error *err)
{
    const char *ppa = exchange_value(x, "ppa");
    struct results_filter f = {.limit = USER_ROWS + 1};
    struct database *db;
    json_t *rows = NULL;
    int r = start(x, err);

    if (r == 0 && json_put_string(x->data, "ppa", ppa) < 0)
        r = error_oom(err);
    if (r == 0)
        r = page_read_before(x, &f.before, err);
    if (r < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    r = results_of_ppa(db, &x->web->settings.releases, exchange_value(x, "name"), ppa, &f, &rows,
                       err);
    if (r < 0)
        return r;
    if (json_array_size(rows) == 0 && !f.before) {
        json_decref(rows);
        return exchange_fail(x, 404, err, "there are no results of a PPA %s/%s",
                             exchange_value(x, "name"), ppa);
    }
    r = page_cut_rows(x, rows, USER_ROWS);
    return page_put_rows(x->data, "results", rows) < 0 || r < 0 ? error_oom(err) : 0;
}
