// SPDX-License-Identifier: GPL-3.0-only
#include "net/http_internal.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#define CONNECT_TIMEOUT_US (10 * USEC_PER_SEC)
#define IDLE_TIMEOUT_US (60 * USEC_PER_SEC)
#define HEADERS_MAX ((size_t)64 * 1024)
#define BACKOFF_FIRST_US (500 * USEC_PER_MSEC)
#define BACKOFF_MAX_US (30 * USEC_PER_SEC)
#define RETRY_AFTER_MAX_S 60
#define ASK_FIRST_FROM ((curl_off_t)1024 * 1024)

struct http_client {
    CURLM *multi; // keeps the connections
    CURL *easy;   // of the last transfer
    char *user_agent;
};

int http_client_new(const char *user_agent, struct http_client **ret, struct error *err)
{
    struct http_client *client = calloc(1, sizeof(*client));

    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return error_oom(err);
    }
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    client->user_agent = strdup(user_agent);
    if (!client->multi || !client->easy || !client->user_agent) {
        http_client_free(client);
        return error_oom(err);
    }
    *ret = client;
    return 0;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->easy);
    (void)curl_multi_cleanup(client->multi);
    free(client->user_agent);
    free(client);
    curl_global_cleanup();
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    size_t len = strlen(name);

    STRV_FOREACH (line, &response->headers) {
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " \t");
    }
    return NULL;
}

void http_response_release(struct http_response *response)
{
    response->status = 0;
    strv_release(&response->headers);
    buf_release(&response->body);
}

char *http_printable_url(const char *url)
{
    CURLU *parts = curl_url();
    char *text = NULL, *copy = NULL;

    if (parts && curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_QUERY, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK)
        copy = strdup(text);
    curl_free(text);
    curl_url_cleanup(parts);
    return copy ? copy : strdup("(a malformed URL)");
}

static const char *method_of(const struct http_request *request)
{
    return request->method ? request->method : "GET";
}

// ---------------------------------------------------------------- callbacks

static size_t on_header(char *bytes, size_t size, size_t n, void *userdata)
{
    struct transfer *t = userdata;
    size_t len = size * n;
    _cleanup_free_ char *line = strndup(bytes, len);
    char *colon;

    if (!line) {
        t->r = -ENOMEM;
        return 0;
    }
    if (str_starts_with(line, "HTTP/")) { // the next answer: after 100, after a redirect
        strv_release(&t->response->headers);
        return len;
    }
    t->headers_len += len;
    if (t->headers_len > HEADERS_MAX) {
        t->r = -E2BIG;
        return 0;
    }
    line[strcspn(line, "\r\n")] = '\0';
    colon = strchr(line, ':');
    if (!colon)
        return len;
    for (char *c = line; c < colon; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    if (strv_add(&t->response->headers, line) < 0) {
        t->r = -ENOMEM;
        return 0;
    }
    return len;
}

static int save_body(struct transfer *t, const char *bytes, size_t len)
{
    if (len > t->response->body.max - t->saved)
        return -E2BIG;
    t->saved += len;
    return fd_write_all(*t->request->answer_fd, bytes, len);
}

// What the sink does not take now libcurl gives once more when it is told to go on.
static size_t give_sink(struct transfer *t, const char *bytes, size_t len)
{
    int r = 0;

    if (!t->sink_begun) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->response->status);
        r = t->sink->begin(t->response, t->sink_userdata);
    }
    t->sink_begun = true;
    if (r == 0)
        r = t->sink->take(bytes, len, t->sink_userdata);
    if (r == -EAGAIN)
        return CURL_WRITEFUNC_PAUSE;
    t->r = r;
    return r < 0 ? 0 : len;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
    struct transfer *t = userdata;
    long status = 0;

    if (t->request->answer_fd || t->sink)
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->sink && (status == 200 || status == 206))
        return give_sink(t, bytes, size * n);
    t->r = status == 200 && !t->sink ? save_body(t, bytes, size * n)
                                     : buf_add(&t->response->body, bytes, size * n);
    return t->r < 0 ? 0 : size * n;
}

static size_t give_body(char *bytes, size_t size, size_t n, void *userdata)
{
    struct transfer *t = userdata;
    curl_off_t left = t->body_len - t->body_at;
    size_t len = size * n;
    ssize_t got;

    if (left <= 0)
        return 0;
    if ((curl_off_t)len > left)
        len = (size_t)left;
    if (t->body_fd < 0) {
        memcpy(bytes, (const char *)t->request->body + t->body_at, len);
    } else {
        got = pread(t->body_fd, bytes, len, t->body_start + t->body_at);
        if (got <= 0) { // 0: the file has become shorter
            t->r = got < 0 ? -errno : -EIO;
            return CURL_READFUNC_ABORT;
        }
        len = (size_t)got;
    }
    t->body_at += (curl_off_t)len;
    return len;
}

static int seek_body(void *userdata, curl_off_t offset, int origin)
{
    struct transfer *t = userdata;

    if (origin != SEEK_SET || offset < 0 || offset > t->body_len)
        return CURL_SEEKFUNC_FAIL;
    t->body_at = offset;
    return CURL_SEEKFUNC_OK;
}

// ---------------------------------------------------------------- set-up

void transfer_release(struct transfer *t)
{
    curl_slist_free_all(t->headers);
    close_fd(&t->body_fd);
}

static int add_header(struct transfer *t, const char *line)
{
    const char *colon = strchr(line, ':');
    _cleanup_free_ char *empty = NULL;
    struct curl_slist *list;

    if (!colon || colon == line)
        return -EINVAL;
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 && *c != '\t')
            return -EINVAL;
    if (colon[1 + strspn(colon + 1, " \t")] == '\0') { // libcurl would leave it out
        empty = str_format("%.*s;", (int)(colon - line), line);
        if (!empty)
            return -ENOMEM;
        line = empty;
    }
    list = curl_slist_append(t->headers, line);
    if (!list)
        return -ENOMEM;
    t->headers = list;
    return 0;
}

static int open_body_file(struct transfer *t, const struct http_request *request, struct error *err)
{
    const char *path = request->body_file;
    uint64_t offset = request->body_offset, left;
    struct stat st;

    t->body_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (t->body_fd < 0 || fstat(t->body_fd, &st) < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, -EINVAL, "cannot send %s: not a regular file", path);
    left = offset < (uint64_t)st.st_size ? (uint64_t)st.st_size - offset : 0;
    if (request->body_size > left)
        return error_set(err, -EIO, "cannot send %s: it has become shorter", path);
    t->body_start = (curl_off_t)offset;
    t->body_len = (curl_off_t)(request->body_size ? request->body_size : left);
    return 0;
}

// libcurl asks the server before it sends a body and waits a second for servers that do not
// answer to that: worth it for large ones only.
static int keep_from_asking_first(struct transfer *t, struct error *err)
{
    struct curl_slist *list;

    if (t->body_len >= ASK_FIRST_FROM)
        return 0;
    list = curl_slist_append(t->headers, "Expect:");
    if (!list)
        return error_oom(err);
    t->headers = list;
    return 0;
}

int transfer_init(struct transfer *t, const struct http_request *request,
                  struct http_response *response, struct error *err)
{
    *t = (struct transfer){.request = request,
                           .response = response,
                           .body_fd = -1,
                           .body_len = (curl_off_t)request->body_len};
    if (request->headers) {
        STRV_FOREACH (line, request->headers) {
            int r = add_header(t, line);

            if (r < 0)
                return error_set(err, r, "not a header: \"%.*s\"", (int)strcspn(line, ":"), line);
        }
    }
    if (request->body_file) {
        int r = open_body_file(t, request, err);

        if (r < 0)
            return r;
    }
    return keep_from_asking_first(t, err);
}

static bool sends_body(const struct http_request *request)
{
    const char *method = method_of(request);

    return request->body || request->body_file || str_equal(method, "PUT") ||
           str_equal(method, "POST");
}

// The results of curl_easy_setopt() are ignored below: options of the library itself do not fail,
// and those that copy a string fail for lack of memory, which the transfer then meets as well.
static void set_method(CURL *easy, struct transfer *t)
{
    const char *method = method_of(t->request);

    if (sends_body(t->request)) {
        (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, t->body_len);
        (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
        (void)curl_easy_setopt(easy, CURLOPT_READDATA, t);
        (void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
        (void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
    } else if (str_equal(method, "HEAD")) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (!str_equal(method, "GET"))
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_limits(CURL *easy, const struct http_request *request)
{
    uint64_t connect =
        request->connect_timeout_us ? request->connect_timeout_us : CONNECT_TIMEOUT_US;
    uint64_t idle = request->idle_timeout_us ? request->idle_timeout_us : IDLE_TIMEOUT_US;

    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect / USEC_PER_MSEC));
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                           (long)((idle + USEC_PER_SEC - 1) / USEC_PER_SEC));
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->redirects > 0 ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)request->redirects);
#if LIBCURL_VERSION_NUM >= 0x075500
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_identities(CURL *easy, const struct http_request *request)
{
    if (request->ca_is_server || request->peer)
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    if (request->peer) {
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    }
    if (request->cert_file) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, request->cert_file);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, request->key_file);
    }
}

static void set_options(CURL *easy, const char *user_agent, struct transfer *t)
{
    t->message[0] = '\0';
    (void)curl_easy_setopt(easy, CURLOPT_URL, t->request->url);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->message);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (t->request->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, t->request->ca_file);
    set_identities(easy, t->request);
    set_limits(easy, t->request);
    if (t->request->direct)
        (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    set_method(easy, t);
}

// ---------------------------------------------------------------- the transfer

// A handle that was used before keeps a pointer into headers that it has freed, and follows it when
// an answer begins with a folded header (libcurl before 8.1.1): each transfer gets one of its own.
static int renew_handle(struct http_client *client)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return -ENOMEM;
    curl_easy_cleanup(client->easy);
    client->easy = easy;
    return 0;
}

static CURLcode multi_error(CURLMcode code)
{
    return code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
}

// Drives the one transfer to its end.
static CURLcode run(struct http_client *client)
{
    CURLcode result = CURLE_OK;
    CURLMcode code = curl_multi_add_handle(client->multi, client->easy);
    int running = 1, left;
    const CURLMsg *message;

    while (code == CURLM_OK && running > 0) {
        code = curl_multi_perform(client->multi, &running);
        if (code == CURLM_OK && running > 0)
            code = curl_multi_poll(client->multi, NULL, 0, 1000, NULL);
    }
    while ((message = curl_multi_info_read(client->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    (void)curl_multi_remove_handle(client->multi, client->easy);
    return code == CURLM_OK ? result : multi_error(code);
}

static int curl_errno(const struct transfer *t, CURLcode code)
{
    if (t->r < 0)
        return t->r;
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return -EHOSTUNREACH;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return -ECONNRESET;
    case CURLE_URL_MALFORMAT:
        return -EINVAL;
    default:
        return -EPROTO;
    }
}

// libcurl lets answers pass whose first line has no status.
static int read_status(struct transfer *t)
{
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->response->status);
    if (t->response->status >= 100 && t->response->status <= 999)
        return 0;
    t->response->status = 0;
    (void)snprintf(t->message, sizeof(t->message), "the answer is no HTTP");
    return -EPROTO;
}

// What a try before has saved is not part of this one's answer.
static int empty_answer_file(const struct http_request *request)
{
    if (!request->answer_fd)
        return 0;
    return ftruncate(*request->answer_fd, 0) < 0 || lseek(*request->answer_fd, 0, SEEK_SET) < 0
               ? -errno
               : 0;
}

void transfer_begin(struct transfer *t, CURL *easy, const char *user_agent)
{
    strv_release(&t->response->headers);
    buf_truncate(&t->response->body, 0);
    t->response->status = 0;
    t->easy = easy;
    t->headers_len = 0;
    t->body_at = 0;
    t->saved = 0;
    t->r = 0;
    set_options(easy, user_agent, t);
}

// The server's own certificate is the first of those it sent.
static int read_peer(struct transfer *t)
{
    static const char key[] = "Cert:";
    struct curl_certinfo *info = NULL;

    if (!t->request->peer)
        return 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_CERTINFO, &info);
    for (struct curl_slist *line = info && info->num_of_certs > 0 ? info->certinfo[0] : NULL; line;
         line = line->next) {
        if (!str_starts_with(line->data, key))
            continue;
        buf_truncate(t->request->peer, 0);
        return buf_add_str(t->request->peer, line->data + strlen(key));
    }
    (void)snprintf(t->message, sizeof(t->message), "the server has shown no certificate");
    return -EPROTO;
}

int transfer_end(struct transfer *t, CURLcode code)
{
    int r = curl_errno(t, code);

    if (r >= 0) {
        r = read_status(t);
        return r < 0 ? r : read_peer(t);
    }
    if (t->r == -E2BIG)
        (void)snprintf(t->message, sizeof(t->message), "the answer is too large");
    else if (code == CURLE_ABORTED_BY_CALLBACK && t->request->body_file)
        (void)snprintf(t->message, sizeof(t->message), "%s could not be read to its end",
                       t->request->body_file);
    else if (!t->message[0] || code == CURLE_URL_MALFORMAT || t->r < 0)
        (void)snprintf(t->message, sizeof(t->message), "%s", curl_easy_strerror(code));
    return r;
}

static int perform_once(struct http_client *client, struct transfer *t)
{
    int r = renew_handle(client);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    transfer_begin(t, client->easy, client->user_agent);
    t->r = r < 0 ? r : empty_answer_file(t->request);
    if (t->r >= 0)
        code = run(client);
    return transfer_end(t, code);
}

static bool is_repeatable(const struct http_request *request)
{
    const char *method = method_of(request);

    return request->repeatable || str_equal(method, "GET") || str_equal(method, "HEAD") ||
           str_equal(method, "PUT") || str_equal(method, "DELETE");
}

static bool is_worth_a_retry(int r, long status)
{
    if (r < 0)
        return r == -ETIMEDOUT || r == -ECONNREFUSED || r == -ECONNRESET || r == -EHOSTUNREACH;
    return status == 408 || status == 429 || status == 498 || status >= 500;
}

// How long to wait before the next try; false: longer than we are ready to.
static bool retry_wait(CURL *easy, unsigned attempt, uint64_t *ret_us)
{
    uint64_t wait = attempt < 6 ? BACKOFF_FIRST_US << attempt : BACKOFF_MAX_US, random = 0;
    curl_off_t after_s = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = clock_monotonic_us();
    wait = wait / 2 + random % (wait / 2 + 1);
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after_s) == CURLE_OK && after_s > 0) {
        if (after_s > RETRY_AFTER_MAX_S)
            return false;
        if ((uint64_t)after_s * USEC_PER_SEC > wait)
            wait = (uint64_t)after_s * USEC_PER_SEC;
    }
    *ret_us = wait;
    return true;
}

int http_perform(struct http_client *client, const struct http_request *request,
                 struct http_response *response, struct error *err)
{
    unsigned retries = is_repeatable(request) ? request->retries : 0;
    _cleanup_(transfer_release) struct transfer t = {.body_fd = -1};
    _cleanup_free_ char *url = http_printable_url(request->url);
    uint64_t wait;
    int r;

    r = transfer_init(&t, request, response, err);
    if (r >= 0)
        r = keep_from_asking_first(&t, err);
    if (r < 0)
        return error_prefix(err, r, "%s %s", method_of(request), url ? url : "");
    for (unsigned attempt = 0;; attempt++) {
        r = perform_once(client, &t);
        if (attempt >= retries || !is_worth_a_retry(r, response->status) ||
            !retry_wait(client->easy, attempt, &wait))
            break;
        (void)poll(NULL, 0, (int)(wait / USEC_PER_MSEC));
    }
    if (r < 0)
        return error_set(err, r, "%s %s: %s", method_of(request), url ? url : "", t.message);
    return 0;
}
