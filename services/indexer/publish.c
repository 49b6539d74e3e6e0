// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/publish.h"

#include "adt/database.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#define BLOCK ((size_t)1024 * 1024)

// As in results.db, without what is ours.
static const char tables[] =
    "CREATE TABLE IF NOT EXISTS test (id INTEGER PRIMARY KEY, release CHAR[20], arch CHAR[20],"
    " package char[120]);"
    "CREATE UNIQUE INDEX IF NOT EXISTS test_package ON test(package, release, arch);"
    "CREATE TABLE IF NOT EXISTS result (test_id INTEGER, run_id CHAR[30], version VARCHAR[200],"
    " triggers TEXT, duration INTEGER, exitcode INTEGER, requester TEXT, env TEXT,"
    " PRIMARY KEY(test_id, run_id), FOREIGN KEY(test_id) REFERENCES test(id));"
    "CREATE INDEX IF NOT EXISTS result_run_id ON result(run_id DESC);"
    "CREATE TABLE IF NOT EXISTS current_version (release CHAR[20], pocket CHAR[40],"
    " component CHAR[10], package CHAR[50], version VARCHAR[120], PRIMARY KEY(release, package));"
    "CREATE TABLE IF NOT EXISTS url_last_checked (url CHAR[100], timestamp CHAR[50],"
    " PRIMARY KEY(url));";

static const char copy_results[] =
    "INSERT OR REPLACE INTO main.test(id, release, arch, package) SELECT id, release, arch, package"
    " FROM source.test WHERE id > (SELECT coalesce(max(id), 0) FROM main.test);"
    "INSERT OR REPLACE INTO main.result(rowid, test_id, run_id, version, triggers, duration,"
    " exitcode, requester, env) SELECT rowid, test_id, run_id, version, triggers, duration, "
    "exitcode,"
    " requester, env FROM source.result WHERE rowid >"
    " (SELECT coalesce(max(rowid), 0) FROM main.result);";

// Versions change together with the time at which their index was read.
static const char copy_versions[] =
    "DELETE FROM main.current_version; DELETE FROM main.url_last_checked;"
    "INSERT INTO main.current_version(release, pocket, component, package, version)"
    " SELECT release, pocket, component, package, version FROM source.current_version;"
    "INSERT INTO main.url_last_checked(url, timestamp)"
    " SELECT url, timestamp FROM source.url_last_checked;";

static int fail(sqlite3 *db, int rc, const char *doing, struct error *err)
{
    int r = rc == SQLITE_FULL                             ? -ENOSPC
            : rc == SQLITE_NOMEM                          ? -ENOMEM
            : rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? -EUCLEAN
                                                          : -EIO;

    return error_set(err, r, "%s: %s", doing, sqlite3_errmsg(db));
}

static int execute(sqlite3 *db, const char *sql, const char *doing, struct error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : fail(db, rc, doing, err);
}

// The first column of the first row; 0 without one.
static int ask(sqlite3 *db, const char *sql, int64_t *ret, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    *ret = 0;
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fail(db, rc, "public copy", err);
}

// Whether the work file's newest rows are those that the database has at their place, and no test
// has gone from it with its release.
static int fits(sqlite3 *db, bool *ret, struct error *err)
{
    static const char result[] =
        "SELECT count(*) FROM (SELECT rowid AS id, * FROM main.result ORDER BY rowid DESC LIMIT 1) "
        "m"
        " LEFT JOIN source.result s ON s.rowid = m.id AND s.test_id = m.test_id AND"
        " s.run_id = m.run_id WHERE s.run_id IS NULL";
    static const char test[] =
        "SELECT count(*) FROM (SELECT * FROM main.test ORDER BY id DESC LIMIT 1) m"
        " LEFT JOIN source.test s ON s.id = m.id AND s.package = m.package AND"
        " s.release = m.release AND s.arch = m.arch WHERE s.id IS NULL";
    static const char gone[] =
        "SELECT (SELECT count(*) FROM main.test) != (SELECT count(*) FROM source.test WHERE id <="
        " (SELECT max(id) FROM main.test))";
    int64_t odd_results = 0, odd_tests = 0, tests_gone = 0;
    int r = ask(db, result, &odd_results, err);

    if (r == 0)
        r = ask(db, test, &odd_tests, err);
    if (r == 0)
        r = ask(db, gone, &tests_gone, err);
    *ret = odd_results == 0 && odd_tests == 0 && tests_gone == 0;
    return r;
}

static int update_versions(sqlite3 *db, struct error *err)
{
    static const char differs[] =
        "SELECT EXISTS(SELECT * FROM source.url_last_checked EXCEPT SELECT * FROM"
        " main.url_last_checked) OR (SELECT count(*) FROM main.url_last_checked) !="
        " (SELECT count(*) FROM source.url_last_checked)";
    int64_t changed = 0;
    int r = ask(db, differs, &changed, err);

    return r < 0 || !changed ? r : execute(db, copy_versions, "versions", err);
}

// 1: it had to change; -ESTALE: it belongs to another database.
static int update_tables(sqlite3 *db, struct error *err)
{
    int64_t before = sqlite3_total_changes64(db);
    bool right = false;
    int r = execute(db, tables, "tables", err);

    if (r == 0)
        r = fits(db, &right, err);
    if (r == 0 && !right)
        return error_set(err, -ESTALE, "belongs to another database");
    if (r == 0)
        r = execute(db, copy_results, "results", err);
    if (r == 0)
        r = update_versions(db, err);
    return r < 0 ? r : sqlite3_total_changes64(db) > before;
}

static int attach(sqlite3 *db, const char *database, struct error *err)
{
    char *sql = sqlite3_mprintf("ATTACH %Q AS source", database);
    int r = sql ? execute(db, sql, database, err) : error_oom(err);

    sqlite3_free(sql);
    return r;
}

static int update_work(const char *database, const char *work, struct error *err)
{
    sqlite3 *db = NULL;
    int r, rc;

    if (access(database, F_OK) < 0) // ATTACH would make it
        return error_errno(err, -errno, "database %s", database);
    rc = sqlite3_open_v2(work, &db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        r = db ? fail(db, rc, "cannot open it", err) : error_oom(err);
    else if ((r = attach(db, database, err)) == 0 &&
             (r = execute(db, "BEGIN", "cannot begin", err)) == 0) {
        int changed = update_tables(db, err);

        r = changed < 0 ? changed : execute(db, "COMMIT", "cannot commit", err);
        r = r < 0 ? r : changed;
    }
    (void)sqlite3_close(db);
    return r;
}

// Copies the file and digests it on the way; synced.
static int copy_file(const char *from, const char *to, unsigned char *digest, unsigned *digest_len,
                     struct error *err)
{
    _cleanup_free_ char *block = malloc(BLOCK);
    _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ssize_t n = 0;
    int r = block && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) ? 0 : -ENOMEM;

    if (in < 0 || out < 0)
        r = -errno;
    while (r == 0 && (n = read(in, block, BLOCK)) > 0) {
        (void)EVP_DigestUpdate(context, block, (size_t)n);
        r = fd_write_all(out, block, (size_t)n);
    }
    if (r == 0 && (n < 0 || fsync(out) < 0))
        r = -errno;
    if (r == 0 && !EVP_DigestFinal_ex(context, digest, digest_len))
        r = -EIO;
    EVP_MD_CTX_free(context);
    return r < 0 ? error_errno(err, r, "cannot copy %s to %s", from, to) : 0;
}

static int replace_public(const char *work, const char *public_database, struct error *err)
{
    _cleanup_free_ char *fresh = str_format("%s.new", public_database);
    _cleanup_free_ char *checksum = str_format("%s.sha256", public_database);
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    unsigned len = 0;
    int r;

    if (!fresh || !checksum)
        return error_oom(err);
    r = copy_file(work, fresh, digest, &len, err);
    if (r == 0 && rename(fresh, public_database) < 0)
        r = error_errno(err, -errno, "cannot put %s in place", public_database);
    if (r < 0) {
        (void)unlink(fresh);
        return r;
    }
    hex_encode(digest, len, hex);
    return file_replace(checksum, hex, strlen(hex), &attributes, NULL, err);
}

uint64_t publish_last_us(const char *public_database)
{
    _cleanup_free_ char *checksum = str_format("%s.sha256", public_database);
    struct stat copy, sum;

    if (!checksum || stat(public_database, &copy) < 0 || stat(checksum, &sum) < 0 ||
        sum.st_mtim.tv_sec < copy.st_mtim.tv_sec ||
        (sum.st_mtim.tv_sec == copy.st_mtim.tv_sec &&
         sum.st_mtim.tv_nsec < copy.st_mtim.tv_nsec)) // cut off from its file by a crash
        return 0;
    return (uint64_t)sum.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t)sum.st_mtim.tv_nsec / 1000;
}

int publish_run(const char *database, const char *public_database, struct error *err)
{
    _cleanup_free_ char *dir = path_parent(public_database);
    const char *base = strrchr(public_database, '/');
    _cleanup_free_ char *work =
        dir ? str_format("%s/.%s.work", dir, base ? base + 1 : public_database) : NULL;
    int r;

    if (!work)
        return error_oom(err);
    if ((r = dir_make(dir, 0755, err)) < 0)
        return r;
    r = update_work(database, work, err);
    if (r == -ESTALE || r == -EUCLEAN) {
        error_clear(err);
        if ((r = file_remove(work, NULL, err)) == 0)
            r = update_work(database, work, err);
    }
    if (r < 0)
        return error_prefix(err, r, "%s", work);
    if (r == 0 && publish_last_us(public_database) != 0)
        return 0;
    r = replace_public(work, public_database, err);
    return r < 0 ? r : 1;
}
