// SPDX-License-Identifier: GPL-3.0-only
// What the charm's tests stand on: a folder for `/`, and recorders for hook tools and programs of
// the system in PATH. A recorder notes its call, answers with what a test has put down for it, and
// does the little to the folder that the charm looks at afterwards.
#pragma once

#include "base/file.h"
#include "test.h"

#include <sys/stat.h>

struct rig {
    char *dir;   // recorders, their answers, the list of calls
    char *root;  // stands for /
    char *charm; // the charm's folder
};

static const char rig_recorder[] =
    "#!/bin/bash\n"
    "n=${0##*/} root=$RIG/root\n"
    "echo \"$n $*\" >>\"$RIG/calls\"\n"
    "[ \"$n\" = relation-set ] && cat >>\"$RIG/calls\" && echo >>\"$RIG/calls\"\n"
    "last=${!#}; key=${last//\\//_}\n"
    "[ -x \"$RIG/do.$n\" ] && { \"$RIG/do.$n\" \"$@\"; exit $?; }\n"
    "if [ -f \"$RIG/error.$n\" ]; then cat \"$RIG/error.$n\" >&2; exit \"$(<\"$RIG/status.$n\")\"; "
    "fi\n"
    "case $n in\n"
    "groupadd) echo \"autopkgtest:x:$(id -g):\" >>\"$root/etc/group\";;\n"
    "useradd) echo \"autopkgtest:x:$(id -u):$(id -g)::/nowhere:/bin/false\" "
    ">>\"$root/etc/passwd\";;\n"
    "usermod) for f in subuid subgid; do echo \"autopkgtest:${3%-*}:65536\" >>\"$root/etc/$f\"; "
    "done;;\n"
    "systemctl) system=$root/etc/systemd/system verb=$1; while [ \"$1\" != -- ] && [ $# -gt 0 ]; "
    "do shift; done; shift\n"
    "  for u; do case $u in *.timer) t=timers;; *.socket) t=sockets;; *@*) t=autopkgtest-worker;; "
    "*) t=multi-user;; "
    "esac\n"
    "    case $verb in\n"
    "    enable) mkdir -p \"$system/$t.target.wants\"; ln -sf nowhere "
    "\"$system/$t.target.wants/$u\";;\n"
    "    disable) rm -f \"$system/$t.target.wants/$u\";;\n"
    "    start|restart) echo active >\"$RIG/unit.$u\";;\n"
    "    stop) rm -f \"$RIG/unit.$u\";;\n"
    "    show) s=inactive; [ -f \"$RIG/unit.$u\" ] && s=$(<\"$RIG/unit.$u\"); x=; [ -f "
    "\"$RIG/text.$u\" ] && x=$(<\"$RIG/text.$u\")\n"
    "       printf 'StatusText=%s\\nId=%s\\nActiveState=%s\\n\\n' \"$x\" \"$u\" \"$s\";;\n"
    "    esac; done;;\n"
    "open-port) echo \"$1\" >>\"$RIG/ports\";;\n"
    "close-port) sed -i \"\\\\,^$1\\$,d\" \"$RIG/ports\";;\n"
    "opened-ports) IFS=,; p=$(sed 's/.*/\"&\"/' \"$RIG/ports\" 2>/dev/null); echo "
    "\"[${p//$'\\n'/,}]\";;\n"
    "*) for f in \"$RIG/answer.$n.$key\" \"$RIG/answer.$n\"; do [ -f \"$f\" ] && { cat \"$f\"; "
    "break; }; done;;\n"
    "esac\n"
    "exit 0\n";

static inline void rig_write(const char *path, const char *text)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));

    ASSERT_OK(dir_make(dir, 0755, &err), &err);
    ASSERT_OK(file_replace(path, text, strlen(text), &attributes, NULL, &err), &err);
}

// A file below root.
static inline void rig_put(const struct rig *rig, const char *path, const char *text)
{
    _cleanup_free_ char *full = str_format("%s%s", rig->root, path);

    rig_write(full, text);
}

// Everything that is in a file below root; "" without it. The caller frees.
static inline char *rig_get(const struct rig *rig, const char *path)
{
    _cleanup_free_ char *full = str_format("%s%s", rig->root, path);
    struct buf text = BUF_INIT(BUF_OWN_MAX);

    (void)file_read(full, &text, NULL);
    return buf_take(&text);
}

static inline bool rig_has(const struct rig *rig, const char *path)
{
    _cleanup_free_ char *full = str_format("%s%s", rig->root, path);
    struct stat st;

    return lstat(full, &st) == 0;
}

// What a tool (or TOOL.LAST-ARGUMENT, slashes as underscores) answers.
static inline void rig_answer(const struct rig *rig, const char *tool, const char *text)
{
    _cleanup_free_ char *path = str_format("%s/answer.%s", rig->dir, tool);

    rig_write(path, text);
}

static inline void rig_fail(const struct rig *rig, const char *tool, const char *status,
                            const char *text)
{
    _cleanup_free_ char *error = str_format("%s/error.%s", rig->dir, tool);
    _cleanup_free_ char *code = str_format("%s/status.%s", rig->dir, tool);

    rig_write(error, text);
    rig_write(code, status);
}

static inline void rig_mend(const struct rig *rig, const char *tool)
{
    _cleanup_free_ char *error = str_format("%s/error.%s", rig->dir, tool);

    (void)unlink(error);
}

// A script of its own for a tool.
static inline void rig_script(const struct rig *rig, const char *tool, const char *text)
{
    _cleanup_free_ char *path = str_format("%s/do.%s", rig->dir, tool);

    rig_write(path, text);
    ck_assert_int_eq(chmod(path, 0755), 0);
}

// The state (`active`, `failed`, …) and status line of a unit.
static inline void rig_unit(const struct rig *rig, const char *unit, const char *state,
                            const char *text)
{
    _cleanup_free_ char *path = str_format("%s/unit.%s", rig->dir, unit);
    _cleanup_free_ char *line = str_format("%s/text.%s", rig->dir, unit);

    rig_write(path, state);
    rig_write(line, text);
}

// The calls since the last time, one a line. The caller frees.
static inline char *rig_calls(const struct rig *rig)
{
    _cleanup_free_ char *path = str_format("%s/calls", rig->dir);
    struct buf text = BUF_INIT(BUF_OWN_MAX);

    (void)file_read(path, &text, NULL);
    (void)unlink(path);
    return buf_take(&text);
}

static inline void rig_assert_called(const char *calls, const char *line)
{
    _cleanup_free_ char *all = str_format("\n%s", calls);
    _cleanup_free_ char *wanted = str_format("\n%s\n", line);

    ck_assert_msg(strstr(all, wanted) != NULL, "no call \"%s\" in:\n%s", line, calls);
}

static inline void rig_assert_not_called(const char *calls, const char *part)
{
    ck_assert_msg(strstr(calls, part) == NULL, "\"%s\" in:\n%s", part, calls);
}

static inline struct rig rig_new(void)
{
    static const char *const tools[] = {"config-get",
                                        "relation-ids",
                                        "relation-list",
                                        "relation-get",
                                        "relation-set",
                                        "network-get",
                                        "secret-get",
                                        "storage-list",
                                        "storage-get",
                                        "open-port",
                                        "close-port",
                                        "opened-ports",
                                        "dpkg",
                                        "status-set",
                                        "juju-log",
                                        "systemctl",
                                        "application-version-set",
                                        "useradd",
                                        "groupadd",
                                        "usermod",
                                        "apt-get",
                                        "git",
                                        "podman",
                                        "lxc-destroy",
                                        "is-leader",
                                        "action-get",
                                        "action-set",
                                        "action-fail",
                                        "secret-info-get",
                                        "secret-add",
                                        "secret-set",
                                        "secret-remove",
                                        "secret-grant"};
    struct rig rig = {.dir = strdup(test_dir())};
    _cleanup_free_ char *recorder = str_format("%s/recorder", rig.dir);
    _cleanup_free_ char *bin = str_format("%s/bin", rig.dir);
    _cleanup_free_ char *path = str_format("%s:%s", bin, getenv("PATH"));

    rig.root = str_format("%s/root", rig.dir);
    rig.charm = str_format("%s/charm", rig.dir);
    rig_write(recorder, rig_recorder);
    ck_assert_int_eq(chmod(recorder, 0755), 0);
    ck_assert_int_eq(mkdir(bin, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        _cleanup_free_ char *link = str_format("%s/%s", bin, tools[i]);

        ck_assert_int_eq(symlink(recorder, link), 0);
    }
    rig_put(&rig, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    rig_put(&rig, "/etc/group", "root:x:0:\n");
    ck_assert_int_eq(setenv("RIG", rig.dir, 1), 0);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
    return rig;
}

static inline void rig_release(struct rig *rig)
{
    free(rig->dir);
    free(rig->root);
    free(rig->charm);
}

#define _cleanup_rig_ _cleanup_(rig_release)
