// SPDX-License-Identifier: GPL-3.0-only
#include "web/framing.h"

#include <strings.h>

// RFC 9110 §5.6.2
static bool is_token(const char *text, size_t len)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < len; i++)
        if (!memchr(chars, text[i], sizeof(chars) - 1))
            return false;
    return len > 0;
}

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
            return true;
    return false;
}

static bool is(const char *text, size_t len, const char *wanted)
{
    return len == strlen(wanted) && strncasecmp(text, wanted, len) == 0;
}

void framing_note(struct framing *f, const char *name, size_t name_len, const char *value,
                  size_t value_len)
{
    if (!is_token(name, name_len) || has_control(value, value_len))
        f->broken = true;
    f->hosts += is(name, name_len, "Host");
    f->lengths += is(name, name_len, "Content-Length");
    if (is(name, name_len, "Transfer-Encoding"))
        f->chunked = ++f->codings == 1 && is(value, value_len, "chunked");
}

const char *framing_fault(const struct framing *f, bool is_http_1_1, unsigned *ret_status)
{
    *ret_status = 400;
    if (f->broken)
        return "a header has characters that none may have";
    if (f->hosts > 1 || (f->hosts == 0 && is_http_1_1))
        return f->hosts ? "expected one Host header, got several" : "expected a Host header";
    if (f->lengths > 1)
        return "expected one Content-Length header, got several";
    if (f->codings > 0 && f->lengths > 0)
        return "expected either Content-Length or Transfer-Encoding, got both";
    if (f->codings > 0 && !is_http_1_1)
        return "only HTTP/1.1 has Transfer-Encoding";
    if (f->codings > 0 && !f->chunked) {
        *ret_status = 501;
        return "the only transfer coding here is chunked";
    }
    return NULL;
}

static enum MHD_Result note_header(void *userdata, enum MHD_ValueKind kind _unused_,
                                   const char *name, size_t name_len, const char *value,
                                   size_t value_len)
{
    framing_note(userdata, name, name_len, value ? value : "", value_len);
    return MHD_YES;
}

// An address with a blank in it ends elsewhere for others.
static bool has_blank(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return true;
    return false;
}

int framing_check(struct exchange *x, const char *version, struct error *err)
{
    struct framing framing = {0};
    const char *fault;
    unsigned status;

    (void)MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, note_header, &framing);
    fault = framing_fault(&framing, strcmp(version, MHD_HTTP_VERSION_1_1) == 0, &status);
    if (!fault && (has_blank(x->path) || has_blank(x->query_text))) {
        status = 400;
        fault = "the address has a blank or a control character";
    }
    return fault ? exchange_fail(x, status, err, "%s", fault) : 0;
}
