// SPDX-License-Identifier: GPL-3.0-only
// The parsers and packers when memory or a call fails.
#include "fault.h"

#include "base/file.h"
#include "data/archive.h"
#include "data/ini.h"
#include "data/json.h"
#include "data/yaml.h"
#include "test.h"

static const char *dir;

static int parse_json(struct error *err)
{
    static const char text[] = "{\"a\":[\"x\",\"y\"],\"b\":{\"c\":1,\"d\":null},\"e\":\"text\"}";
    _cleanup_json_ json_t *value = NULL;
    _cleanup_strv_ struct strv list = STRV_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1000);
    int r = json_parse(text, sizeof(text) - 1, "test", &value, err);

    if (r == 0)
        r = json_get_optional_strv(value, "a", &list, err);
    if (r == 0 && (json_put_string(value, "s", "x") < 0 || json_put_int(value, "i", 1) < 0 ||
                   json_put_bool(value, "t", true) < 0 || json_write(value, &out) < 0))
        r = error_oom(err);
    return r;
}

static int parse_yaml(struct error *err)
{
    static const char text[] = "a: [x, 1, 2.5, null]\nb:\n  c: d\n  'e': f\n";
    _cleanup_json_ json_t *value = NULL;

    return yaml_parse(text, sizeof(text) - 1, "test", &value, err);
}

static int parse_ini(struct error *err)
{
    static const char text[] = "a = 1\n[b]\nc = d\n[e]\nf = g\n";
    _cleanup_(ini_freep) struct ini *ini = NULL;
    _cleanup_strv_ struct strv sections = STRV_INIT;
    int r = ini_parse_text(text, sizeof(text) - 1, "test", &ini, err);

    return r == 0 && ini_sections(ini, &sections) < 0 ? error_oom(err) : r;
}

static int load_files(struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "both"); // JSON is YAML, too
    _cleanup_json_ json_t *json = NULL, *yaml = NULL;
    int r = path ? json_parse_file(path, 1000, &json, err) : error_oom(err);

    return r == 0 ? yaml_parse_file(path, &yaml, err) : r;
}

static int pack(struct error *err)
{
    _cleanup_(tar_writer_freep) struct tar_writer *w = NULL;
    _cleanup_free_ char *tar = path_join(dir, "x.tar.gz"), *tree = path_join(dir, "tree");
    _cleanup_free_ char *both = path_join(dir, "both"), *gz = path_join(dir, "x.gz");
    _cleanup_buf_ struct buf b = BUF_INIT(1000);
    int r;

    if (!tar || !tree || !both || !gz)
        return error_oom(err);
    r = tar_writer_open(tar, true, 0, &w, err);
    if (r == 0)
        r = tar_writer_add(w, "m", "content", 7, err);
    if (r == 0)
        r = tar_writer_add_tree(w, tree, NULL, err);
    if (r == 0)
        r = tar_writer_add_file(w, "both", both, err);
    if (r == 0)
        r = tar_writer_close(TAKE_PTR(w), err);
    if (r == 0)
        r = tar_read_member(tar, "m", &b, err);
    if (r == 0)
        r = gzip_file(both, gz, err);
    return r == 0 ? gunzip_file(gz, &b, err) : r;
}

TEST(parsers_survive_lack_of_memory)
{
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_REPORTED, parse_json);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, parse_yaml);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, parse_ini);
}

static void set_up(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    dir = test_dir();
    ASSERT_OK(
        file_replace(test_path(dir, "both"), "{\"a\":1}", 7, &FILE_ATTRIBUTES(0600), NULL, &err),
        &err);
    ASSERT_OK(dir_make(test_path(dir, "tree/a/b"), 0755, &err), &err);
    ASSERT_OK(file_replace_link(test_path(dir, "tree/l"), "x", NULL, &err), &err);
    ASSERT_OK(file_replace(test_path(dir, "tree/a/f"), "f", 1, &FILE_ATTRIBUTES(0600), NULL, &err),
              &err);
}

TEST(loading_survives_failures)
{
    set_up();
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_REPORTED, load_files);
    fault_try_each(FAULT_IO | FAULT_FILE, EIO, FAULT_FAILS, load_files);
}

TEST(packing_survives_failures)
{
    set_up();
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, pack);
    fault_try_each(FAULT_IO | FAULT_FILE, EIO, FAULT_FAILS, pack);
    fault_try_each(FAULT_IO, EINTR, FAULT_TOLERATED, pack);
}
