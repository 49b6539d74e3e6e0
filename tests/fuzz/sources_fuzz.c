// SPDX-License-Identifier: GPL-3.0-only
// Input: an index of source packages. What is found in it are names and versions, the same in
// whichever pieces it comes, and versions are in an order.
#include "adt/names.h"
#include "adt/sources.h"
#include "adt/version.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct taken {
    struct buf text;
    char *last;
};

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static int take(const char *package, const char *version, void *userdata)
{
    struct taken *t = userdata;

    if (!name_is_package(package) || !name_is_version(version))
        abort();
    if (version_compare(version, version) != 0 ||
        (t->last &&
         sign(version_compare(version, t->last)) != -sign(version_compare(t->last, version))))
        abort();
    free(t->last);
    t->last = strdup(version);
    return buf_addf(&t->text, "%s %s\n", package, version);
}

static void read_in_pieces(const uint8_t *bytes, size_t size, size_t piece, struct taken *ret)
{
    struct sources s = SOURCES_INIT(take, ret);
    int r = 0;

    for (size_t at = 0; at < size && r == 0; at += piece)
        r = sources_feed(&s, bytes + at, size - at < piece ? size - at : piece);
    if (r < 0 || sources_end(&s) < 0)
        abort();
    sources_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct taken whole = {.text = BUF_INIT(BUF_OWN_MAX)}, pieces = {.text = BUF_INIT(BUF_OWN_MAX)};

    read_in_pieces(bytes, size, size ? size : 1, &whole);
    read_in_pieces(bytes, size, 3, &pieces);
    if (!str_equal(buf_str(&whole.text), buf_str(&pieces.text)))
        abort();
    buf_release(&whole.text);
    buf_release(&pieces.text);
    free(whole.last);
    free(pieces.last);
    return 0;
}
