// SPDX-License-Identifier: GPL-3.0-only
#include "adt/result_tar.h"

#include "adt/names.h"
#include "adt/spool.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "data/tar_members.h"

#define TRIGGERS "ADT_TEST_TRIGGERS="
#define TEXT_MAX ((size_t)4096)
#define LONG_TEXT_MAX ((size_t)1024 * 1024)

enum { EXITCODE, DURATION, VERSION_FILE, TESTINFO, REQUESTER, ENV, MEMBERS };

struct result_tar {
    struct tar_member members[MEMBERS];
};

#define RESULT_TAR_INIT                                                                            \
    {                                                                                              \
        .members = {                                                                               \
            [EXITCODE] = {.name = "exitcode", .content = BUF_INIT(TEXT_MAX)},                      \
            [DURATION] = {.name = "duration", .content = BUF_INIT(TEXT_MAX)},                      \
            [VERSION_FILE] = {.name = "testpkg-version", .content = BUF_INIT(TEXT_MAX)},           \
            [TESTINFO] = {.name = "testinfo.json", .content = BUF_INIT(BUF_OWN_MAX)},              \
            [REQUESTER] = {.name = "requester", .content = BUF_INIT(LONG_TEXT_MAX)},               \
            [ENV] = {.name = "env", .content = BUF_INIT(LONG_TEXT_MAX)}                            \
        }                                                                                          \
    }

static void result_tar_release(struct result_tar *t)
{
    tar_members_release(t->members, MEMBERS);
}

static int read_number(const struct tar_member *m, uint64_t max, uint64_t *ret, struct error *err)
{
    int r;

    if (!m->found)
        return error_set(err, -EBADMSG, "has no %s", m->name);
    r = parse_uint(m->content.data ? str_strip(m->content.data) : "", 0, max, ret, err);
    return r < 0 ? error_prefix(err, -EBADMSG, "%s", m->name) : 0;
}

// Without the newline behind it; "" when it is absent.
static int read_line(const struct tar_member *m, char **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    size_t len = m->content.len;

    if (len > 0 && m->content.data[len - 1] == '\n')
        len--;
    if (len > 0 && utf8_add_clean(&text, m->content.data, len) < 0)
        return error_oom(err);
    *ret = strdup(buf_str(&text));
    return *ret ? 0 : error_oom(err);
}

static int read_version(const struct tar_member *m, char **ret, struct error *err)
{
    const char *version = m->content.data ? spool_version(m->content.data) : NULL;

    *ret = strdup(version ? version : "unknown");
    return *ret ? 0 : error_oom(err);
}

// The triggers, and all else that is set in autopkgtest's environment.
static int read_environment(const struct tar_member *m, char **ret_triggers, char **ret_others,
                            struct error *err)
{
    _cleanup_json_ json_t *testinfo = NULL;
    _cleanup_strv_ struct strv others = STRV_INIT;
    const char *triggers = "";
    const json_t *item;
    size_t i;

    if (m->content.len > 0 &&
        json_parse(m->content.data, m->content.len, m->name, &testinfo, err) < 0)
        return -EBADMSG;
    json_array_foreach (json_object_get(testinfo, "custom_environment"), i, item) {
        const char *text = json_string_value(item);

        if (text && str_starts_with(text, TRIGGERS))
            triggers = text + strlen(TRIGGERS);
        else if (text && strv_add(&others, text) < 0)
            return error_oom(err);
    }
    *ret_triggers = strdup(triggers);
    *ret_others = strv_join(&others, ",");
    return *ret_triggers && *ret_others ? 0 : error_oom(err);
}

static int read_members(const struct result_tar *t, struct test_complete *done, struct error *err)
{
    _cleanup_free_ char *others = NULL;
    uint64_t exitcode = 0;
    int r;

    if ((r = read_number(&t->members[EXITCODE], 255, &exitcode, err)) < 0 ||
        (r = read_number(&t->members[DURATION], UINT32_MAX, &done->duration_s, err)) < 0 ||
        (r = read_version(&t->members[VERSION_FILE], &done->testpkg_version, err)) < 0 ||
        (r = read_line(&t->members[REQUESTER], &done->requester, err)) < 0 ||
        (r = read_environment(&t->members[TESTINFO], &done->triggers, &others, err)) < 0)
        return r;
    done->exitcode = (int)exitcode;
    if (t->members[ENV].found)
        return read_line(&t->members[ENV], &done->env, err);
    // Of before there was such a file. What private runs have set is nobody's business.
    done->env = str_starts_with(done->container, "private-") ? strdup("") : TAKE_PTR(others);
    return done->env ? 0 : error_oom(err);
}

int result_tar_read(const void *tar, size_t len, const char *container, const char *path,
                    struct test_complete *ret, struct error *err)
{
    _cleanup_(result_tar_release) struct result_tar t = RESULT_TAR_INIT;
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_free_ char *run_id = NULL;
    int r;

    r = run_path_parse(path, &done.release, &done.arch, &done.package, &run_id, err);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    done.swift_dir = run_path(done.release, done.arch, done.package, run_id);
    done.container = strdup(container);
    if (!done.swift_dir || !done.container)
        return error_oom(err);
    if ((r = tar_members_read(tar, len, t.members, MEMBERS, err)) < 0 ||
        (r = read_members(&t, &done, err)) < 0)
        return error_prefix(err, r, "result.tar");
    *ret = done;
    done = (struct test_complete){0};
    return 0;
}
