// SPDX-License-Identifier: GPL-3.0-only
#include "charm/apply.h"

#include "base/file.h"
#include "charm/accounts.h"
#include "charm/command.h"
#include "charm/juju.h"
#include "charm/packages.h"

#include <fcntl.h>
#include <sys/stat.h>

int apply_remember(const struct apply *a, const char *what, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;

    if (strv_add(&words, what) < 0)
        return error_oom(err);
    return state_add_words(a->state, APPLY_PENDING, &words, err);
}

// What memory says when all of `names` are there and nothing was installed or removed since.
static char *packages_known(const struct apply *a, const char *names)
{
    _cleanup_free_ char *stamp = packages_stamp(a->root);

    return stamp ? str_format("%s %s", stamp, names) : NULL;
}

static int install_missing(const struct apply *a, const struct strv *wanted, bool refresh,
                           struct error *err)
{
    _cleanup_strv_ struct strv missing = STRV_INIT;
    int r;

    r = packages_missing(a->root, wanted, &missing, err);
    if (r < 0 || (missing.len == 0 && !refresh))
        return r;
    r = juju_status_set("maintenance", "installing packages", err);
    return r < 0 ? r : packages_install(&missing, refresh, err);
}

int apply_packages(const struct apply *a, const struct strv *extra, bool refresh, struct error *err)
{
    _cleanup_strv_ struct strv wanted = STRV_INIT;
    _cleanup_free_ char *names = NULL, *known = NULL, *now = NULL;
    int r;

    r = packages_read_list(a->root, a->model->charm_dir, &wanted, err);
    if (r < 0)
        return r;
    if (strv_add_list(&wanted, extra) < 0 || !(names = strv_join(&wanted, " ")) ||
        !(known = packages_known(a, names)))
        return error_oom(err);
    if (!refresh && state_is(a->state, "packages", known))
        return 0;
    r = install_missing(a, &wanted, refresh, err);
    if (r < 0)
        return r;
    now = packages_known(a, names);
    return now ? state_set(a->state, "packages", now, err) : error_oom(err);
}

// The numbers of the last user and group that were looked up: of a plan's files nearly all have the
// same.
struct owner {
    const char *user, *group;
    struct file_attributes attributes;
};

static int lookup(const char *root, const char *user, const char *group, struct owner *last,
                  struct file_attributes *attributes, struct error *err)
{
    int r;

    if (!str_equal(last->user, user) || !str_equal(last->group, group)) {
        last->user = NULL;
        if ((r = account_user(root, user, &last->attributes.uid, NULL, err)) < 0 ||
            (r = account_group(root, group, &last->attributes.gid, err)) < 0)
            return r;
        last->user = user;
        last->group = group;
    }
    attributes->uid = last->attributes.uid;
    attributes->gid = last->attributes.gid;
    return 0;
}

static int apply_folders(const struct apply *a, const struct plan *plan, struct error *err)
{
    struct owner owner = {0};

    for (size_t i = 0; i < plan->folders_len; i++) {
        const struct plan_folder *f = &plan->folders[i];
        _cleanup_free_ char *path = str_format("%s%s", a->root, f->path);
        struct file_attributes attributes = FILE_ATTRIBUTES(f->mode);
        int r;

        if (!path)
            return error_oom(err);
        r = lookup(a->root, f->user, f->group, &owner, &attributes, err);
        if (r >= 0)
            r = dir_ensure(path, &attributes, NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// Whether the file on disk is not as planned.
static int differs(const char *path, const struct plan_file *file,
                   const struct file_attributes *attributes, bool *ret, struct error *err)
{
    _cleanup_buf_ struct buf old = BUF_INIT(BUF_OWN_MAX);
    struct stat st;
    int r;

    *ret = true;
    if (lstat(path, &st) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return error_errno(err, -errno, "cannot look at %s", path);
        *ret = !file->absent;
        return 0;
    }
    if (file->absent || file->link || !S_ISREG(st.st_mode) ||
        (st.st_mode & 07777) != attributes->mode || st.st_uid != attributes->uid ||
        st.st_gid != attributes->gid || (size_t)st.st_size != file->content.len)
        return 0;
    r = file_read(path, &old, err);
    if (r < 0)
        return r;
    *ret = old.len != file->content.len ||
           memcmp(buf_str(&old), buf_str(&file->content), old.len) != 0;
    return 0;
}

// Whether a line, up to its end, is one of those settings.
static bool is_setting(const char *line, const char *const *names)
{
    for (; *names; names++) {
        size_t len = strlen(*names);

        if (strncmp(line, *names, len) == 0 && str_starts_with(line + len, " = "))
            return true;
    }
    return false;
}

// The next line that is none of those settings; at the end "". *ret_len: without its end.
static const char *next_line(const char **at, const char *const *names, size_t *ret_len)
{
    const char *line;

    do {
        line = *at;
        *ret_len = strcspn(line, "\n");
        *at = line + *ret_len + (line[*ret_len] == '\n');
    } while (*line && is_setting(line, names));
    return line;
}

// Whether a file that is not as planned would be but for settings that are taken up by a reload.
static bool wants_reload(const char *path, const struct plan_file *file)
{
    _cleanup_buf_ struct buf old = BUF_INIT(BUF_OWN_MAX);
    const char *before, *after, *a, *b;
    size_t a_len, b_len;

    if (!file->reloaded || file->absent || file_read(path, &old, NULL) < 0)
        return false;
    before = buf_str(&old);
    after = buf_str(&file->content);
    do {
        a = next_line(&before, file->reloaded, &a_len);
        b = next_line(&after, file->reloaded, &b_len);
        if (a_len != b_len || memcmp(a, b, a_len) != 0 || !*a != !*b)
            return false;
    } while (*a);
    return true;
}

static int remember_readers(const struct apply *a, const char *path, const struct plan_file *file,
                            struct error *err)
{
    static const struct {
        unsigned reader;
        const char *word;
    } words[] = {{READ_BY_SYSTEMD, "systemd"}, {READ_BY_WORKERS, "workers"},
                 {READ_BY_WEB, "web"},         {READ_BY_INDEXER, "indexer"},
                 {READ_BY_APT, "apt"},         {RESTARTS_WORKERS, "workers-restart"}};
    int r = 0;

    if (wants_reload(path, file))
        return apply_remember(a, "web-reload", err);
    for (size_t i = 0; i < ARRAY_SIZE(words) && r >= 0; i++)
        if (file->readers & words[i].reader)
            r = apply_remember(a, words[i].word, err);
    return r < 0 || file->restart.len == 0
               ? r
               : state_add_words(a->state, APPLY_PENDING, &file->restart, err);
}

// In place of a folder as well, which the same file was in before it was shared.
static int write_link(const char *path, const char *target, struct error *err)
{
    struct stat st;
    int r = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? dir_remove(path, err) : 0;

    return r < 0 ? r : file_replace_link(path, target, NULL, err);
}

static int write_file(const char *path, const struct plan_file *file,
                      const struct file_attributes *attributes, struct error *err)
{
    int r;

    if (file->absent)
        return file_remove(path, NULL, err);
    if (file->link)
        return write_link(path, file->link, err);
    r = dir_make_parent(path, 0755, err);
    return r < 0 ? r
                 : file_replace_alone(path, buf_str(&file->content), file->content.len, attributes,
                                      NULL, err);
}

// With `dry` only looks, and remembers whom to tell; else writes. *ret_different (may be NULL)
// tells whether there is anything to write.
static int pass(const struct apply *a, const struct plan *plan, bool apt, bool dry,
                bool *ret_different, struct error *err)
{
    struct owner owner = {0};
    bool any = false;

    for (size_t i = 0; i < plan->files_len; i++) {
        const struct plan_file *file = &plan->files[i];
        _cleanup_free_ char *path = str_format("%s%s", a->root, file->path);
        struct file_attributes attributes = FILE_ATTRIBUTES(file->mode);
        bool different;
        int r;

        if (!path)
            return error_oom(err);
        if ((file->readers == READ_BY_APT) != apt)
            continue;
        if ((r = lookup(a->root, file->user, file->group, &owner, &attributes, err)) < 0 ||
            (r = differs(path, file, &attributes, &different, err)) < 0)
            return r;
        if (!different)
            continue;
        any = true;
        r = dry ? remember_readers(a, path, file, err) : write_file(path, file, &attributes, err);
        if (r < 0)
            return r;
    }
    if (ret_different)
        *ret_different = any;
    return dry ? state_save(a->state, err) : 0;
}

static int make_files(const struct apply *a, const struct plan *plan, bool apt, struct error *err)
{
    bool different;
    int r = pass(a, plan, apt, true, &different, err);

    return r < 0 || !different ? r : pass(a, plan, apt, false, NULL, err);
}

static int apply_apt(const struct apply *a, const struct plan *plan, struct error *err)
{
    _cleanup_strv_ struct strv pending = STRV_INIT;
    int r;

    if ((r = make_files(a, plan, true, err)) < 0 ||
        (r = state_words(a->state, APPLY_PENDING, &pending, err)) < 0)
        return r;
    return apply_packages(a, &plan->packages, strv_contains(&pending, "apt"), err);
}

// The charm's folder under a short name, and the commands people type in everybody's PATH.
static int apply_links(const struct apply *a, struct error *err)
{
    static const char *const links[][2] = {
        {CHARM_LINK, NULL}, // to the charm's folder
        {COMMAND_LINK, CHARM_LINK "/bin/autopkgtest-cloud"},
        {OLD_COMMAND_LINK, CHARM_LINK "/bin/autopkgtest-cloud"},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(links) && r >= 0; i++) {
        const char *target = links[i][1] ? links[i][1] : a->model->charm_dir;
        _cleanup_free_ char *path = str_format("%s%s", a->root, links[i][0]);

        r = path ? dir_make_parent(path, 0755, err) : error_oom(err);
        if (r >= 0)
            r = file_replace_link(path, target, NULL, err);
    }
    return r;
}

int apply_files(const struct apply *a, const struct plan *plan, struct error *err)
{
    int r;

    if ((r = apply_apt(a, plan, err)) < 0 || (r = accounts_ensure(a->root, NULL, err)) < 0 ||
        (r = plan->kvm ? accounts_allow_kvm(a->root, err) : 0) < 0 ||
        (r = apply_folders(a, plan, err)) < 0 || (r = apply_links(a, err)) < 0)
        return r;
    return make_files(a, plan, false, err);
}
