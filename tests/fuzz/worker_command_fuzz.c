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

static void check(const struct strv *argv, const struct strv *secrets)
{
    size_t positional = 0, i = 3; // behind the program and its --output-dir

    for (; i < argv->len && !str_equal(argv->items[i], "--"); i++)
        if (argv->items[i][0] == '-') {
            if (!is_known(argv->items[i]))
                abort();
        } else if (argv->items[i][0] != '@') {
            positional++;
        } else if (!str_equal(argv->items[i], "@/secrets")) {
            abort();
        }
    if (positional != 1 || i + 2 != argv->len || !str_equal(argv->items[i + 1], "podman"))
        abort();
    STRV_FOREACH (line, secrets)
        if (strpbrk(line, "\r\n") || !str_starts_with(line, "--add-apt-source=ppa:"))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_strv_ struct strv argv = STRV_INIT, secrets = STRV_INIT, none = STRV_INIT;
    struct command_context context = {
        .request = &request,
        .release = "noble",
        .arch = "amd64",
        .program = "autopkgtest",
        .backend = "podman",
        .backend_args = &none,
        .setup_commands = &none,
        .output_dir = "/out",
        .secrets_file = "/secrets",
        .name = "name",
    };

    if (request_parse((const char *)bytes, size, &request, NULL) == 0 &&
        command_build(&context, &argv, &secrets, NULL) == 0)
        check(&argv, &secrets);
    return 0;
}
