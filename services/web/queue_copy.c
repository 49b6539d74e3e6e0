// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_copy.h"

#include "adt/request.h"
#include "base/hash.h"

void queue_copy_release(struct queue_copy *copy)
{
    buf_release(&copy->text);
    free(copy->ends);
    free(copy->numbers);
    free(copy->names);
    *copy = (struct queue_copy)QUEUE_COPY_INIT;
}

uint64_t queue_copy_number(const struct buf *body)
{
    return hash_add(HASH_START, buf_str(body), body->len);
}

static uint32_t number_of_name(const char *package)
{
    return (uint32_t)hash_add(HASH_START, package, strlen(package)) | 1;
}

static json_t *public_text(const struct buf *body, uint32_t *ret_name)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r = request_parse(buf_str(body), body->len, &request, NULL);

    *ret_name = 0;
    if (r < 0 || request_is_private(&request))
        return json_string(r < 0 ? "unreadable request" : "private job");
    *ret_name = number_of_name(request.package);
    return json_stringn(buf_str(body), body->len);
}

// Makes room for `len` entries; on failure the array stays as it was.
static int enlarge(void *array, size_t len, size_t each)
{
    void **place = array, *larger = reallocarray(*place, len, each);

    if (!larger)
        return -ENOMEM;
    *place = larger;
    return 0;
}

static int reserve(struct queue_copy *copy)
{
    size_t more = copy->alloc ? copy->alloc * 2 : 64;

    if (copy->len < copy->alloc)
        return 0;
    if (enlarge(&copy->ends, more, sizeof *copy->ends) < 0 ||
        enlarge(&copy->numbers, more, sizeof *copy->numbers) < 0 ||
        enlarge(&copy->names, more, sizeof *copy->names) < 0)
        return -ENOMEM;
    copy->alloc = more;
    return 0;
}

int queue_copy_add(struct queue_copy *copy, const struct buf *body)
{
    uint32_t name = 0;
    _cleanup_json_ json_t *text = public_text(body, &name);
    size_t before = copy->text.len;
    int r = text ? reserve(copy) : -ENOMEM;

    if (r == 0)
        r = json_write(text, &copy->text);
    if (r == 0)
        r = buf_add_char(&copy->text, ',');
    if (r < 0) {
        buf_truncate(&copy->text, before);
        return r == -E2BIG ? 0 : r;
    }
    copy->ends[copy->len] = copy->text.len;
    copy->names[copy->len] = name;
    copy->numbers[copy->len++] = queue_copy_number(body);
    return 0;
}

size_t queue_copy_len(const struct queue_copy *copy)
{
    return copy->len - copy->first;
}

bool queue_copy_begin_at(struct queue_copy *copy, uint64_t number)
{
    for (size_t i = copy->first; i < copy->len; i++)
        if (copy->numbers[i] == number) {
            copy->first = i;
            return true;
        }
    return false;
}

static size_t start_of(const struct queue_copy *copy, size_t at)
{
    return at == 0 ? 0 : copy->ends[at - 1];
}

json_t *queue_copy_get(const struct queue_copy *copy, size_t at)
{
    size_t start = start_of(copy, copy->first + at), end = copy->ends[copy->first + at] - 1;

    return json_loadb(copy->text.data + start, end - start, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

// Whether the text of request number `at`, from 0 of all that are kept, begins with the package.
// (It is a JSON string; nothing in a name is escaped.)
static bool is_for(const struct queue_copy *copy, size_t at, const char *package)
{
    const char *text = copy->text.data + start_of(copy, at) + 1;
    size_t len = strlen(package);

    return strncmp(text, package, len) == 0 && strchr("\"\\ ", text[len]);
}

#define NAMES_AT_ONCE 16

// The first in `names` that may be this one: pages go through all queues for a package, where
// nearly none is.
static size_t skip_names(const uint32_t *names, size_t at, size_t len, uint32_t name)
{
    for (; at + NAMES_AT_ONCE <= len; at += NAMES_AT_ONCE) {
        uint32_t same = 0;

        for (size_t i = 0; i < NAMES_AT_ONCE; i++)
            same |= names[at + i] == name;
        if (same)
            break;
    }
    while (at < len && names[at] != name)
        at++;
    return at;
}

size_t queue_copy_find(const struct queue_copy *copy, const char *package, size_t from)
{
    uint32_t name = number_of_name(package);

    for (size_t i = skip_names(copy->names, copy->first + from, copy->len, name); i < copy->len;
         i = skip_names(copy->names, i + 1, copy->len, name))
        if (is_for(copy, i, package))
            return i - copy->first;
    return queue_copy_len(copy);
}

int queue_copy_write(const struct queue_copy *copy, struct buf *ret)
{
    size_t start = start_of(copy, copy->first);
    int r = buf_add_char(ret, '[');

    if (r == 0 && copy->len > copy->first)
        r = buf_add(ret, buf_str(&copy->text) + start, copy->text.len - start - 1);
    return r < 0 ? r : buf_add_char(ret, ']');
}
