// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_copy.h"

#include "adt/request.h"
#include "base/hash.h"

void queue_copy_release(struct queue_copy *copy)
{
    buf_release(&copy->text);
    free(copy->ends);
    free(copy->numbers);
    *copy = (struct queue_copy)QUEUE_COPY_INIT;
}

uint64_t queue_copy_number(const struct buf *body)
{
    return hash_add(HASH_START, buf_str(body), body->len);
}

static json_t *public_text(const struct buf *body)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r = request_parse(buf_str(body), body->len, &request, NULL);

    if (r < 0 || request_is_private(&request))
        return json_string(r < 0 ? "unreadable request" : "private job");
    return json_stringn(buf_str(body), body->len);
}

static int reserve(struct queue_copy *copy)
{
    size_t more = copy->alloc ? copy->alloc * 2 : 64;
    size_t *ends;
    uint64_t *numbers;

    if (copy->len < copy->alloc)
        return 0;
    ends = reallocarray(copy->ends, more, sizeof *ends);
    if (!ends)
        return -ENOMEM;
    copy->ends = ends;
    numbers = reallocarray(copy->numbers, more, sizeof *numbers);
    if (!numbers)
        return -ENOMEM;
    copy->numbers = numbers;
    copy->alloc = more;
    return 0;
}

int queue_copy_add(struct queue_copy *copy, const struct buf *body)
{
    _cleanup_json_ json_t *text = public_text(body);
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

int queue_copy_write(const struct queue_copy *copy, struct buf *ret)
{
    size_t start = start_of(copy, copy->first);
    int r = buf_add_char(ret, '[');

    if (r == 0 && copy->len > copy->first)
        r = buf_add(ret, buf_str(&copy->text) + start, copy->text.len - start - 1);
    return r < 0 ? r : buf_add_char(ret, ']');
}
