// SPDX-License-Identifier: GPL-3.0-only
#include "web/body.h"

#include "data/compress.h"

// ---- in memory

static size_t held;

struct body *body_new(struct buf *text)
{
    size_t len = text->len;
    struct body *b = calloc(1, sizeof(*b));
    char *bytes;

    buf_fit(text); // a page may be kept, or a client take it slowly
    bytes = b ? buf_take(text) : NULL;

    if (!bytes) {
        free(b);
        return NULL;
    }
    *b = (struct body){.refs = 1, .bytes = bytes, .len = len};
    held += len;
    return b;
}

struct body *body_ref(struct body *b)
{
    b->refs++;
    return b;
}

void body_unref(struct body *b)
{
    if (!b || --b->refs > 0)
        return;
    held -= b->len;
    free(b->bytes);
    free(b);
}

size_t body_bytes_held(void)
{
    return held;
}

struct body *body_gzip(const struct body *b, int level)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    return compress_bytes(b->bytes, b->len, level, &text) < 0 ? NULL : body_new(&text);
}

static void release_body(void *userdata)
{
    body_unref(userdata);
}

struct MHD_Response *body_response(struct body *b)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(b->len, b->bytes, release_body, b);

    if (response)
        (void)body_ref(b);
    return response;
}

// ---- made while it is sent

#define BLOCK ((size_t)16 * 1024)
#define UNSEEN_MAX ((size_t)256 * 1024) // read, without anything to send from it

struct stream {
    const struct body_source *source;
    void *userdata;
    struct compressor *gzip; // NULL: sent as it is
    char *block;             // the same
    const char *at;          // in `block`: what is to be compressed yet
    size_t left;
    size_t unseen; // bytes that were added since the last flush
    enum compress_until until;
    bool begun; // something was flushed
};

static void stream_free(void *userdata)
{
    struct stream *s = userdata;

    s->source->release(s->userdata);
    compressor_free(s->gzip);
    free(s->block);
    free(s);
}

// Reads the next block, and decides how much of what was added the client must get to see. -EAGAIN:
// it has seen all.
static ssize_t read_block(struct stream *s)
{
    ssize_t n = s->source->read(s->userdata, s->block, BLOCK);

    if (n < 0 && (n != -EAGAIN || s->unseen == 0))
        return n;
    s->at = s->block;
    s->left = n > 0 ? (size_t)n : 0;
    s->unseen += s->left;
    s->until = n == 0                                         ? COMPRESS_END
               : n < 0 || !s->begun || s->unseen > UNSEEN_MAX ? COMPRESS_FLUSH
                                                              : COMPRESS_MORE;
    return 0;
}

static ssize_t read_compressed(struct stream *s, char *bytes, size_t max)
{
    for (;;) {
        bool reading = s->left == 0 && s->until == COMPRESS_MORE;
        ssize_t r = reading ? read_block(s) : 0;
        size_t n;

        if (r < 0)
            return r;
        n = compressor_add(s->gzip, &s->at, &s->left, s->until, bytes, max);
        if (n < max && s->until == COMPRESS_FLUSH) {
            s->until = COMPRESS_MORE;
            s->begun = true;
            s->unseen = 0;
        }
        if (n > 0 || s->until == COMPRESS_END)
            return (ssize_t)n;
    }
}

static ssize_t stream_read(void *userdata, uint64_t position, char *bytes, size_t max)
{
    struct stream *s = userdata;
    ssize_t n;

    (void)position;
    n = s->gzip ? read_compressed(s, bytes, max) : s->source->read(s->userdata, bytes, max);
    if (n == -EAGAIN) {
        s->source->await(s->userdata);
        return 0;
    }
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

struct MHD_Response *body_stream(const struct body_source *source, void *userdata, uint64_t size,
                                 bool gzip)
{
    struct MHD_Response *response = NULL;
    struct stream *s = calloc(1, sizeof(*s));

    if (!s) {
        source->release(userdata);
        return NULL;
    }
    *s = (struct stream){.source = source, .userdata = userdata};
    if (gzip) {
        s->gzip = compressor_new(COMPRESS_FAST);
        s->block = malloc(BLOCK);
    }
    if (!gzip || (s->gzip && s->block))
        response = MHD_create_response_from_callback(gzip ? MHD_SIZE_UNKNOWN : size, BLOCK,
                                                     stream_read, s, stream_free);
    if (!response)
        stream_free(s);
    return response;
}

// ---- in memory, compressed while it is sent

struct passage {
    struct body *body;
    size_t at;
};

static ssize_t passage_read(void *userdata, char *bytes, size_t max)
{
    struct passage *p = userdata;
    size_t n = p->body->len - p->at < max ? p->body->len - p->at : max;

    memcpy(bytes, p->body->bytes + p->at, n);
    p->at += n;
    return (ssize_t)n;
}

static void passage_await(void *userdata _unused_)
{
    // All of it is there.
}

static void passage_free(void *userdata)
{
    struct passage *p = userdata;

    body_unref(p->body);
    free(p);
}

struct MHD_Response *body_response_gzip(struct body *b)
{
    static const struct body_source source = {passage_read, passage_await, passage_free};
    struct passage *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->body = body_ref(b);
    return body_stream(&source, p, b->len, true);
}
