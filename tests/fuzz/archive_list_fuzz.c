// SPDX-License-Identifier: GPL-3.0-only
// Stored archives and logs as the pages look into them: listings, members, text that is found.
#include "base/file.h"
#include "web/archive_list.h"
#include "web/log_search.h"

#include <fcntl.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int input(const uint8_t *bytes, size_t len)
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    if (fd < 0 || fd_write_all(fd, bytes, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        abort();
    return fd;
}

// What is listed has an address only when that stays inside, and is JSON that can be written.
static void check_listing(const json_t *listing)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(listing, "entries"), i, entry) {
        const char *url = json_string_value(json_object_get(entry, "url"));

        if (url && !archive_name_is_good(url))
            abort();
    }
    if (json_write(listing, &text) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct archive_query queries[] = {
        {"", NULL, 0, 50}, {"", "a", 0, 50}, {"a/", NULL, 0, 50}};
    _cleanup_close_ int fd = input(bytes, len), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    json_t *found = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *listing = NULL;

        (void)lseek(fd, 0, SEEK_SET);
        if (archive_list(fd, "fuzz", &queries[i], &listing, &err) == 0)
            check_listing(listing);
        else if (!err.message)
            abort();
    }
    (void)archive_member(fd, "fuzz", "exitcode", "bytes=1-2", out, NULL);
    if (log_search(input(bytes, len), &(struct log_search){"e", false, 0, 20}, &found, NULL) == 0)
        check_listing(found);
    json_decref(found);
    return 0;
}
