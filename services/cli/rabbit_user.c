// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/rabbit_api.h"
#include "cli/selection.h"
#include "data/json.h"
#include "net/http.h"

#include <getopt.h>
#include <sys/random.h>

#define ADMIN_MAX ((size_t)1024 * 1024)
#define PASSWORD_BYTES 24
#define NAME_MAX_LENGTH 100

static const char help[] =
    "autopkgtest-cloud rabbit-user list --admin FILE\n"
    "autopkgtest-cloud rabbit-user add --admin FILE [OPTION…] NAME\n"
    "autopkgtest-cloud rabbit-user remove --admin FILE NAME\n"
    "\n"
    "Users of RabbitMQ for those who request tests or listen to results, by the broker's "
    "management\n"
    "API. They are marked; users made by others are never changed.\n"
    "\n"
    "      --admin FILE         the administrator, as JSON ('-': standard input): {\"hosts\": "
    "[\"…\"],\n"
    "                           \"user\": \"…\", \"password\": \"…\"}, optionally \"port\" "
    "(15672),\n"
    "                           \"amqp-port\" and \"tls\" (for the address that add prints), and\n"
    "                           \"new-password\" (else add makes one)\n"
    "      --permissions KIND   submit: put requests into queues, and nothing else (default);\n"
    "                           monitor: listen to running and finished tests; full: everything\n"
    "      --configure REGEX, --write REGEX, --read REGEX\n"
    "                           these patterns instead (what is not given: nothing)\n"
    "      --vhost VHOST        where (default /)\n"
    "      --format text|json\n"
    "      --help\n";

enum {
    OPT_ADMIN = 256,
    OPT_PERMISSIONS,
    OPT_CONFIGURE,
    OPT_WRITE,
    OPT_READ,
    OPT_VHOST,
    OPT_FORMAT
};

static const struct option options[] = {
    {"admin", required_argument, NULL, OPT_ADMIN},
    {"permissions", required_argument, NULL, OPT_PERMISSIONS},
    {"configure", required_argument, NULL, OPT_CONFIGURE},
    {"write", required_argument, NULL, OPT_WRITE},
    {"read", required_argument, NULL, OPT_READ},
    {"vhost", required_argument, NULL, OPT_VHOST},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

// https://www.rabbitmq.com/docs/access-control#authorisation: publishing through the default
// exchange asks for the right to write to amq.default; listening, for configuring and writing one's
// own queue (named by the broker) and reading it and the exchange.
static const struct kind {
    const char *name, *configure, *write, *read;
} kinds[] = {
    {"submit", "", "^amq.default$", ""},
    {"monitor", "^amq\\.gen-.*$", "^amq\\.gen-.*$",
     "^(amq\\.gen-.*|teststatus\\.fanout|testcomplete\\.fanout)$"},
    {"full", ".*", ".*", ".*"},
};

struct call {
    const char *verb, *name, *admin_file, *kind;
    struct rabbit_permissions permissions;
    bool own_patterns, json;
    json_t *admin;
    struct rabbit_api *api;
};

static void call_release(struct call *call)
{
    json_decref(call->admin);
    if (call->api)
        rabbit_api_free(call->api);
}

// ---------------------------------------------------------------- add

static int choose_password(const struct call *call, char **ret, struct error *err)
{
    const char *given = json_text(call->admin, "new-password");
    unsigned char random[PASSWORD_BYTES];

    *ret = *given ? strdup(given) : malloc(2 * sizeof(random) + 1);
    if (!*ret)
        return error_oom(err);
    if (*given)
        return 0;
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return error_errno(err, -EIO, "cannot make a password");
    hex_encode(random, sizeof(random), *ret);
    return 0;
}

// https://www.rabbitmq.com/docs/uri-spec
static char *make_uri(const struct call *call, const char *password)
{
    bool tls = json_is_true(json_object_get(call->admin, "tls"));
    const char *host = json_string_value(json_array_get(json_object_get(call->admin, "hosts"), 0));
    _cleanup_free_ char *secret = http_escape(password, false);
    _cleanup_free_ char *vhost = http_escape(call->permissions.vhost, false);
    int64_t port = tls ? 5671 : 5672;
    bool bare6 = host && strchr(host, ':') && host[0] != '[';

    (void)json_get_optional_int(call->admin, "amqp-port", &port, NULL);
    return secret && vhost
               ? str_format("amqp%s://%s:%s@%s%s%s:%lld/%s", tls ? "s" : "", call->name, secret,
                            bare6 ? "[" : "", host, bare6 ? "]" : "", (long long)port, vhost)
               : NULL;
}

static int add_user(const struct call *call, struct error *err)
{
    const struct rabbit_permissions *p = &call->permissions;
    _cleanup_free_ char *password = NULL, *uri = NULL;
    _cleanup_json_ json_t *done = NULL;
    int r = choose_password(call, &password, err);

    if (r < 0)
        return r;
    uri = make_uri(call, password);
    done = uri ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "username", call->name,
                           "password", password, "uri", uri, "vhost", p->vhost, "permissions",
                           call->own_patterns ? "explicit" : call->kind, "configure", p->configure,
                           "write", p->write, "read", p->read)
               : NULL;
    if (!done)
        return error_oom(err);
    r = rabbit_api_put_user(call->api, call->name, password, p, err);
    if (r < 0)
        return r;
    if (call->json)
        return cli_print_json(done) == EX_OK ? 0 : error_set(err, -EIO, "cannot print");
    return printf("%s\n", uri) < 0 ? error_set(err, -EIO, "cannot print") : 0;
}

// ---------------------------------------------------------------- list, remove

static void print_users(const json_t *users)
{
    const json_t *list, *rights;
    const char *name;
    size_t i;

    json_object_foreach ((json_t *)(uintptr_t)users, name, list) {
        (void)puts(name);
        json_array_foreach (list, i, rights)
            (void)printf("    in %s: configure \"%s\", write \"%s\", read \"%s\"\n",
                         json_text(rights, "vhost"), json_text(rights, "configure"),
                         json_text(rights, "write"), json_text(rights, "read"));
    }
}

// Adds to each entry the name of the kind that it is, or "explicit".
static int name_kinds(json_t *users)
{
    const char *name;
    json_t *list, *rights;
    size_t i;

    json_object_foreach (users, name, list) {
        json_array_foreach (list, i, rights) {
            const char *kind = "explicit";

            for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
                if (str_equal(json_text(rights, "configure"), kinds[k].configure) &&
                    str_equal(json_text(rights, "write"), kinds[k].write) &&
                    str_equal(json_text(rights, "read"), kinds[k].read))
                    kind = kinds[k].name;
            if (json_put_string(rights, "permissions", kind) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

static int list_users(const struct call *call, struct error *err)
{
    _cleanup_json_ json_t *users = NULL;
    int r = rabbit_api_list(call->api, &users, err);

    if (r < 0)
        return r;
    if (name_kinds(users) < 0)
        return error_oom(err);
    if (call->json)
        return cli_print_json(users) == EX_OK ? 0 : error_set(err, -EIO, "cannot print");
    print_users(users);
    return 0;
}

static int remove_user(const struct call *call, struct error *err)
{
    _cleanup_json_ json_t *done = json_pack("{s:s}", "removed", call->name);
    int r = rabbit_api_delete_user(call->api, call->name, err);

    if (r < 0)
        return r;
    if (call->json)
        return cli_print_json(done) == EX_OK ? 0 : error_set(err, -EIO, "cannot print");
    return printf("%s removed\n", call->name) < 0 ? error_set(err, -EIO, "cannot print") : 0;
}

static const struct {
    const char *name;
    int (*run)(const struct call *call, struct error *err);
    bool named; // wants the name of a user
} verbs[] = {{"list", list_users, false}, {"add", add_user, true}, {"remove", remove_user, true}};

// ---------------------------------------------------------------- command line

static bool is_name(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= NAME_MAX_LENGTH && text[0] != '-' && text[0] != '.' &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == len;
}

static bool choose_kind(struct call *call)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (str_equal(call->kind, kinds[i].name)) {
            if (!call->own_patterns) {
                call->permissions.configure = kinds[i].configure;
                call->permissions.write = kinds[i].write;
                call->permissions.read = kinds[i].read;
            }
            return true;
        }
    return false;
}

// The broker's regular expressions are PCRE too (Erlang's module re).
static bool is_pattern(const char *option, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    pcre2_code *code = NULL;
    int r = pattern_compile(option, text, &code, &err);

    pcre2_code_free(code);
    if (r < 0)
        (void)cli_usage("rabbit-user", "%s", error_message(&err));
    return r == 0;
}

static bool check_patterns(const struct rabbit_permissions *p)
{
    return is_pattern("--configure", p->configure) && is_pattern("--write", p->write) &&
           is_pattern("--read", p->read);
}

static int take_option(struct call *call, int option)
{
    struct rabbit_permissions *p = &call->permissions;
    const char **const patterns[] = {&p->configure, &p->write, &p->read};

    switch (option) {
    case OPT_ADMIN:
        call->admin_file = optarg;
        return EX_OK;
    case OPT_PERMISSIONS:
        call->kind = optarg;
        return EX_OK;
    case OPT_CONFIGURE:
    case OPT_WRITE:
    case OPT_READ:
        *patterns[option - OPT_CONFIGURE] = optarg;
        call->own_patterns = true;
        return EX_OK;
    case OPT_VHOST:
        p->vhost = optarg;
        return EX_OK;
    case OPT_FORMAT:
        return cli_parse_format("rabbit-user", optarg, &call->json) ? EX_OK : EX_USAGE;
    default:
        return EX_USAGE;
    }
}

static int parse(int argc, char **argv, struct call *call, bool named)
{
    int option, r;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        r = take_option(call, option);
        if (r != EX_OK)
            return r;
    }
    if (argc - optind != (named ? 1 : 0))
        return cli_usage("rabbit-user", "%s: expected %s", call->verb,
                         named ? "the name of one user" : "no further word");
    call->name = named ? argv[optind] : "";
    if (named && !is_name(call->name))
        return cli_usage("rabbit-user",
                         "expected a name of letters, digits, '-', '_' and '.', got "
                         "\"%s\"",
                         call->name);
    if (!choose_kind(call))
        return cli_usage("rabbit-user",
                         "--permissions: expected submit, monitor or full, got "
                         "\"%s\"",
                         call->kind);
    if (!call->admin_file)
        return cli_usage("rabbit-user", "say who the administrator is: --admin FILE");
    return check_patterns(&call->permissions) ? EX_OK : EX_USAGE;
}

static int load_admin(struct call *call, struct error *err)
{
    bool is_stdin = str_equal(call->admin_file, "-");
    int r =
        json_parse_file(is_stdin ? "/dev/stdin" : call->admin_file, ADMIN_MAX, &call->admin, err);

    if (r < 0)
        return error_prefix(err, -EBADMSG, "--admin");
    return rabbit_api_new(call->admin, &call->api, err);
}

int command_rabbit_user(int argc, char **argv)
{
    _cleanup_(call_release) struct call call = {
        .kind = "submit", .permissions = {.vhost = "/", .configure = "", .write = "", .read = ""}};
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t verb = 0;
    int r;

    if (argc > 1 && str_equal(argv[argc - 1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    while (verb < ARRAY_SIZE(verbs) && argc > 1 && !str_equal(argv[1], verbs[verb].name))
        verb++;
    if (argc < 2 || verb == ARRAY_SIZE(verbs))
        return cli_usage("rabbit-user", "expected list, add or remove");
    call.verb = argv[1];
    r = parse(argc - 1, argv + 1, &call, verbs[verb].named);
    if (r != EX_OK)
        return r;
    r = load_admin(&call, &err);
    if (r == 0)
        r = verbs[verb].run(&call, &err);
    return r < 0 ? cli_fail("rabbit-user", r, &err) : EX_OK;
}
