// SPDX-License-Identifier: GPL-3.0-only
// One run.
#include "web/page_run.h"
#include "adt/names.h"
#include "data/archive.h"
#include "net/http.h"
#include "web/package_diff.h"
#include "web/results.h"
#include "web/retry.h"
#include "web/web.h"

#include <fcntl.h>

#define RESULT_MAX ((uint64_t)64 * 1024 * 1024)
#define SUMMARY_MAX ((size_t)256 * 1024)
#define PACKAGES_MAX ((size_t)1024 * 1024)
#define FEW_CHANGES 40 // are shown unfolded

void run_names_release(struct run_names *names)
{
    free(names->container);
    free(names->folder);
}

int run_names_read(struct exchange *x, struct run_names *ret, struct error *err)
{
    ret->package = exchange_value(x, "package");
    ret->release = exchange_value(x, "release");
    ret->arch = exchange_value(x, "arch");
    ret->run_id = exchange_value(x, "run");
    if (!name_is_package(ret->package) || !name_is_release(ret->release) ||
        !name_is_arch(ret->arch) || !name_is_run_id(ret->run_id)) {
        (void)exchange_fail(x, 404, err, "there is no such run");
        return -ENOENT;
    }
    ret->container = str_format("autopkgtest-%s", ret->release);
    ret->folder = run_path(ret->release, ret->arch, ret->package, ret->run_id);
    return ret->container && ret->folder ? 0 : error_oom(err);
}

char *run_object_name(const struct run_names *n, const char *file)
{
    return str_format("%s/%s", n->folder, file);
}

// ---- what the store has of a run

static char *human_size(uint64_t bytes)
{
    if (bytes < 1024)
        return str_format("%llu bytes", (unsigned long long)bytes);
    if (bytes < UINT64_C(1024) * 1024)
        return str_format("%llu KiB", (unsigned long long)(bytes + 512) / 1024);
    return str_format("%.1f MiB", (double)bytes / (1024 * 1024));
}

static int add_file(const struct stored_entry *entry, void *userdata)
{
    _cleanup_free_ char *size = human_size(entry->size);
    const char *name = strrchr(entry->name, '/');

    name = name ? name + 1 : entry->name;
    return size && json_array_append_new(userdata,
                                         json_pack("{s:s, s:b, s:I, s:s}", "name", name, "archive",
                                                   page_is_archive(name), "bytes",
                                                   (json_int_t)entry->size, "size", size)) == 0
               ? 0
               : -ENOMEM;
}

// What is stored of the run, in the order of names; none when the store has none.
static int list_files(struct exchange *x, const struct run_names *n, json_t *files,
                      struct error *err)
{
    _cleanup_free_ char *prefix = str_format("%s/", n->folder);
    const struct store_query query = {.prefix = prefix, .limit = 50};
    int r = prefix ? stored_list(x, READER_ANYBODY, n->container, &query, add_file, files, err)
                   : error_oom(err);

    if (r == -ENOENT)
        error_clear(err);
    return r == -ENOENT ? 0 : r;
}

static bool has_artifacts(const json_t *files)
{
    const json_t *file;
    size_t i;

    json_array_foreach (files, i, file) {
        if (str_equal(json_text(file, "name"), "artifacts.tar.gz"))
            return true;
    }
    return false;
}

int run_put_files(struct exchange *x, const struct run_names *n, struct error *err)
{
    _cleanup_free_ char *path = http_escape(n->folder, true);
    _cleanup_free_ char *url = str_format("/results/%s/%s", n->container, path ? path : "");
    json_t *files = json_array();
    int r = list_files(x, n, files, err);

    if (r == 0 && (!path || !url || json_put_string(x->data, "files_url", url) < 0 ||
                   json_put_bool(x->data, "has_files", json_array_size(files) > 0) < 0 ||
                   json_put_bool(x->data, "has_artifacts", has_artifacts(files)) < 0))
        r = error_oom(err);
    if (r != 0) {
        json_decref(files);
        return r;
    }
    return json_put(x->data, "files", files);
}

// A line of autopkgtest's summary: `NAME   VERDICT details`.
static int add_test(json_t *tests, char *line)
{
    size_t name = strcspn(line, " \t");
    char *verdict = line + name, *details;

    if (!*verdict || name == 0)
        return 0;
    *verdict++ = '\0';
    verdict += strspn(verdict, " \t");
    details = verdict + strcspn(verdict, " \t");
    if (*details)
        *details++ = '\0';
    details += strspn(details, " \t");
    return json_array_append_new(
               tests,
               json_pack("{s:s, s:s, s:s, s:b, s:b, s:b}", "name", line, "verdict", verdict,
                         "details", details, "failed",
                         strcmp(verdict, "FAIL") == 0 || strcmp(verdict, "FLAKY") == 0, "passed",
                         strcmp(verdict, "PASS") == 0, "skipped", strcmp(verdict, "SKIP") == 0)) < 0
               ? -EINVAL
               : 0;
}

// Of two things that were asked for: what is left to do, an error before a wait.
int run_both(int a, int b)
{
    return a < 0 ? a : b < 0 ? b : a ? a : b;
}

// A file of result.tar; empty when there is none, or it may not be shown.
static int read_result_file(struct exchange *x, const struct run_names *n, const char *name,
                            struct buf *ret, struct error *err)
{
    _cleanup_free_ char *result_tar = run_object_name(n, "result.tar"), *path = NULL;
    const struct stored_object object = {
        .container = n->container, .name = result_tar, .max = RESULT_MAX};
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_close_ int fd = -1;
    int r = result_tar ? stored_open(x, &object, &fd, NULL, &why) : -ENOMEM;

    if (r == -ENOENT || r == -EFBIG)
        return 0;
    if (r != 0)
        return r < 0 ? error_set(err, r, "%s", error_message(&why)) : r;
    path = str_format("/proc/self/fd/%d", fd);
    if (!path || tar_read_member(path, name, ret, NULL) < 0)
        buf_truncate(ret, 0);
    return 0;
}

// The verdicts of the single tests, from `summary` in result.tar; nothing when there is none.
int run_put_tests(struct exchange *x, const struct run_names *n, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(SUMMARY_MAX);
    _cleanup_strv_ struct strv lines = STRV_INIT;
    int r = read_result_file(x, n, "summary", &text, err);
    json_t *tests;
    bool any;

    if (r != 0)
        return r;
    tests = json_array();
    (void)strv_split(&lines, buf_str(&text), "\n");
    for (size_t i = 0; i < lines.len; i++)
        (void)add_test(tests, lines.items[i]); // what is no summary line is left out
    any = json_array_size(tests) > 0;
    return json_put(x->data, "tests", tests) < 0 ? -ENOMEM
                                                 : json_put_bool(x->data, "has_tests", any);
}

// ---- what changed since the last pass

static int put_diff(struct exchange *x, const struct run_names *n, const char *passed,
                    struct error *err)
{
    _cleanup_(run_names_release) struct run_names last = {
        .container = strdup(n->container),
        .folder = run_path(n->release, n->arch, n->package, passed)};
    _cleanup_buf_ struct buf before = BUF_INIT(PACKAGES_MAX), after = BUF_INIT(PACKAGES_MAX);
    _cleanup_free_ char *url = results_url(n->package, n->release, n->arch, passed);
    json_t *changes = NULL;
    int r;

    if (!url || !last.container || !last.folder)
        return error_oom(err);
    r = run_both(read_result_file(x, &last, "testbed-packages", &before, err),
                 read_result_file(x, n, "testbed-packages", &after, err));
    if (r != 0)
        return r;
    if (before.len == 0 || after.len == 0)
        return 0; // one of run_both is no longer stored, or had no testbed
    r = package_diff(buf_str(&before), buf_str(&after), &changes, err);
    if (r < 0)
        return r;
    if (json_put_bool(x->data, "compared", true) < 0 ||
        json_put_string(x->data, "passed_url", url) < 0 ||
        json_put_string(x->data, "passed", passed) < 0 ||
        json_put_int(x->data, "changed", (int64_t)json_array_size(changes)) < 0 ||
        json_put_bool(x->data, "many_changes", json_array_size(changes) > FEW_CHANGES) < 0) {
        json_decref(changes);
        return error_oom(err);
    }
    return page_put_rows(x->data, "changes", changes);
}

// Of a run that failed.
static int put_changes(struct exchange *x, const struct run_names *n, struct error *err)
{
    const json_t *result = json_object_get(x->data, "result");
    _cleanup_free_ char *passed = NULL;
    struct database *db = NULL;
    int r;

    if (!result || strcmp(json_text(result, "verdict"), "pass") == 0 ||
        web_database(x->web, &db, NULL) < 0)
        return 0;
    r = results_pass_before(db, n->package, n->release, n->arch, n->run_id, &passed, err);
    return r < 0 || !passed ? r : put_diff(x, n, passed, err);
}

// ---- the run's page

int run_start(struct exchange *x, const struct run_names *n, struct error *err)
{
    _cleanup_free_ char *title = str_format("%s on %s %s", n->package, n->release, n->arch);
    _cleanup_free_ char *package = results_url(n->package, NULL, NULL, NULL);
    _cleanup_free_ char *history = results_url(n->package, n->release, n->arch, NULL);
    _cleanup_free_ char *url = results_url(n->package, n->release, n->arch, n->run_id);

    x->data = json_object();
    if (!title || json_put_string(x->data, "title", title) < 0 ||
        json_put_string(x->data, "package", n->package) < 0 ||
        json_put_string(x->data, "release", n->release) < 0 ||
        json_put_string(x->data, "arch", n->arch) < 0 ||
        json_put_string(x->data, "run_id", n->run_id) < 0 ||
        json_put_string(x->data, "package_url", package) < 0 ||
        json_put_string(x->data, "history_url", history) < 0 ||
        json_put_string(x->data, "url", url) < 0)
        return error_oom(err);
    return 0;
}

int run_put_result(struct exchange *x, const struct run_names *n, bool need, struct error *err)
{
    struct database *db = page_database(x);
    json_t *result = NULL;
    int r;

    if (!db)
        return 0;
    r = results_run(db, n->package, n->release, n->arch, n->run_id, &result, err);
    if (r == -ENOENT && !need) {
        error_clear(err);
        return 0;
    }
    return r < 0 ? r : json_put(x->data, "result", result);
}

// /packages/P/PACKAGE/RELEASE/ARCH has as many parts as a run's address.
static bool is_older_address(const struct exchange *x)
{
    _cleanup_free_ char *prefix = package_prefix(exchange_value(x, "release"));

    return prefix && !name_is_run_id(exchange_value(x, "run")) &&
           strcmp(prefix, exchange_value(x, "package")) == 0;
}

// All that the store tells, asked for at once.
static int put_stored(struct exchange *x, const struct run_names *n, struct error *err)
{
    int r = run_put_tests(x, n, err);

    if (r >= 0)
        r = run_both(r, put_changes(x, n, err));
    return r < 0 ? r : run_both(r, run_put_files(x, n, err));
}

// Why there is nothing of the store on the page.
static int put_nothing(struct exchange *x, const struct error *why)
{
    return json_put_string(x->data, "store_trouble", error_message(why)) < 0 ||
                   page_put_rows(x->data, "tests", json_array()) < 0 ||
                   page_put_rows(x->data, "files", json_array()) < 0
               ? -ENOMEM
               : 0;
}

// The way to ask for the same once more.
static int put_retry(struct exchange *x, struct error *err)
{
    const json_t *result = json_object_get(x->data, "result");
    _cleanup_free_ char *url = NULL;

    if (!result || !retry_makes_sense(result))
        return 0;
    url = retry_url(result);
    return !url || json_put_string(x->data, "retry_url", url) < 0 ? error_oom(err) : 0;
}

int page_run(struct exchange *x, struct error *err)
{
    _cleanup_(run_names_release) struct run_names n = {0};
    _cleanup_free_ char *url = NULL;
    int r;

    if (is_older_address(x)) {
        url = results_url(exchange_value(x, "release"), exchange_value(x, "arch"),
                          exchange_value(x, "run"), NULL);
        return url ? exchange_redirect(x, MHD_HTTP_MOVED_PERMANENTLY, url) : error_oom(err);
    }
    r = run_names_read(x, &n, err);
    if (r == 0)
        r = run_start(x, &n, err);
    if (r == 0)
        r = run_put_result(x, &n, true, err);
    if (r == 0)
        r = put_retry(x, err);
    if (r == 0)
        r = put_stored(x, &n, err);
    if (r != -EAGAIN)
        return r;
    if (put_nothing(x, err) < 0)
        return error_oom(err);
    error_clear(err);
    return 0;
}
