// SPDX-License-Identifier: GPL-3.0-only
#include "charm/option_commands.h"

#include "data/command_variable.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <ctype.h>

// The first name in capital letters behind a '$' that is none of our variables; NULL: there is
// none.
static const char *unknown_variable(const char *text, size_t *ret_len)
{
    const char *at = text;

    while ((at = strchr(at, '$'))) {
        size_t len = command_variable_length(at);

        if (len && command_variable_find(at + 1, len) == VARIABLE_COUNT) {
            *ret_len = 1 + len;
            return at;
        }
        at++;
    }
    return NULL;
}

// What a shell would take for a variable: $name, $NAME, ${name}.
static const char *shell_variable(const char *text, size_t *ret_len)
{
    const char *at = text;

    while ((at = strchr(at, '$'))) {
        size_t len = 1;

        if (command_variable_length(at) == 0 && (islower((unsigned char)at[1]) || at[1] == '{')) {
            len += strcspn(at + 1, " \t}");
            *ret_len = at[len] == '}' ? len + 1 : len;
            return at;
        }
        at++;
    }
    return NULL;
}

static int bad_variable(const char *text, const char *at, size_t len, const char *hint,
                        struct error *err)
{
    return error_set(err, -EINVAL, "character %zu: unknown variable %.*s%s; known are %s",
                     (size_t)(at - text) + 1, (int)len, at, hint, command_variables);
}

// A pattern of the same length in which a variable is a word like those that take its place, so
// that a complaint about a character is right for what the operator wrote. The caller frees.
static char *without_variables(const char *pattern)
{
    char *copy = strdup(pattern);

    for (char *at = copy; at && (at = strchr(at, '$')); at++)
        if (command_variable_length(at))
            *at = 'x';
    return copy;
}

OPTION_PARSER(option_image_pattern)
{
    _cleanup_free_ char *plain = without_variables(text);
    PCRE2_UCHAR why[200] = "";
    PCRE2_SIZE place = 0;
    pcre2_code *code;
    size_t len = 0;
    const char *at = unknown_variable(text, &len);
    int number = 0, r = option_word(option, text, settings, err);

    if (!plain)
        return error_oom(err);
    if (r < 0)
        return r;
    if (at)
        return bad_variable(text, at, len, "", err);
    code = pcre2_compile((PCRE2_SPTR)plain, PCRE2_ZERO_TERMINATED, 0, &number, &place, NULL);
    pcre2_code_free(code);
    if (code)
        return 0;
    (void)pcre2_get_error_message(number, why, sizeof(why));
    return error_set(err, -EINVAL,
                     "character %zu: expected a regular expression, got \"%s\": %s; a special "
                     "character that stands for itself has a backslash before it",
                     (size_t)place + 1, text, (const char *)why);
}

OPTION_PARSER(option_worker_args)
{
    size_t len = 0;
    const char *at = unknown_variable(text, &len);
    int r = option_line(option, text, settings, err);

    if (!at)
        at = shell_variable(text, &len);
    return r < 0 || !at ? r : bad_variable(text, at, len, "", err);
}

OPTION_PARSER(option_setup_command)
{
    size_t len = 0;
    const char *at = unknown_variable(text, &len);
    int r = option_line(option, text, settings, err);

    return r < 0 || !at ? r
                        : bad_variable(text, at, len, " (of the testbed's shell: ${NAME})", err);
}
