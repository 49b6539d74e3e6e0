// SPDX-License-Identifier: GPL-3.0-only
#include "cli/remote.h"

#include "base/file.h"
#include "base/parse.h"
#include "data/json.h"
#include "data/remote.h"

#include <getopt.h>
#include <openssl/evp.h>

#define TOKEN_MAX ((size_t)64 * 1024)
#define OLDER_MAX_H 87600

static const char help[] =
    "autopkgtest-cloud remote check ADDRESS…\n"
    "autopkgtest-cloud remote trust [--as NAME] [ADDRESS…] <TOKEN\n"
    "autopkgtest-cloud remote join --as NAME ADDRESS\n"
    "autopkgtest-cloud remote clean [--older HOURS] [--dry-run] ADDRESS…\n"
    "\n"
    "LXD hosts that workers of this unit test on, by the certificate in SETTINGS/lxd.\n"
    "\n"
    "check: whether the hosts answer and trust the unit. Of one that does, the certificate is "
    "kept:\n"
    "it is known from then on by that alone.\n"
    "trust: asks the first host that answers to trust the unit, with a token on standard input "
    "that\n"
    "`lxc config trust add` made there; without addresses, those in the token are tried.\n"
    "join: prints a token with which a machine of that name can join the host's cluster, once.\n"
    "clean: removes instances that tests of this unit have left, old ones of the application's "
    "other\n"
    "units, and images of tests that newer ones have taken the name from.\n"
    "\n"
    "      --as NAME            what the host calls the unit in its list (autopkgtest-cloud)\n"
    "      --older HOURS        when instances of other units are old: so long after they were "
    "made or\n"
    "                           last in use (48)\n"
    "      --dry-run            only tells what would be removed\n"
    "      --format text|json\n"
    "      --help\n";

enum { OPT_AS = 256, OPT_OLDER, OPT_DRY_RUN, OPT_FORMAT };

static const struct option options[] = {
    {"as", required_argument, NULL, OPT_AS},
    {"older", required_argument, NULL, OPT_OLDER},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

int remote_open(const char *address, struct lxd **ret, const json_t **ret_server, struct error *err)
{
    _cleanup_free_ char *name = remote_name(address);
    _cleanup_(lxd_freep) struct lxd *lxd = NULL;
    bool trusted = false;
    int r = name ? lxd_new(settings_dir(), name, address, &lxd, err) : error_oom(err);

    if (r == 0)
        r = lxd_meet(lxd, NULL, ret_server, &trusted, err);
    if (r == 0 && !trusted)
        r = error_set(err, -EACCES, "it does not trust this unit");
    if (r == 0 && !lxd_is_known(lxd))
        r = lxd_keep(lxd, err);
    if (r == 0)
        *ret = TAKE_PTR(lxd);
    return r;
}

static const char *version_of(const json_t *server)
{
    return json_text(json_object_get(server, "environment"), "server_version");
}

static int print(const struct remote_call *call, const json_t *answer, const char *text,
                 struct error *err)
{
    if (call->json ? cli_print_json(answer) != EX_OK : puts(text) < 0)
        return error_set(err, -EIO, "cannot print");
    return 0;
}

// ---------------------------------------------------------------- check

// {"name", "ready", and "version" or "why" and whether it is "trusted"}.
static json_t *check_one(const char *address)
{
    _cleanup_(lxd_freep) struct lxd *lxd = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *name = remote_name(address);
    const json_t *server = NULL;
    int r = remote_open(address, &lxd, &server, &why);

    if (!name || r == -ENOMEM)
        return NULL;
    if (r == 0)
        return json_pack("{s:s, s:b, s:s, s:s}", "name", name, "ready", 1, "version",
                         version_of(server), "fingerprint", lxd_fingerprint(lxd));
    return json_pack("{s:s, s:b, s:b, s:s}", "name", name, "ready", 0, "refused", r == -EACCES,
                     "why", error_message(&why));
}

static int check(const struct remote_call *call, struct error *err)
{
    _cleanup_json_ json_t *all = json_object();

    STRV_FOREACH (address, &call->addresses) {
        json_t *one = check_one(address);

        if (json_put(all, address, one) < 0)
            return error_oom(err);
        if (!call->json)
            (void)printf("%s: %s\n", address,
                         json_is_true(json_object_get(one, "ready")) ? "ready"
                                                                     : json_text(one, "why"));
    }
    if (call->json && cli_print_json(all) != EX_OK)
        return error_set(err, -EIO, "cannot print");
    return 0;
}

// ---------------------------------------------------------------- trust

static int trust_one(const struct remote_call *call, const char *address,
                     const struct remote_token *token, struct error *err)
{
    _cleanup_(lxd_freep) struct lxd *lxd = NULL;
    _cleanup_free_ char *name = remote_name(address), *shortest = remote_shortest(address);
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *answer = NULL;
    const json_t *server = NULL;
    bool trusted = false, before;
    int r = name ? lxd_new(settings_dir(), name, address, &lxd, err) : error_oom(err);

    if (r < 0 || (r = lxd_meet(lxd, token->fingerprint, &server, &trusted, err)) < 0)
        return r;
    before = trusted;
    if (!trusted && ((r = lxd_ask_trust(lxd, token->text, call->as, err)) < 0 ||
                     (r = lxd_meet(lxd, token->fingerprint, &server, &trusted, err)) < 0))
        return r;
    if (!trusted)
        return error_set(err, -EACCES, "it took the token, and does not trust this unit");
    if ((r = lxd_keep(lxd, err)) < 0)
        return r;
    answer =
        json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", name, "address", shortest, "fingerprint",
                  lxd_fingerprint(lxd), "version", version_of(server), "trusted-before", before);
    text = str_format("%s: ready, as %s", address, name);
    return answer && text ? print(call, answer, text, err) : error_oom(err);
}

static bool is_away(int r)
{
    return r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EHOSTUNREACH || r == -ECONNRESET;
}

static int trust(const struct remote_call *call, struct error *err)
{
    _cleanup_remote_token_ struct remote_token token = {0};
    _cleanup_buf_ struct buf text = BUF_INIT(TOKEN_MAX);
    const struct strv *addresses = &call->addresses;
    int r = file_read("/dev/stdin", &text, err);

    if (r == 0)
        r = remote_token_parse(buf_str(&text), &token, err);
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    if (r < 0)
        return r;
    if (addresses->len == 0)
        addresses = &token.addresses;
    r = -EBADMSG;
    STRV_FOREACH (address, addresses) {
        error_clear(err);
        r = trust_one(call, address, &token, err);
        if (r < 0)
            (void)error_prefix(err, r, "%s", address);
        if (!is_away(r))
            return r;
    }
    return r == -EBADMSG ? error_set(err, r, "the token names no address: give one") : r;
}

// ---------------------------------------------------------------- join

// The token as `lxc cluster add` prints it: what the operation tells, under other names.
static json_t *join_token(const char *name, const json_t *operation)
{
    const json_t *told = json_object_get(operation, "metadata");
    const json_t *expires = json_object_get(told, "expiresAt");

    return json_pack("{s:s, s:O?, s:O?, s:O?, s:O*}", "server_name", name, "fingerprint",
                     json_object_get(told, "fingerprint"), "addresses",
                     json_object_get(told, "addresses"), "secret", json_object_get(told, "secret"),
                     "expires_at", expires);
}

static int print_token(const struct remote_call *call, const json_t *token, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(TOKEN_MAX);
    _cleanup_free_ char *encoded = NULL;

    if (!json_is_string(json_object_get(token, "secret")))
        return error_set(err, -EPROTO, "%s has made no token", call->addresses.items[0]);
    if (json_write(token, &text) < 0 || !(encoded = malloc(4 * ((text.len + 2) / 3) + 1)))
        return error_oom(err);
    (void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)buf_str(&text),
                          (int)text.len);
    return puts(encoded) < 0 ? error_set(err, -EIO, "cannot print") : 0;
}

static int join(const struct remote_call *call, struct error *err)
{
    const char *address = call->addresses.items[0];
    _cleanup_(lxd_freep) struct lxd *lxd = NULL;
    _cleanup_json_ json_t *body = json_pack("{s:s}", "server_name", call->as);
    _cleanup_json_ json_t *operation = NULL, *token = NULL;
    const json_t *server = NULL;
    int r = remote_open(address, &lxd, &server, err);

    if (r == 0)
        r = lxd_call(lxd, "POST", "/1.0/cluster/members", body, &operation, err);
    if (r < 0)
        return error_prefix(err, r, "%s", address);
    token = join_token(call->as, operation);
    return token ? print_token(call, token, err) : error_oom(err);
}

// ---------------------------------------------------------------- command line

static const struct {
    const char *name;
    int (*run)(const struct remote_call *call, struct error *err);
    bool needs_address;
} verbs[] = {{"check", check, true},
             {"trust", trust, false},
             {"join", join, true},
             {"clean", remote_clean, true}};

static int take_option(struct remote_call *call, int option)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    switch (option) {
    case OPT_AS:
        call->as = optarg;
        return EX_OK;
    case OPT_OLDER:
        if (parse_uint(optarg, 0, OLDER_MAX_H, &call->older_h, &err) < 0)
            return cli_usage("remote", "--older: %s", error_message(&err));
        return EX_OK;
    case OPT_DRY_RUN:
        call->dry_run = true;
        return EX_OK;
    case OPT_FORMAT:
        return cli_parse_format("remote", optarg, &call->json) ? EX_OK : EX_USAGE;
    default:
        return EX_USAGE;
    }
}

static int parse(int argc, char **argv, struct remote_call *call, bool needs_address)
{
    int option, r;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        r = take_option(call, option);
        if (r != EX_OK)
            return r;
    }
    for (int i = optind; i < argc; i++) {
        if (!remote_is_address(argv[i]))
            return cli_usage("remote", "expected an address of an LXD host, got \"%s\"", argv[i]);
        if (strv_add(&call->addresses, argv[i]) < 0)
            return EX_OSERR;
    }
    if (needs_address && call->addresses.len == 0)
        return cli_usage("remote", "%s: name the address of a host", call->verb);
    return EX_OK;
}

int command_remote(int argc, char **argv)
{
    struct remote_call call = {.as = "autopkgtest-cloud", .older_h = 48};
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t verb = 0;
    int r;

    if (argc > 1 && str_equal(argv[argc - 1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    call.verb = argc > 1 ? argv[1] : "";
    while (verb < ARRAY_SIZE(verbs) && !str_equal(call.verb, verbs[verb].name))
        verb++;
    if (verb == ARRAY_SIZE(verbs))
        return cli_usage("remote", "expected check, trust, join or clean, got \"%s\"", call.verb);
    r = parse(argc - 1, argv + 1, &call, verbs[verb].needs_address);
    if (r == EX_OK) {
        r = verbs[verb].run(&call, &err);
        r = r < 0 ? cli_fail("remote", r, &err) : EX_OK;
    }
    strv_release(&call.addresses);
    return r;
}
