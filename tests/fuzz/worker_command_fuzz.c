// SPDX-License-Identifier: GPL-3.0-only
// Input: a request body. Whatever it says, it must not become an option of autopkgtest that the
// rules do not give, nor part of the backend's arguments, nor a line of its own in the argument
// file.
#include "worker/command.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_known(const char *argument)
{
    static const char *const known[] = {"--add-apt-source=ppa:",
                                        "--apt-pocket=proposed",
                                        "--apt-upgrade",
                                        "--no-built-binaries",
                                        "--timeout-",
                                        "--env=",
                                        "--testname=",
                                        "--output-dir"};

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (str_starts_with(argument, known[i]))
            return true;
    return false;
}

// Arguments of the request that are no options: the test itself.
static size_t check_arguments(const struct strv *arguments, size_t from, size_t to)
{
    size_t positional = 0;

    for (size_t i = from; i < to; i++) {
        const char *argument = arguments->items[i];

        if (argument[0] == '-' ? !is_known(argument)
                               : argument[0] == '@' && !str_equal(argument, "@/secrets"))
            abort();
        positional += argument[0] != '-' && argument[0] != '@';
    }
    return positional;
}

static void check(const struct request *request, const struct strv *argv,
                  const struct strv *secrets)
{
    size_t end = 3; // behind the program and its --output-dir

    while (end < argv->len && !str_equal(argv->items[end], "--"))
        end++;
    if (check_arguments(argv, 3, end) + check_arguments(secrets, 0, secrets->len) != 1 ||
        end + 3 != argv->len || !str_equal(argv->items[end + 1], "podman") ||
        !str_equal(argv->items[end + 2], "image"))
        abort();
    if (strv_contains(argv, "@/secrets") != (secrets->len > 0) ||
        (secrets->len > 0 && !request_is_private(request)))
        abort();
    STRV_FOREACH (line, secrets)
        if (strpbrk(line, "\r\n"))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_strv_ struct strv argv = STRV_INIT, secrets = STRV_INIT, none = STRV_INIT;
    _cleanup_strv_ struct strv image = STRV_INIT;
    struct command_context context = {
        .request = &request,
        .release = "noble",
        .arch = "amd64",
        .program = "autopkgtest",
        .backend = "podman",
        .backend_args = &image,
        .setup_commands = &none,
        .output_dir = "/out",
        .secrets_file = "/secrets",
        .name = "name",
    };

    if (strv_add(&image, "image") < 0)
        return 0;
    if (request_parse((const char *)bytes, size, &request, NULL) == 0 &&
        command_build(&context, &argv, &secrets, NULL) == 0)
        check(&request, &argv, &secrets);
    return 0;
}
