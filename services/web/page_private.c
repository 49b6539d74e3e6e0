// SPDX-License-Identifier: GPL-3.0-only
// Stored files of private runs, for those whom the request has named in readable-by.
#include "base/file.h"
#include "web/login.h"
#include "web/pages.h"
#include "web/permission.h"
#include "web/results.h"
#include "web/web.h"

#define READABLE_BY "readable-by"
#define READABLE_MAX ((size_t)64 * 1024)
#define LISTED_MAX 100
#define FOLDER_PARTS 5 // RELEASE/ARCH/PREFIX/PACKAGE/RUNID

// The run's folder that the object is in, with a slash at its end; NULL when it is in none.
static char *run_folder(const char *object)
{
    const char *end = object;

    for (int i = 0; i < FOLDER_PARTS; i++) {
        end = strchr(end, '/');
        if (!end)
            return NULL;
        end++;
    }
    return strndup(object, (size_t)(end - object));
}

// Whom the run's file names, as it is now: what is kept of a run is for nobody who is no longer
// named. -ENOENT: it has none.
static int read_names(struct exchange *x, const char *container, const char *folder,
                      struct strv *ret, struct error *err)
{
    _cleanup_free_ char *name = str_format("%s" READABLE_BY, folder);
    const struct stored_object object = {.reader = READER_ACCOUNT,
                                         .container = container,
                                         .name = name,
                                         .max = READABLE_MAX,
                                         .anew = true};
    _cleanup_buf_ struct buf text = BUF_INIT(READABLE_MAX);
    _cleanup_close_ int fd = -1;
    int r;

    if (!name)
        return error_oom(err);
    r = stored_open(x, &object, &fd, NULL, err);
    if (r == 0)
        r = file_read_fd(fd, name, &text, err);
    if (r == 0 && strv_split(ret, buf_str(&text), "\n") < 0)
        r = error_oom(err);
    return r;
}

// To a stranger a run that is not there and one of somebody else look alike.
static int refuse(struct exchange *x, struct error *err)
{
    return exchange_fail(x, 404, err, "there is no such result, or it is not for %s",
                         login_session(x)->user);
}

// *ret_sent: the browser was sent to log in.
static int check_login(struct exchange *x, bool *ret_sent, struct error *err)
{
    _cleanup_free_ char *url = NULL;

    *ret_sent = false;
    if (!login_is_possible(x->web))
        return exchange_fail(x, 404, err,
                             "nobody can log in here, so nobody is shown private "
                             "results");
    x->secret = true;
    if (login_session(x))
        return 0;
    if (x->wants_json)
        return exchange_fail(x, 401, err, "log in to see private results");
    *ret_sent = true;
    url = login_url(x->path);
    return url && exchange_redirect(x, MHD_HTTP_SEE_OTHER, url) == 0 ? 0 : error_oom(err);
}

// What the user has requested; results for others to read are not announced to them here.
int page_private_list(struct exchange *x, struct error *err)
{
    struct results_filter f = {.limit = LISTED_MAX + 1};
    struct database *db;
    json_t *rows = NULL;
    bool sent;
    int r = check_login(x, &sent, err);

    if (r < 0 || sent)
        return r;
    if ((r = page_start(x, "Private results", err)) < 0 ||
        (r = page_read_before(x, &f.before, err)) < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    r = results_private_of(db, login_session(x)->user, &f, &rows, err);
    if (r < 0)
        return r;
    r = page_cut_rows(x, rows, LISTED_MAX);
    return page_put_rows(x->data, "results", rows) < 0 || r < 0 ? error_oom(err) : 0;
}

// Whether the user may see what is stored of the run in this folder.
static int check_reader(struct exchange *x, const char *container, const char *folder,
                        struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    bool allowed = false;
    int r;

    if (!str_starts_with(container, "private-"))
        return refuse(x, err);
    r = read_names(x, container, folder, &names, err);
    if (r == EXCHANGE_WAIT || r == -EAGAIN)
        return r;
    if (r < 0)
        return refuse(x, err);
    r = permission_is_one_of(x, &names, &allowed, err);
    if (r == -ENOTCONN)
        x->status = 503;
    return r == 0 && !allowed ? refuse(x, err) : r;
}

int page_private_results(struct exchange *x, struct error *err)
{
    const char *container = exchange_value(x, "container"), *object = exchange_value(x, "object");
    _cleanup_free_ char *folder = run_folder(object);
    bool sent;
    int r = check_login(x, &sent, err);

    if (r < 0 || sent)
        return r;
    if (!stored_is_readable(x->web, READER_ACCOUNT))
        return exchange_fail(x, 404, err,
                             "private results are kept in the object store of this "
                             "service, where their readers have accounts");
    r = folder ? check_reader(x, container, folder, err) : refuse(x, err);
    if (r == 0)
        r = page_stored(x, READER_ACCOUNT, container, object, err);
    // Above the run there is nothing to see.
    if (r == 0 && x->data && str_equal(object, folder))
        r = json_put_bool(x->data, "has_parent", false) < 0 ? error_oom(err) : 0;
    return r;
}
