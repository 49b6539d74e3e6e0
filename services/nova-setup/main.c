// SPDX-License-Identifier: GPL-3.0-only
// autopkgtest-nova-setup: see setup.h.
#include "base/parse.h"
#include "nova-setup/setup.h"

#include <getopt.h>
#include <sys/resource.h>
#include <sysexits.h>

#define CLEANUP_WAIT_US (120 * USEC_PER_SEC)
#define SWEEP_WAIT_US (20 * USEC_PER_SEC)
// autopkgtest ends a setup script after 1800 s.
#define TIMEOUT_S 1500
#define TIMEOUT_MAX_S 1700
#define PAUSE_S 10
#define CAPABILITIES "isolation-machine,reboot,revert,revert-full-system"

static const char usage[] =
    "usage: autopkgtest -- ssh -s autopkgtest-nova-setup -- OPTIONS\n"
    "       autopkgtest-nova-setup VERB OPTIONS\n"
    "\n"
    "Makes an instance of OpenStack's Nova for a test, and ends it. autopkgtest calls it with\n"
    "open, revert, wait-reboot, debug-failure and cleanup; sweep is for the worker:\n"
    "\n"
    "  open            make an instance, wait for it, print how to log in\n"
    "  revert          end it, make another\n"
    "  wait-reboot     wait until another kernel than before answers\n"
    "  debug-failure   tell the instance's state and the end of its console\n"
    "  cleanup         end the run's instances\n"
    "  sweep           end the worker's instances, of the run of --name or of all but --keep's\n"
    "\n"
    "      --rc FILE            the cloud's account, as OpenStack's clients have it\n"
    "      --name NAME          of the run and of the instance\n"
    "      --model, --unit, --worker NAME\n"
    "                           whose instance it is; noted in its metadata with the run\n"
    "      --image PATTERN      regular expression of the image's name, or its id; the newest\n"
    "      --flavor NAME        of the instance\n"
    "      --big-flavor NAME    the same with --size big\n"
    "      --size SIZE          default or big\n"
    "      --network NAME       default: Nova's choice\n"
    "      --security-group NAME  made when it is absent; default: Nova's choice\n"
    "      --keypair NAME       made of the key when it is absent; default: none\n"
    "      --key FILE           private key to log in with; made when it is absent\n"
    "  -l, --login NAME         user to log in as; default: ubuntu\n"
    "      --mirror URL         archive for cloud-init to write into apt's sources\n"
    "      --timeout SECONDS    of open, 1 to 1700; default: 1500, of sweep 20, of\n"
    "                           cleanup 120\n"
    "      --pause SECONDS      before the second try, doubled with each; default: 10\n"
    "      --server ID          what open has told as extraopts\n"
    "      --keep NAME          run whose instance sweep leaves\n"
    "      --version            print the version\n"
    "  -h, --help               print this\n"
    "\n"
    "exit codes: 0 done, 1 failed, 64 wrong usage, 75 some instances are not gone yet, 78 no or\n"
    "wrong account.\n";

// ---------------------------------------------------------------- verbs

// How to log in, as autopkgtest-virt-ssh reads it.
static void print_login(const struct setup *s, const struct instance *instance)
{
    printf("login=%s\nhostname=%s\nidentity=%s\ncapabilities=" CAPABILITIES "\n"
           "options=-o LogLevel=ERROR\nextraopts=--server=%s\n",
           s->login, instance->address, s->key_file, instance->id);
}

static int do_open(struct setup *s, struct error *err)
{
    _cleanup_(instance_release) struct instance instance = {0};
    int r = instance_open(s, &instance, err);

    if (r == 0)
        print_login(s, &instance);
    return r;
}

// The worker tries again what cannot be ended now, and a test's verdict does not hang on it.
static int do_cleanup(struct setup *s, struct error *err)
{
    int r = instance_remove_all(
        s, s->timeout_us < CLEANUP_WAIT_US ? s->timeout_us : CLEANUP_WAIT_US, NULL, err);

    if (r == 0)
        return 0;
    say("the instance is left to the worker: %s", error_message(err));
    return 0;
}

static int do_revert(struct setup *s, struct error *err)
{
    s->server = NULL;
    return do_open(s, err); // ends what there is of the run first
}

static int do_debug(struct setup *s, struct error *err)
{
    _cleanup_(instance_release) struct instance instance = {0};
    int r = instance_find(s, &instance, err);

    if (r == 0)
        instance_tell(s, &instance);
    return r;
}

static int do_sweep(struct setup *s, struct error *err)
{
    unsigned removed = 0;
    int r = instance_remove_all(s, s->timeout_us < SWEEP_WAIT_US ? s->timeout_us : SWEEP_WAIT_US,
                                &removed, err);

    if (r == 0)
        printf("%u\n", removed);
    return r;
}

static const struct verb {
    const char *name;
    bool needs_run, makes; // makes: an instance
    int (*run)(struct setup *s, struct error *err);
} verbs[] = {
    {"open", true, true, do_open},
    {"revert", true, true, do_revert},
    {"wait-reboot", true, false, instance_wait_reboot},
    {"debug-failure", true, false, do_debug},
    {"cleanup", true, false, do_cleanup},
    {"sweep", false, false, do_sweep},
};

// ---------------------------------------------------------------- options

struct options {
    struct setup setup;
    const char *rc, *flavor, *big_flavor, *size;
    bool told; // --help or --version did its work
};

enum { FLAG_TIMEOUT = 1000, FLAG_PAUSE, FLAG_VERSION };

#define AT(member) (int)offsetof(struct options, member)

static const struct {
    const char *name;
    int offset; // of a text
} texts[] = {
    {"rc", AT(rc)},
    {"name", AT(setup.run)},
    {"model", AT(setup.model)},
    {"unit", AT(setup.unit)},
    {"worker", AT(setup.worker)},
    {"image", AT(setup.image)},
    {"flavor", AT(flavor)},
    {"big-flavor", AT(big_flavor)},
    {"size", AT(size)},
    {"network", AT(setup.network)},
    {"security-group", AT(setup.group)},
    {"keypair", AT(setup.keypair)},
    {"key", AT(setup.key_file)},
    {"login", AT(setup.login)},
    {"mirror", AT(setup.mirror)},
    {"server", AT(setup.server)},
    {"keep", AT(setup.keep)},
};

static int parse_seconds(const char *name, const char *text, uint64_t max, uint64_t *ret_us,
                         struct error *err)
{
    uint64_t seconds = 0;
    int r = parse_uint(text, 1, max, &seconds, err);

    *ret_us = seconds * USEC_PER_SEC;
    return r < 0 ? error_prefix(err, r, "--%s", name) : 0;
}

// Options of one number each, from 1 on, which are places in `texts`; and the others.
static int take_option(struct options *o, int c, const char *value, struct error *err)
{
    switch (c) {
    case FLAG_TIMEOUT:
        return parse_seconds("timeout", value, TIMEOUT_MAX_S, &o->setup.timeout_us, err);
    case FLAG_PAUSE:
        return parse_seconds("pause", value, TIMEOUT_MAX_S, &o->setup.pause_us, err);
    case FLAG_VERSION:
        puts("autopkgtest-nova-setup " VERSION);
        o->told = true;
        return 0;
    case 'h':
        fputs(usage, stdout);
        o->told = true;
        return 0;
    case 'l':
        o->setup.login = value;
        return 0;
    case '?':
        return error_set(err, -EINVAL, "see autopkgtest-nova-setup --help");
    default:
        *(const char **)(void *)((char *)o + texts[c - 1].offset) = value;
        return 0;
    }
}

static int read_options(int argc, char **argv, struct options *o, struct error *err)
{
    struct option table[ARRAY_SIZE(texts) + 5] = {0};
    int c, r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        table[i] = (struct option){texts[i].name, required_argument, NULL, (int)i + 1};
    table[ARRAY_SIZE(texts)] = (struct option){"timeout", required_argument, NULL, FLAG_TIMEOUT};
    table[ARRAY_SIZE(texts) + 1] = (struct option){"pause", required_argument, NULL, FLAG_PAUSE};
    table[ARRAY_SIZE(texts) + 2] = (struct option){"version", no_argument, NULL, FLAG_VERSION};
    table[ARRAY_SIZE(texts) + 3] = (struct option){"help", no_argument, NULL, 'h'};
    while (r == 0 && !o->told && (c = getopt_long(argc, argv, "hl:", table, NULL)) >= 0)
        r = take_option(o, c, optarg, err);
    return r;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(verbs); i++)
        if (str_equal(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

// Whether it may stand in a name and in a query.
static bool is_plain(const char *text)
{
    return *text && strlen(text) <= 128 &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] ==
               '\0';
}

static int check(const struct verb *verb, const struct options *o, struct error *err)
{
    const struct setup *s = &o->setup;
    const struct {
        const char *name, *value;
        bool needed;
    } needs[] = {
        {"rc", o->rc, true},
        {"unit", s->unit, true},
        {"worker", s->worker, true},
        {"name", s->run, verb->needs_run},
        {"image", s->image, verb->makes},
        {"flavor", s->flavor, verb->makes},
        {"key", s->key_file, verb->makes || verb->run == instance_wait_reboot},
    };

    for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
        if (needs[i].needed && str_empty(needs[i].value))
            return error_set(err, -EINVAL, "%s needs --%s", verb->name, needs[i].name);
    if (s->run && !is_plain(s->run))
        return error_set(err, -EINVAL, "--name: expected letters, digits and dashes");
    if (o->size && !str_equal(o->size, "big") && !str_equal(o->size, "default"))
        return error_set(err, -EINVAL, "--size: expected default or big, got \"%s\"", o->size);
    return 0;
}

static int choose_verb(const char *name, const struct options *o, const struct verb **ret,
                       struct error *err)
{
    const struct verb *verb = find_verb(name);

    if (!verb)
        return error_set(err, -EINVAL,
                         "expected one of open, revert, wait-reboot, debug-failure, cleanup and "
                         "sweep");
    *ret = verb;
    return check(verb, o, err);
}

static int run(const struct verb *verb, struct options *o, struct error *err)
{
    _cleanup_openrc_ struct openrc rc = {0};
    struct setup *s = &o->setup;
    int r;

    r = openrc_load(o->rc, &rc, err);
    if (r < 0)
        return EX_CONFIG;
    r = openstack_new(&rc, &s->cloud, err);
    if (r < 0)
        return EXIT_FAILURE;
    s->deadline_us = verb->makes ? clock_monotonic_us() + s->timeout_us : USEC_INFINITY;
    r = verb->run(s, err);
    openstack_free(s->cloud);
    free(s->public_key);
    return r == 0 ? EX_OK : r == -EAGAIN && !verb->needs_run ? EX_TEMPFAIL : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0}; // one would hold the password
    struct options o = {.setup = {.login = "ubuntu",
                                  .model = "",
                                  .timeout_us = TIMEOUT_S * USEC_PER_SEC,
                                  .pause_us = PAUSE_S * USEC_PER_SEC}};
    _cleanup_error_ struct error err = ERROR_INIT;
    const struct verb *verb = NULL;
    int r = read_options(argc, argv, &o, &err);

    if (o.told)
        return EX_OK;
    o.setup.flavor = str_equal(o.size, "big") && !str_empty(o.big_flavor) ? o.big_flavor : o.flavor;
    if (r == 0)
        r = choose_verb(argc - optind == 1 ? argv[optind] : NULL, &o, &verb, &err);
    if (r < 0 || !verb) {
        say("%s", error_message(&err));
        return EX_USAGE;
    }
    (void)setrlimit(RLIMIT_CORE, &no_core);
    setup_heed_signals();
    r = run(verb, &o, &err);
    if (r != EX_OK)
        say("%s: %s", verb->name, error_message(&err));
    return r;
}
