// SPDX-License-Identifier: GPL-3.0-only
#include "data/ustar.h"

#include "base/buf.h"

#include <stdint.h>

#define BLOCK ((size_t)512)

// Fields of a header block: where they are, and how long.
enum { NAME = 0, SIZE = 124, CHECKSUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345 };
enum { NAME_LEN = 100, SIZE_LEN = 12, CHECKSUM_LEN = 8, PREFIX_LEN = 155 };

// An octal number, ended by a blank, a NUL or the field's end.
static bool parse_octal(const char *field, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;

    while (i < len && field[i] == ' ')
        i++;
    if (i == len || field[i] < '0' || field[i] > '7')
        return false;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0');
    *ret = value;
    return i == len || field[i] == ' ' || field[i] == '\0';
}

// The sum of a header's bytes with its own field as blanks.
static bool checksum_is_right(const char *header)
{
    uint64_t wanted = 0, sum = 0;

    if (!parse_octal(header + CHECKSUM, CHECKSUM_LEN, &wanted))
        return false;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN ? ' ' : (unsigned char)header[i];
    return sum == wanted;
}

static bool is_empty(const char *block)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

bool ustar_is_archive(const void *tar, size_t len)
{
    return len >= BLOCK && checksum_is_right(tar);
}

static const char *kind_of(char type)
{
    switch (type) {
    case '1':
        return "a hard link";
    case '2':
        return "a symbolic link";
    case '3':
    case '4':
        return "a device";
    case '6':
        return "a pipe";
    case 'L':
    case 'K':
        return "a name of over 100 bytes";
    default:
        return "something unknown";
    }
}

// The name of a member: prefix and name are one path. Only POSIX's format has the prefix.
static char *member_name(const char *header)
{
    size_t len = strnlen(header + NAME, NAME_LEN);
    size_t prefix_len = strnlen(header + PREFIX, PREFIX_LEN);

    if (memcmp(header + MAGIC, "ustar\0", 6) != 0 || prefix_len == 0)
        return strndup(header + NAME, len);
    return str_format("%.*s/%.*s", (int)prefix_len, header + PREFIX, (int)len, header + NAME);
}

// Records `LENGTH KEY=VALUE\n` of an extended header; those that only tell of dates and owners are
// left out of account.
static int check_extended(const char *text, size_t len, struct error *err)
{
    static const char *const refused[] = {"path=", "linkpath=", "size=", "GNU.sparse"};

    while (len > 0) {
        size_t n = 0, digits = 0;

        while (digits < len && digits < 8 && text[digits] >= '0' && text[digits] <= '9')
            n = n * 10 + (size_t)(text[digits++] - '0');
        if (digits == 0 || n > len || n < digits + 2 || text[digits] != ' ' || text[n - 1] != '\n')
            return error_set(err, -EBADMSG, "the archive is damaged: an extended header");
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
            if (n - digits - 1 > strlen(refused[i]) &&
                memcmp(text + digits + 1, refused[i], strlen(refused[i])) == 0)
                return error_set(err, -ENOTSUP,
                                 "expected plain files with short names, found the extended "
                                 "header %s",
                                 refused[i]);
        text += n;
        len -= n;
    }
    return 0;
}

// One member, whose content is all there.
static int take(const char *header, size_t size,
                int (*each)(const struct ustar_member *, void *, struct error *), void *userdata,
                struct error *err)
{
    _cleanup_free_ char *name = member_name(header);
    char type = header[TYPE];
    struct ustar_member member = {.name = name, .content = header + BLOCK, .size = size};

    if (!name)
        return error_oom(err);
    if (type == 'x' || type == 'g')
        return check_extended(header + BLOCK, size, err);
    if (!*name || str_has_control(name))
        return error_set(err, -EBADMSG, "expected a name, found none or control characters in it");
    // Old archives tell folders by the slash.
    member.folder = type == '5' || (type == '\0' && str_ends_with(name, "/"));
    if (!member.folder && type != '0' && type != '\0' && type != '7')
        return error_set(err, -ENOTSUP, "%s: expected a plain file, found %s", name, kind_of(type));
    return each(&member, userdata, err);
}

int ustar_walk(const void *tar, size_t len,
               int (*each)(const struct ustar_member *member, void *userdata, struct error *err),
               void *userdata, struct error *err)
{
    const char *at = tar;
    bool first = true;

    for (; len >= BLOCK && !is_empty(at); first = false) {
        uint64_t size = 0;
        size_t blocks;
        int r;

        if (first && !checksum_is_right(at))
            return error_set(err, -EBADMSG, "expected a tar archive");
        if (!checksum_is_right(at) || !parse_octal(at + SIZE, SIZE_LEN, &size))
            return error_set(err, -EBADMSG, "the archive is damaged");
        if (size > len - BLOCK)
            return error_set(err, -EBADMSG, "the archive is cut");
        r = take(at, (size_t)size, each, userdata, err);
        if (r < 0)
            return r;
        blocks = BLOCK + ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
        if (blocks > len)
            return error_set(err, -EBADMSG, "the archive is cut");
        at += blocks;
        len -= blocks;
    }
    if (first && len < BLOCK)
        return error_set(err, -EBADMSG, "expected a tar archive");
    return len < BLOCK ? error_set(err, -EBADMSG, "the archive is cut") : 0;
}
