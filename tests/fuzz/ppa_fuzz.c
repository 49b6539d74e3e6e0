// SPDX-License-Identifier: GPL-3.0-only
// Input: a PPA as requests name it, or a tree. It is taken or refused alike by itself and in a
// request; its parts are names; its secret is in one line of the argument file and nowhere else.
#include "adt/names.h"
#include "worker/command.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// Whether a request with that one value can be read. -ENOKEY: it is no text.
static int parse_with(const char *key, const char *value, bool list, struct request *ret)
{
    _cleanup_json_ json_t *params = json_object();
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    json_t *text = json_string(value);

    if (!text)
        return -ENOKEY;
    if (json_put(params, key, list ? json_pack("[o]", text) : text) < 0 ||
        buf_add_str(&body, "gzip\n") < 0 || json_write(params, &body) < 0)
        abort();
    return request_parse(buf_str(&body), body.len, ret, NULL);
}

static void check_command(const struct request *request, const char *prefix, const char *value)
{
    _cleanup_strv_ struct strv argv = STRV_INIT, told = STRV_INIT, none = STRV_INIT;
    _cleanup_free_ char *argument = str_format("%s%s", prefix, value);
    struct command_context context = {
        .request = request,
        .release = "noble",
        .arch = "amd64",
        .program = "autopkgtest",
        .backend = "podman",
        .backend_args = &none,
        .setup_commands = &none,
        .output_dir = "/out",
        .secrets_file = "/told",
        .name = "name",
    };
    bool private = request_is_private(request);

    if (command_build(&context, &argv, &told, NULL) < 0)
        abort();
    if (!strv_contains(private ? &told : &argv, argument) ||
        strv_contains(private ? &argv : &told, argument) || told.len != (private ? 1 : 0) ||
        strv_contains(&argv, "@/told") != private)
        abort();
}

static void check_ppa(const char *text)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_free_ char *user = NULL, *name = NULL, *container = NULL, *wanted = NULL;
    int r = request_ppa_name(text, &user, &name, NULL);
    int in_request = parse_with("ppas", text, true, &request);

    if (in_request != -ENOKEY && (r == 0) != (in_request == 0))
        abort();
    if (r < 0)
        return;
    wanted =
        str_format("%sautopkgtest-noble-%s-%s", strchr(text, '@') ? "private-" : "", user, name);
    if (!name_is_package(user) || !name_is_package(name) || in_request < 0 ||
        request_container(&request, "noble", &container, NULL) < 0 || !str_equal(container, wanted))
        abort();
    check_command(&request, "--add-apt-source=ppa:", text);
}

static void check_tree(const char *text)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_free_ char *url = NULL, *same = NULL;
    int r = request_tree_url(text, &url, NULL);
    int in_request = parse_with("build-git", text, false, &request);

    if (in_request != -ENOKEY && (r == 0) != (in_request == 0))
        abort();
    if (r < 0 || in_request == -ENOKEY)
        return;
    if (url[0] == '-' || strchr(url, ' ') || request_tree_url(url, &same, NULL) < 0 ||
        !str_equal(url, same))
        abort();
    check_command(&request, "", url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_free_ char *text = strndup(size ? (const char *)bytes : "", size);

    if (!text)
        return 0;
    check_ppa(text);
    check_tree(text);
    return 0;
}
