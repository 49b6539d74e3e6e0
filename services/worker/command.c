// SPDX-License-Identifier: GPL-3.0-only
#include "worker/command.h"

#include "adt/names.h"
#include "data/command_variable.h"

#include <ctype.h>
#include <inttypes.h>

#define REFERENCE_TRIGGER "migration-reference/0"

static const char *const timeout_names[] = {"short", "install", "test", "copy", "build"};
static const uint64_t timeout_seconds[] = {300, 3000, 10000, 900, 20000};

// Releases that still had i386 as an architecture to run on; later ones test it as a foreign one.
static const char *const i386_host_releases[] = {"precise", "trusty",  "utopic", "vivid",  "wily",
                                                 "xenial",  "yakkety", "zesty",  "artful", "bionic",
                                                 "cosmic",  "disco",   "eoan"};

// Debian's, where what waits to enter a stable release is in proposed-updates; sid has nothing like
// it.
static const char *const debian_releases[] = {"buster", "bullseye", "bookworm", "trixie",
                                              "forky",  "duke",     "stable",   "testing"};
static const char *const without_pocket[] = {"sid", "unstable", "experimental"};

static bool is_one_of(const char *release, const char *const *releases, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (str_equal(release, releases[i]))
            return true;
    return false;
}

static bool is_debian(const char *release)
{
    return is_one_of(release, debian_releases, ARRAY_SIZE(debian_releases)) ||
           is_one_of(release, without_pocket, ARRAY_SIZE(without_pocket));
}

static bool is_foreign_i386(const struct command_context *c)
{
    return str_equal(c->arch, "i386") &&
           !is_one_of(c->release, i386_host_releases, ARRAY_SIZE(i386_host_releases));
}

static const char *host_arch(const struct command_context *c)
{
    return is_foreign_i386(c) ? "amd64" : c->arch;
}

// NULL: no variable has that name.
static const char *variable_value(const struct command_context *c, const char *name, size_t len,
                                  const char *timestamp)
{
    const char *const values[VARIABLE_COUNT] = {
        [VARIABLE_RELEASE] = c->release,
        [VARIABLE_ARCHITECTURE] = c->arch,
        [VARIABLE_HOSTARCH] = host_arch(c),
        [VARIABLE_PACKAGE] = c->request->package,
        [VARIABLE_NAME] = c->name,
        [VARIABLE_UNIT] = c->unit,
        [VARIABLE_MODEL] = c->model,
        [VARIABLE_TIMESTAMP] = timestamp,
        [VARIABLE_PACKAGESIZE] = c->big ? "big" : "default",
        [VARIABLE_VMOPT] = c->vm ? "--vm" : "",
        [VARIABLE_VMFLAG] = c->vm ? "/vm" : "",
        [VARIABLE_LXD_REMOTE] = c->remote,
        [VARIABLE_MIRROR] = c->mirror,
        [VARIABLE_DISTRIBUTION] = is_debian(c->release) ? "debian" : "ubuntu",
    };
    enum command_variable variable = command_variable_find(name, len);

    if (variable == VARIABLE_COUNT)
        return NULL;
    return values[variable] ? values[variable] : "";
}

char *command_expand(const struct command_context *context, const char *text)
{
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *timestamp = str_format("%" PRId64, context->timestamp);

    while (timestamp && *text) {
        size_t name = command_variable_length(text);
        const char *value = name ? variable_value(context, text + 1, name, timestamp) : NULL;

        if (value ? buf_add_str(&out, value) < 0 : buf_add(&out, text, 1 + name) < 0)
            return NULL;
        text += 1 + name;
    }
    return timestamp ? buf_take(&out) : NULL;
}

char *command_name(const char *instance, const char *run_id)
{
    char *name = str_format("%s-%s", instance, run_id);
    size_t len = name ? strlen(name) : 0;

    if (len > COMMAND_NAME_MAX) { // the run id is at the end
        memmove(name, name + len - COMMAND_NAME_MAX, COMMAND_NAME_MAX + 1);
        len = COMMAND_NAME_MAX;
        name[0] = 'w';
    }
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]))
            name[i] = '-';
    while (len > 0 && name[len - 1] == '-')
        name[--len] = '\0';
    return name;
}

// An expanded argument behind `prefix`; one that is only a variable without value is left out.
static int add_expanded(const struct command_context *c, struct strv *argv, const char *prefix,
                        const char *text)
{
    _cleanup_free_ char *value = command_expand(c, text);

    if (!value)
        return -ENOMEM;
    if (!*value)
        return 0;
    return strv_addf(argv, "%s%s", prefix, value);
}

static bool is_null(const struct command_context *c)
{
    return str_equal(c->backend, "null");
}

// An argument that tells of the request. Of a private one it goes into the argument file, which
// `@FILE` on the command line stands for; where autopkgtest reads these does not matter to it.
static int add_told(const struct command_context *c, struct strv *argv, struct strv *secrets,
                    const char *prefix, const char *value)
{
    bool private = request_is_private(c->request);
    int r = 0;

    if (private && secrets->len == 0)
        r = strv_addf(argv, "@%s", c->secrets_file);
    return r < 0 ? r : strv_addf(private ? secrets : argv, "%s%s", prefix, value);
}

static int add_ppas(const struct command_context *c, struct strv *argv, struct strv *secrets)
{
    int r = 0;

    STRV_FOREACH (ppa, &c->request->ppas)
        if (r == 0)
            r = add_told(c, argv, secrets, "--add-apt-source=ppa:", ppa);
    return r;
}

// The archive's name for what waits to enter a release; NULL: it has none.
static const char *pocket_of(const char *release)
{
    if (is_one_of(release, without_pocket, ARRAY_SIZE(without_pocket)))
        return NULL;
    return is_debian(release) ? "proposed-updates" : "proposed";
}

// `--apt-pocket=proposed=src:a,src:b`, of the triggers that are packages.
static int add_trigger_pocket(const struct command_context *c, const char *name, struct strv *argv)
{
    _cleanup_buf_ struct buf pocket = BUF_INIT(BUF_OWN_MAX);
    int r = 0;

    STRV_FOREACH (trigger, &c->request->triggers) {
        if (r < 0 || str_equal(trigger, REFERENCE_TRIGGER))
            continue;
        r = buf_addf(&pocket, "%ssrc:%.*s", pocket.len ? "," : "", (int)strcspn(trigger, "/"),
                     trigger);
    }
    if (r < 0 || pocket.len == 0)
        return r;
    return strv_addf(argv, "--apt-pocket=%s=%s", name, buf_str(&pocket));
}

static int add_pocket(const struct command_context *c, struct strv *argv)
{
    const struct request *q = c->request;
    const char *pocket = pocket_of(c->release);

    if (is_null(c) || !pocket)
        return 0;
    if (q->all_proposed)
        return strv_addf(argv, "--apt-pocket=%s", pocket);
    if (q->ppas.len || q->test_git || q->build_git)
        return 0;
    return add_trigger_pocket(c, pocket, argv);
}

static int add_test(const struct command_context *c, struct strv *argv, struct strv *secrets,
                    struct error *err)
{
    const struct request *q = c->request;
    _cleanup_free_ char *url = NULL;
    int r;

    if (q->test_bzr)
        return error_set(err, -EINVAL,
                         "test-bzr: this worker fetches no Bazaar branches: use test-git");
    if (!q->test_git && !q->build_git)
        return strv_add(argv, q->package) < 0 ? error_oom(err) : 0;
    r = request_tree_url(q->test_git ? q->test_git : q->build_git, &url, err);
    if (r < 0)
        return r;
    if ((q->test_git && strv_add(argv, "--no-built-binaries") < 0) ||
        add_told(c, argv, secrets, "", url) < 0)
        return error_oom(err);
    return 0;
}

static int add_timeouts(const struct command_context *c, struct strv *argv)
{
    for (size_t i = 0; i < ARRAY_SIZE(timeout_names); i++) {
        bool test = str_equal(timeout_names[i], "test"),
             build = str_equal(timeout_names[i], "build");
        uint64_t seconds = timeout_seconds[i];

        if (c->long_tests)
            seconds *= test ? 4 : build ? 2 : 1;
        else if (c->big && test)
            seconds *= 2;
        if (str_equal(c->arch, "riscv64"))
            seconds *= 4;
        if (strv_addf(argv, "--timeout-%s=%" PRIu64, timeout_names[i], seconds) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int add_environment(const struct command_context *c, struct strv *argv, struct strv *secrets)
{
    _cleanup_free_ char *triggers = strv_join(&c->request->triggers, " ");
    int r = triggers ? 0 : -ENOMEM;

    if (r == 0 && c->request->triggers.len)
        r = add_told(c, argv, secrets, "--env=ADT_TEST_TRIGGERS=", triggers);
    STRV_FOREACH (variable, &c->request->env)
        if (r == 0)
            r = add_told(c, argv, secrets, "--env=", variable);
    if (r == 0 && c->request->testname)
        r = add_told(c, argv, secrets, "--testname=", c->request->testname);
    return r;
}

// What a backend needs when the settings give it no arguments of their own: testbeds that
// autopkgtest-build-BACKEND makes, by the names that it gives them.
static const char *const *backend_defaults(const struct command_context *c)
{
    static const char *const none[] = {NULL};
    static const char *const unshare[] = {"--release", "$RELEASE", "--arch", "$HOSTARCH", NULL};
    static const char *const schroot[] = {"--session-id", "$NAME", "$RELEASE-$HOSTARCH", NULL};
    static const char *const lxc[] = {"--name", "$NAME", "autopkgtest-$RELEASE-$HOSTARCH", NULL};
    static const char *const podman[] = {
        "--init", "localhost/autopkgtest/systemd/$DISTRIBUTION:$RELEASE", "--", "--name", "$NAME",
        NULL};
#define LXD                                                                                        \
    "$VMOPT", "-r", "$LXD_REMOTE",                                                                 \
        "$LXD_REMOTE:autopkgtest/$DISTRIBUTION/$RELEASE/$HOSTARCH$VMFLAG", "-c"
    static const char *const lxd[] = {LXD,  "limits.cpu=2",    "-c", "limits.memory=4GiB",
                                      "-d", "root,size=20GiB", NULL};
    static const char *const lxd_big[] = {LXD,  "limits.cpu=4",     "-c", "limits.memory=8GiB",
                                          "-d", "root,size=100GiB", NULL};
#undef LXD
    // A processor that is emulated takes longer to boot than the minute that it has by default.
    static const char *const qemu[] = {"--cpus=2", "--ram-size=4096", "--timeout-reboot=300",
                                       COMMAND_QEMU_IMAGE, NULL};
    static const char *const qemu_big[] = {"--cpus=4", "--ram-size=8192", "--timeout-reboot=300",
                                           COMMAND_QEMU_IMAGE, NULL};
    static const struct {
        const char *backend;
        const char *const *usual, *const *big;
    } defaults[] = {
        {"unshare", unshare, unshare}, {"schroot", schroot, schroot}, {"lxc", lxc, lxc},
        {"podman", podman, podman},    {"lxd", lxd, lxd_big},         {"qemu", qemu, qemu_big},
    };

    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (str_equal(c->backend, defaults[i].backend))
            return c->big ? defaults[i].big : defaults[i].usual;
    return none;
}

// What is behind the image goes to `lxc launch`.
static int add_marks(const struct command_context *c, struct strv *argv)
{
    int r = strv_add(argv, "-c");

    r = r < 0 ? r : add_expanded(c, argv, "", COMMAND_LXD_MARK);
    if (r < 0 || str_empty(c->model) || (r = strv_add(argv, "-c")) < 0)
        return r;
    return add_expanded(c, argv, "", COMMAND_LXD_MODEL);
}

static int add_backend(const struct command_context *c, struct strv *argv)
{
    const char *const *arguments =
        c->backend_args->len ? (const char *const *)c->backend_args->items : backend_defaults(c);
    bool lxd = str_equal(c->backend, "lxd");
    int r = 0;

    if (strv_add(argv, "--") < 0 || strv_add(argv, c->backend) < 0)
        return -ENOMEM;
    if (lxd && c->backend_args->len == 0 && !c->unnamed &&
        (strv_add(argv, "--name") < 0 || strv_add(argv, c->name) < 0))
        return -ENOMEM;
    for (; r == 0 && *arguments; arguments++)
        r = add_expanded(c, argv, "", *arguments);
    return r == 0 && lxd ? add_marks(c, argv) : r;
}

static int add_testbed_options(const struct command_context *c, struct strv *argv,
                               struct strv *secrets)
{
    int r = 0;

    if (strv_add(argv, c->program) < 0 || strv_add(argv, "--output-dir") < 0 ||
        strv_add(argv, c->output_dir) < 0)
        return -ENOMEM;
    if (is_foreign_i386(c) && (strv_add(argv, "-a") < 0 || strv_add(argv, "i386") < 0))
        return -ENOMEM;
    STRV_FOREACH (command, c->setup_commands)
        if (r == 0)
            r = add_expanded(c, argv, "--setup-commands=", command);
    if (r < 0 || (r = add_ppas(c, argv, secrets)) < 0 || (r = add_pocket(c, argv)) < 0)
        return r;
    return is_null(c) ? 0 : strv_add(argv, "--apt-upgrade");
}

int command_build(const struct command_context *context, struct strv *ret_argv,
                  struct strv *ret_secrets, struct error *err)
{
    int r;

    // An option must not come out of a name, wherever the request was made.
    if (!name_is_package(context->request->package))
        return error_set(err, -EINVAL, "package: a name begins with a letter or a digit");
    if (add_testbed_options(context, ret_argv, ret_secrets) < 0)
        return error_oom(err);
    r = add_test(context, ret_argv, ret_secrets, err);
    if (r < 0)
        return r;
    if (add_timeouts(context, ret_argv) < 0 ||
        add_environment(context, ret_argv, ret_secrets) < 0 || add_backend(context, ret_argv) < 0)
        return error_oom(err);
    return 0;
}
