// SPDX-License-Identifier: GPL-3.0-only
// Input: the path of an object in the store, or the address of a page. What is read as a run's
// folder is made of names, and made again from them; the path of an address has no query.
#include "adt/names.h"
#include "web/uri.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_run(const char *path)
{
    _cleanup_free_ char *release = NULL, *arch = NULL, *package = NULL, *run_id = NULL;
    _cleanup_free_ char *again = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    if (run_path_parse(path, &release, &arch, &package, &run_id, &err) < 0) {
        if (!err.message || release || arch || package || run_id)
            abort();
        return;
    }
    again = run_path(release, arch, package, run_id);
    if (!name_is_release(release) || !name_is_arch(arch) || !name_is_package(package) ||
        !name_is_run_id(run_id) || !again || !str_starts_with(path, again))
        abort();
}

static void check_address(const char *address)
{
    _cleanup_free_ char *path = NULL, *query = NULL;
    int r = uri_split(address, &path, &query);

    if (r == 0 && (!path || !query || strchr(path, '?')))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_free_ char *text = strndup(size ? (const char *)bytes : "", size);

    if (!text)
        return 0;
    check_run(text);
    check_address(text);
    return 0;
}
