// SPDX-License-Identifier: GPL-3.0-only
#include "web/inside.h"

#include "base/file.h"
#include "base/parse.h"
#include "web/archive_list.h"
#include "web/log_search.h"
#include "web/log_view.h"

#include <locale.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#define NICE 10 // pages come first
#define ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define BLOCK ((size_t)64 * 1024)
#define THE_END "<p class=\"empty\">The log ends here.</p>\n"
#define THE_ARCHIVE "the archive"

static void limit(__rlimit_resource_t what, uint64_t to)
{
    (void)setrlimit(what, &(struct rlimit){.rlim_cur = to, .rlim_max = to});
}

// Nothing of this is needed to read one descriptor and write another: what an archive might talk
// the library into comes to an end here.
static void confine(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8"); // names of members are UTF-8 where the format says so
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    limit(RLIMIT_AS, INSIDE_MEMORY);
    limit(RLIMIT_CPU, INSIDE_CPU_S);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, INSIDE_INDEX_MAX); // of the index, which is the one file that is written
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_NOFILE, 3);
}

static int write_json(json_t *value, struct error *err)
{
    _cleanup_json_ json_t *owned = value;
    _cleanup_buf_ struct buf text = BUF_INIT(ANSWER_MAX);
    int r = json_write(owned, &text);

    if (r == 0)
        r = fd_write_all(STDOUT_FILENO, text.data, text.len);
    return r < 0 ? error_errno(err, r, "cannot write the answer") : 0;
}

static int parse_size(const char *text, size_t *ret, struct error *err)
{
    uint64_t n;
    int r = parse_uint(text, 0, SIZE_MAX / 2, &n, err);

    if (r == 0)
        *ret = (size_t)n;
    return r;
}

static int read_query(char **arguments, struct archive_query *ret, struct error *err)
{
    int r = parse_size(arguments[2], &ret->skip, err);

    ret->folder = arguments[0];
    ret->find = *arguments[1] ? arguments[1] : NULL;
    return r < 0 ? r : parse_size(arguments[3], &ret->limit, err);
}

static int list(char **arguments, struct error *err)
{
    struct archive_query query = {0};
    json_t *value = NULL;
    int r = read_query(arguments, &query, err);

    if (r == 0)
        r = archive_list(STDIN_FILENO, THE_ARCHIVE, &query, &value, err);
    return r < 0 ? r : write_json(value, err);
}

static int follow(char **arguments, struct error *err)
{
    struct archive_query query = {.folder = arguments[0],
                                  .find = *arguments[1] ? arguments[1] : NULL};
    int r = parse_size(arguments[2], &query.limit, err);

    return r < 0 ? r
                 : archive_follow(STDIN_FILENO, THE_ARCHIVE, &query, INSIDE_INDEX_MAX,
                                  STDOUT_FILENO, err);
}

static int list_index(char **arguments, struct error *err)
{
    struct archive_query query = {0};
    json_t *value = NULL;
    int r = read_query(arguments, &query, err);

    if (r == 0)
        r = archive_list_index(stdin, THE_ARCHIVE, &query, &value, err);
    return r < 0 ? r : write_json(value, err);
}

static int make_index(char **arguments _unused_, struct error *err)
{
    return archive_index(STDIN_FILENO, THE_ARCHIVE, stdout, err);
}

static int member(char **arguments, struct error *err)
{
    return archive_member(STDIN_FILENO, THE_ARCHIVE, arguments[0], arguments[1], STDOUT_FILENO,
                          err);
}

static int search(char **arguments, struct error *err)
{
    struct log_search s = {.text = arguments[0], .exact_case = *arguments[1]};
    json_t *value = NULL;
    int r = parse_size(arguments[2], &s.skip, err);

    if (r == 0)
        r = parse_size(arguments[3], &s.limit, err);
    if (r == 0)
        r = log_search(STDIN_FILENO, &s, &value, err);
    return r < 0 ? r : write_json(value, err);
}

static int tell_lines(const struct log_view *view, bool *ret_more, struct error *err)
{
    _cleanup_json_ json_t *value = json_object();
    uint64_t last = log_view_last_line(view, ret_more);
    int r;

    if (json_put_int(value, "to", (int64_t)last) < 0 || json_put_bool(value, "more", *ret_more) < 0)
        return error_oom(err);
    r = write_json(TAKE_PTR(value), err);
    return r < 0 ? r : fd_write_all(STDOUT_FILENO, "\n", 1);
}

static int write_lines(struct log_view *view, struct error *err)
{
    char block[BLOCK];
    bool more = false;
    ssize_t n = 0;
    int r = log_view_read_part(view); // what is said of it comes before it

    if (r < 0)
        return error_errno(err, r, "cannot show the lines");
    r = tell_lines(view, &more, err);
    while (r == 0 && (n = log_view_read(view, block, sizeof(block))) > 0)
        r = fd_write_all(STDOUT_FILENO, block, (size_t)n);
    if (n < 0)
        r = (int)n;
    if (r == 0 && !more)
        r = fd_write_all(STDOUT_FILENO, THE_END, strlen(THE_END));
    return r < 0 ? error_errno(err, r, "cannot show the lines") : 0;
}

static int lines(char **arguments, struct error *err)
{
    struct log_part part = {0};
    struct strv none = STRV_INIT;
    struct log_view *view = NULL;
    int r = parse_uint(arguments[0], 1, INT64_MAX / 2, &part.first, err);

    if (r == 0)
        r = parse_uint(arguments[1], 1, INT64_MAX / 2, &part.count, err);
    if (r < 0)
        return r;
    if (log_view_new(STDIN_FILENO, &none, &part, &view) < 0)
        return error_oom(err);
    r = write_lines(view, err);
    log_view_free(view);
    return r;
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(char **arguments, struct error *err);
} verbs[] = {{"list", 4, list},        {"follow", 3, follow},
             {"index", 0, make_index}, {"list-index", 4, list_index},
             {"member", 2, member},    {"search", 4, search},
             {"lines", 2, lines}};

int inside_main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t i = 0;
    int r;

    while (i < ARRAY_SIZE(verbs) &&
           (argc != verbs[i].arguments + 1 || strcmp(verbs[i].name, argv[0]) != 0))
        i++;
    if (i == ARRAY_SIZE(verbs))
        return EX_USAGE;
    confine();
    r = verbs[i].run(argv + 1, &err);
    if (r == 0)
        return EX_OK;
    (void)fprintf(stderr, "%s\n", error_message(&err));
    return r == -ENOENT    ? EX_NOINPUT
           : r == -EISDIR  ? EX_UNAVAILABLE
           : r == -ESPIPE  ? EX_PROTOCOL
           : r == -EBADMSG ? EX_DATAERR
                           : EX_SOFTWARE;
}
