// SPDX-License-Identifier: GPL-3.0-only
#include "charm/packages.h"

#include "base/file.h"
#include "charm/command.h"

#include <sys/stat.h>
#include <time.h>

#define ATTEMPTS 3
#define PAUSE_S 5
#define APT_TIMEOUT_S 3600

// Whether a list such as `libcurl4 (= 8.5.0), libfoo` has this name.
static bool provides(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name)) {
        bool begins = at == list || strchr(" ,", at[-1]);

        if (begins && (at[len] == '\0' || strchr(" ,:(", at[len])))
            return true;
    }
    return false;
}

struct paragraph {
    char *package, *provides;
    bool installed;
};

static void paragraph_end(struct paragraph *p, const struct strv *wanted, bool *found)
{
    for (size_t i = 0; p->installed && p->package && i < wanted->len; i++)
        if (strcmp(p->package, wanted->items[i]) == 0 ||
            (p->provides && provides(p->provides, wanted->items[i])))
            found[i] = true;
    free(p->package);
    free(p->provides);
    *p = (struct paragraph){0};
}

static int paragraph_line(struct paragraph *p, const char *line)
{
    if (str_starts_with(line, "Package: ")) {
        free(p->package);
        p->package = strdup(line + strlen("Package: "));
        return p->package ? 0 : -ENOMEM;
    }
    if (str_starts_with(line, "Provides: ")) {
        free(p->provides);
        p->provides = strdup(line + strlen("Provides: "));
        return p->provides ? 0 : -ENOMEM;
    }
    if (str_starts_with(line, "Status: "))
        p->installed = str_ends_with(line, " ok installed");
    return 0;
}

static int scan(FILE *f, const struct strv *wanted, bool *found)
{
    struct paragraph p = {0};
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    ssize_t len;
    int r = 0;

    while (r == 0 && (len = getline(&line, &size, f)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (*line)
            r = paragraph_line(&p, line);
        else
            paragraph_end(&p, wanted, found);
    }
    paragraph_end(&p, wanted, found);
    return r;
}

int packages_missing(const char *root, const struct strv *wanted, struct strv *ret,
                     struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/var/lib/dpkg/status", root);
    _cleanup_free_ bool *found = calloc(wanted->len + 1, sizeof(*found));
    _cleanup_fclose_ FILE *f = NULL;

    if (!path || !found)
        return error_oom(err);
    f = fopen(path, "re");
    if (!f && errno != ENOENT)
        return error_errno(err, -errno, "cannot read %s", path);
    if (f && scan(f, wanted, found) < 0)
        return error_oom(err);
    for (size_t i = 0; i < wanted->len; i++)
        if (!found[i] && strv_add(ret, wanted->items[i]) < 0)
            return error_oom(err);
    return 0;
}

char *packages_stamp(const char *root)
{
    _cleanup_free_ char *path = str_format("%s/var/lib/dpkg/status", root);
    struct stat st;

    if (!path || stat(path, &st) < 0)
        return strdup("none");
    return str_format("%lld.%09ld-%lld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                      (long long)st.st_size);
}

// ID-VERSION of the system, "debian-12"; the caller frees, NULL when it does not tell.
static char *system_name(const char *root)
{
    _cleanup_free_ char *path = str_format("%s/etc/os-release", root);
    _cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
    _cleanup_free_ char *line = NULL, *id = NULL, *version = NULL;
    size_t size = 0;

    while (f && getline(&line, &size, f) > 0) {
        char **place = str_starts_with(line, "ID=")           ? &id
                       : str_starts_with(line, "VERSION_ID=") ? &version
                                                              : NULL;
        char *value = strchr(line, '=');

        if (!place || !value)
            continue;
        value++;
        value += strspn(value, "\"'");
        value[strcspn(value, "\"'\n")] = '\0';
        free(*place);
        *place = strdup(value);
    }
    return id && version ? str_format("%s-%s", id, version) : NULL;
}

static int any_list(const char *charm_dir, char **ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir_list(charm_dir, &names, err);

    if (r < 0)
        return r;
    STRV_FOREACH (name, &names)
        if (str_starts_with(name, "packages.")) {
            *ret = path_join(charm_dir, name);
            return *ret ? 0 : error_oom(err);
        }
    return error_set(err, -ENOENT, "the charm has no list of packages in %s", charm_dir);
}

const char *packages_lxd_client(const char *root)
{
    _cleanup_free_ char *system = system_name(root);

    return system && str_starts_with(system, "ubuntu") ? NULL : "lxd-client";
}

int packages_read_list(const char *root, const char *charm_dir, struct strv *ret, struct error *err)
{
    _cleanup_free_ char *system = system_name(root);
    _cleanup_free_ char *path = system ? str_format("%s/packages.%s", charm_dir, system) : NULL;
    _cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    int r;

    if (!f) {
        free(TAKE_PTR(path));
        r = any_list(charm_dir, &path, err);
        if (r < 0)
            return r;
        f = fopen(path, "re");
        if (!f)
            return error_errno(err, -errno, "cannot read %s", path);
    }
    while (getline(&line, &size, f) > 0) {
        line[strcspn(line, "#\n")] = '\0';
        if (strv_split(ret, line, " \t") < 0)
            return error_oom(err);
    }
    return 0;
}

static int apt_get_once(const struct strv *arguments, struct error *err)
{
    static const char *const head[] = {"apt-get", "--yes", "--quiet",
                                       // Another apt, of unattended-upgrades or cloud-init, may
                                       // hold the lock right now.
                                       "-oDPkg::Lock::Timeout=600", "-oAcquire::Retries=3",
                                       // apt 2.6 may wait forever for a download that it means to
                                       // try again a moment later.
                                       "-oAcquire::Retries::Delay=false",
                                       // Keep what an operator changed.
                                       "-oDpkg::Options::=--force-confdef",
                                       "-oDpkg::Options::=--force-confold", NULL};
    _cleanup_strv_ struct strv argv = STRV_INIT;

    if (strv_add_all(&argv, head) < 0 || strv_add_list(&argv, arguments) < 0 ||
        setenv("DEBIAN_FRONTEND", "noninteractive", 1) < 0)
        return error_oom(err);
    return command_run((const char *const *)argv.items, APT_TIMEOUT_S, err);
}

// Until what a killed dpkg left half done is made up for, apt refuses everything. What is still
// wrong afterwards the next attempt says.
static void finish_interrupted(void)
{
    static const char *const configure[] = {"dpkg",        "--force-confdef", "--force-confold",
                                            "--configure", "--pending",       NULL};
    static const char *const fix[] = {"--fix-broken", "install", NULL};
    _cleanup_strv_ struct strv arguments = STRV_INIT;

    (void)command_run(configure, APT_TIMEOUT_S, NULL);
    if (strv_add_all(&arguments, fix) >= 0)
        (void)apt_get_once(&arguments, NULL);
}

static int apt_get(const struct strv *arguments, unsigned attempts, struct error *err)
{
    int r = 0;

    for (unsigned i = 0; i < attempts; i++) {
        if (i > 0) {
            struct timespec pause = {.tv_sec = PAUSE_S};

            (void)nanosleep(&pause, NULL);
            finish_interrupted();
        }
        r = apt_get_once(arguments, err);
        if (r >= 0)
            return 0;
    }
    return r;
}

static int apt_update(struct error *err)
{
    _cleanup_strv_ struct strv arguments = STRV_INIT;
    int r;

    if (strv_add(&arguments, "update") < 0)
        return error_oom(err);
    r = apt_get(&arguments, ATTEMPTS, err);
    return r < 0 ? error_prefix(err, r, "cannot refresh package lists") : 0;
}

int packages_install(const struct strv *names, bool refresh, struct error *err)
{
    _cleanup_strv_ struct strv arguments = STRV_INIT;
    int r;

    r = refresh ? apt_update(err) : 0;
    if (r < 0 || names->len == 0)
        return r;
    if (strv_add(&arguments, "install") < 0 ||
        strv_add(&arguments, "--no-install-recommends") < 0 || strv_add_list(&arguments, names) < 0)
        return error_oom(err);
    // Lists that were never fetched, or are too old, are the usual reason of a first failure.
    if (!refresh) {
        r = apt_get(&arguments, 1, NULL);
        if (r >= 0)
            return 0;
        r = apt_update(err);
        if (r < 0)
            return r;
    }
    r = apt_get(&arguments, ATTEMPTS, err);
    return r < 0 ? error_prefix(err, r, "cannot install packages") : 0;
}
