// SPDX-License-Identifier: GPL-3.0-only
// What a request may have is said in three places: by the parser, by --help and by the reference.
#include "adt/request.h"
#include "base/file.h"
#include "cli/cli.h"
#include "test.h"

#include <fcntl.h>

#define DOCUMENT "docs/reference/requests.md"

static const char *document(void)
{
    struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_read(DOCUMENT, &text, &err), &err);
    return test_keep(buf_take(&text));
}

static const char *help(void)
{
    char *words[] = {(char[]){"request"}, (char[]){"--help"}, NULL};
    const char *path = test_path(test_dir(), "help");
    struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(dup2(fd, STDOUT_FILENO), 0);
    ck_assert_int_eq(command_request(2, words), EX_OK);
    ck_assert_int_eq(fflush(stdout), 0);
    ASSERT_OK(file_read(path, &text, &err), &err);
    return test_keep(buf_take(&text));
}

// The keys in the table of the document, which also has several in one row.
static void documented_keys(struct strv *ret)
{
    _cleanup_free_ char *text = strdup(document());
    char *line;

    for (char *rest = text ? strstr(text, "| key |") : NULL;
         rest && (line = strsep(&rest, "\n")) && *line;) {
        char *cell = line + 2, *end = strstr(cell, " |");

        ck_assert_ptr_nonnull(end);
        *end = '\0';
        if (!str_equal(cell, "key") && !str_equal(cell, "---"))
            ck_assert_int_eq(strv_split(ret, cell, ", "), 0);
    }
}

static bool is_parsed(const char *name)
{
    const char *key;

    for (size_t i = 0; (key = request_key(i)); i++)
        if (str_equal(key, name))
            return true;
    return false;
}

TEST(the_reference_has_every_parameter_and_no_other)
{
    _cleanup_strv_ struct strv keys = STRV_INIT;
    size_t parsed = 0;

    documented_keys(&keys);
    while (request_key(parsed))
        parsed++;
    ck_assert_uint_eq(keys.len, parsed);
    STRV_FOREACH (key, &keys)
        ck_assert_msg(is_parsed(key), "%s documents \"%s\", which nobody reads", DOCUMENT, key);
}

TEST(the_help_has_every_parameter)
{
    const char *text = help();
    const char *key;

    for (size_t i = 0; (key = request_key(i)); i++)
        ck_assert_msg(strstr(text, key), "--help does not tell of %s", key);
}

TEST(the_reference_has_every_option_of_the_help)
{
    _cleanup_free_ char *copy = strdup(help());
    char *rest = copy;
    const char *text = document();
    size_t found = 0;
    char *line;

    while ((line = strsep(&rest, "\n"))) {
        const char *option = strstr(line, "--");
        _cleanup_free_ char *name = NULL;

        if (!str_starts_with(line, "  ") || line[strspn(line, " ")] != '-' || !option)
            continue;
        name = strndup(option, strcspn(option, ", "));
        ck_assert_msg(strstr(text, name), "%s does not tell of %s", DOCUMENT, name);
        found++;
    }
    ck_assert_uint_ge(found, 15);
}
