// SPDX-License-Identifier: GPL-3.0-only
#include "charm/apply.h"

#include "base/clock.h"
#include "base/file.h"
#include "charm/juju.h"
#include "charm/merge.h"
#include "charm/relocation.h"

#include <sys/stat.h>

#define STORE "store"
#define UPLOADS ".uploads" // in it: what has not arrived as a whole

static const char *const names[] = {STORE, "public", "results.db", "results.db-wal"};

// ---- the marks of the folders
//
// A disk that is not mounted leaves an empty folder, in which services would begin anew. So a
// folder that has been given to them is marked, and they start only where the mark is (web.conf:
// results-mark). The folder of the built-in store may have a disk of its own, and so has a mark of
// its own (store-mark).

#define MARK ".autopkgtest-cloud-results"

static const char mark_text[] =
    "autopkgtest-cloud keeps its results in this folder. Its services start only while this file "
    "is\n"
    "here, so that they do not begin anew where the disk with the results is not mounted.\n";

enum folder_kind {
    FOLDER_NEW,    // nothing of ours was here so far
    FOLDER_MARKED, // as it should be
    FOLDER_KNOWN,  // the services use it, by a charm that made no marks
    FOLDER_LOST    // they use it, and nothing of it is there
};

// What the services were last told (templates/conf/web.conf.mustache): 1: of a mark of this kind,
// 0: that this is the folder of the results, -ENOENT: of another one, or nothing.
static int told(const char *root, const char *data_dir, const char *mark)
{
    _cleanup_free_ char *path = str_format("%s" ETC_DIR "/web.conf", root);
    _cleanup_free_ char *database = str_format("\ndatabase = %s/results.db\n", data_dir);
    _cleanup_buf_ struct buf conf = BUF_INIT(BUF_OWN_MAX);

    if (!path || !database)
        return -ENOMEM;
    if (file_read(path, &conf, NULL) < 0 || !strstr(buf_str(&conf), database))
        return -ENOENT;
    return strstr(buf_str(&conf), mark) != NULL;
}

static int look_at(const char *root, const char *data_dir, const char *folder,
                   enum folder_kind *ret, struct error *err)
{
    static const char *const marks[] = {MARK};
    _cleanup_strv_ struct strv mark = STRV_INIT, results = STRV_INIT;
    int r, known = told(root, data_dir, "\nresults-mark = ");

    if (known == -ENOMEM)
        return error_oom(err);
    if ((r = relocation_present(folder, marks, ARRAY_SIZE(marks), &mark, err)) < 0 ||
        (r = relocation_present(folder, names, ARRAY_SIZE(names), &results, err)) < 0)
        return r;
    *ret = mark.len > 0                    ? FOLDER_MARKED
           : known < 0                     ? FOLDER_NEW
           : known == 0 && results.len > 0 ? FOLDER_KNOWN
                                           : FOLDER_LOST;
    return 0;
}

// The same of the store's folder. It may be empty for long, so a charm that made no mark in it
// tells nothing: it is marked as it is.
static int look_at_store(const char *root, const char *data_dir, const char *store,
                         enum folder_kind *ret, struct error *err)
{
    static const char *const marks[] = {MARK};
    _cleanup_strv_ struct strv mark = STRV_INIT;
    int known = told(root, data_dir, "\nstore-mark = "), r;

    if (known == -ENOMEM)
        return error_oom(err);
    r = relocation_present(store, marks, ARRAY_SIZE(marks), &mark, err);
    if (r == 0)
        *ret = mark.len > 0 ? FOLDER_MARKED : known > 0 ? FOLDER_LOST : FOLDER_NEW;
    return r;
}

static int make_mark(const char *folder, struct error *err)
{
    static const struct file_attributes attributes = {
        .mode = 0444, .uid = (uid_t)-1, .gid = (gid_t)-1};
    _cleanup_free_ char *path = path_join(folder, MARK);
    int r = path ? dir_make(folder, 0750, err) : error_oom(err);

    return r < 0 ? r
                 : file_replace_alone(path, mark_text, strlen(mark_text), &attributes, NULL, err);
}

// ---- results that move

// On storage, of each unit that has brought its results there: its last change tells when. What
// the unit has from before and the storage has not was removed from the storage.
#define BROUGHT ".results-of-"

// The caller frees.
static char *brought_path(const struct apply *a, const char *to)
{
    const char *unit = a->model->unit, *slash = strchrnul(unit, '/');

    return str_format("%s/" BROUGHT "%.*s-%s", to, (int)(slash - unit), unit,
                      *slash ? slash + 1 : "");
}

static time_t brought_when(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_mtime : 0;
}

// What was stored while the storage was not there.
static int add_results(const char *from, const char *to, time_t since, struct error *err)
{
    const struct merge merge = {
        .from = from, .to = to, .name = STORE, .without = {UPLOADS, MARK}, .since = since};
    _cleanup_free_ char *text = NULL;
    size_t files = 0;
    int r = merge_run(&merge, &files, err);

    if (r < 0 || files == 0)
        return r;
    text = str_format("%zu files of results made without the storage are copied there from %s: the "
                      "action rebuild-index puts those runs into the database",
                      files, from);
    return text ? juju_log("INFO", text, err) : error_oom(err);
}

static int copy_results(const char *from, const char *to, time_t since, struct error *err)
{
    const struct relocation move = {.from = from, .to = to, .staging = to, .keep = true};
    _cleanup_strv_ struct strv old = STRV_INIT, own = STRV_INIT;
    int r = relocation_resume(&move, err);

    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = relocation_present(to, names, ARRAY_SIZE(names), &own, err)) < 0 ||
        (r = relocation_present(from, names, ARRAY_SIZE(names), &old, err)) < 0)
        return r;
    return own.len > 0 ? add_results(from, to, since, err) : relocation_run(&move, &old, err);
}

// Storage comes: it gets what the unit has and it has not.
static int bring_results(const struct apply *a, const char *from, const char *to, struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_free_ char *brought = brought_path(a, to), *now = NULL;
    int r;

    now = clock_format_utc((int64_t)(clock_realtime_us() / USEC_PER_SEC), "%Y-%m-%d %H:%M:%SZ\n");
    if (!brought || !now)
        return error_oom(err);
    r = copy_results(from, to, brought_when(brought), err);
    return r < 0 ? r : file_replace_alone(brought, now, strlen(now), &attributes, NULL, err);
}

// From where they were before.
static int follow(const struct apply *a, const char *before, const char *data_dir, const char *to,
                  struct error *err)
{
    _cleanup_free_ char *from = str_format("%s%s", a->root, before);
    _cleanup_strv_ struct strv services = STRV_INIT;
    int r;

    if (!from || strv_add(&services, WEB_SERVICE) < 0 || strv_add(&services, INDEXER_SERVICE) < 0)
        return error_oom(err);
    r = systemd_run("stop", false, &services, err);
    // Storage that goes takes its results along.
    return r >= 0 && strcmp(data_dir, DATA_DIR) != 0 ? bring_results(a, from, to, err) : r;
}

struct marks {
    const char *folder, *store;       // where they are
    enum folder_kind results, stores; // FOLDER_MARKED: nothing is to be done
};

static int move_and_mark(const struct apply *a, const struct marks *marks, struct error *err)
{
    const char *before = state_get(a->state, "data-dir"), *data_dir = model_data_dir(a->model);
    int r = 0;

    if (before && strcmp(before, data_dir) != 0)
        r = follow(a, before, data_dir, marks->folder, err);
    if (r >= 0 && marks->results != FOLDER_MARKED)
        r = make_mark(marks->folder, err);
    if (r >= 0 && marks->stores != FOLDER_MARKED)
        r = make_mark(marks->store, err);
    return r < 0 ? r : state_set(a->state, "data-dir", data_dir, err);
}

int apply_data_dir(const struct apply *a, bool marked, bool stored, char **ret_lost,
                   struct error *err)
{
    const char *data_dir = model_data_dir(a->model);
    _cleanup_free_ char *folder = str_format("%s%s", a->root, data_dir);
    _cleanup_free_ char *store = str_format("%s%s/" STORE, a->root, data_dir);
    struct marks marks = {folder, store, FOLDER_MARKED, FOLDER_MARKED};
    int r = folder && store ? 0 : error_oom(err);

    if (r == 0 && marked)
        r = look_at(a->root, data_dir, folder, &marks.results, err);
    if (r == 0 && marked && stored)
        r = look_at_store(a->root, data_dir, store, &marks.stores, err);
    if (r < 0)
        return r;
    if (marks.results != FOLDER_LOST && marks.stores != FOLDER_LOST) {
        *ret_lost = NULL;
        return move_and_mark(a, &marks, err);
    }
    *ret_lost = str_format("%s%s", data_dir, marks.results == FOLDER_LOST ? "" : "/" STORE);
    return *ret_lost ? 0 : error_oom(err);
}
