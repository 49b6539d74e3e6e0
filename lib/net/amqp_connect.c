// SPDX-License-Identifier: GPL-3.0-only
#include "base/parse.h"
#include "net/amqp_internal.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CHANNELS_MAX 2047 // RabbitMQ's own limit unless its operator says otherwise
// Nearly every message is shorter, a longer one comes in several frames. rabbitmq-c keeps memory of
// this size for each channel that was ever used, and the pages ask for a hundred queues at once.
#define FRAME_MAX (16 * 1024)

static struct timeval timeval_of(uint64_t us)
{
    return (struct timeval){.tv_sec = (time_t)(us / USEC_PER_SEC),
                            .tv_usec = (suseconds_t)(us % USEC_PER_SEC)};
}

// The host name is checked by OpenSSL itself: rabbitmq-c before 0.14 knows no addresses in
// certificates, and differs between versions in what it accepts.
static int tls_expect_host(SSL_CTX *context, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 ? 0 : -ENOMEM;
}

static int tls_socket(struct amqp_link *link, const struct amqp_settings *settings,
                      const char *host, amqp_socket_t **ret, struct error *err)
{
    amqp_socket_t *socket = amqp_ssl_socket_new(link->connection);
    SSL_CTX *context = socket ? amqp_ssl_socket_get_context(socket) : NULL;
    int status;

    if (!context)
        return error_oom(err);
    if (settings->ca_file)
        status = amqp_ssl_socket_set_cacert(socket, settings->ca_file);
    else
        status = SSL_CTX_set_default_verify_paths(context) == 1 ? 0 : AMQP_STATUS_SSL_ERROR;
    if (status != AMQP_STATUS_OK)
        return error_set(err, -EPROTO, "cannot read the trusted authorities in %s",
                         settings->ca_file ? settings->ca_file : "the system's store");
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        tls_expect_host(context, host) < 0)
        return error_oom(err);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    *ret = socket;
    return 0;
}

static const char *tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason ? reason : "handshake failed";
}

static bool is_tls_error(int status)
{
    return status <= AMQP_STATUS_SSL_ERROR && status > AMQP_STATUS_SSL_ERROR - 0x100;
}

// A peer that takes nothing any more must not hold us in a send for longer than a round trip may.
static void set_socket_options(const struct amqp_link *link)
{
    unsigned timeout_ms = (unsigned)(link->timeout_us / USEC_PER_MSEC);

    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    (void)fcntl(link->fd, F_SETFD, FD_CLOEXEC);
}

static int connect_socket(struct amqp_link *link, const struct amqp_settings *settings,
                          const char *host, struct error *err)
{
    struct timeval timeout = timeval_of(settings->timeout_us);
    amqp_socket_t *socket = NULL;
    int r, status;

    if (settings->tls) {
        r = tls_socket(link, settings, host, &socket, err);
        if (r < 0)
            return r;
    } else {
        socket = amqp_tcp_socket_new(link->connection);
        if (!socket)
            return error_oom(err);
    }
    status = amqp_socket_open_noblock(socket, host, settings->port, &timeout);
    if (is_tls_error(status))
        return error_set(err, -EPROTO, "no TLS connection to broker %s:%u: %s", host,
                         settings->port, tls_reason());
    if (status != AMQP_STATUS_OK)
        return error_set(err, amqp_status_errno(status), "cannot connect to broker %s:%u: %s", host,
                         settings->port, amqp_error_string2(status));
    link->fd = amqp_get_sockfd(link->connection);
    set_socket_options(link);
    return 0;
}

static int login_refused(const struct amqp_settings *settings, const char *host,
                         const amqp_connection_close_t *close, struct error *err)
{
    _cleanup_free_ char *text = amqp_bytes_string(close->reply_text);
    bool no_access = close->reply_code == AMQP_ACCESS_REFUSED ||
                     close->reply_code == AMQP_NOT_ALLOWED || close->reply_code == AMQP_NOT_FOUND;

    return error_set(err, no_access ? -EACCES : -ECONNRESET,
                     "broker %s refuses user %s on vhost %s: %s", host, settings->user,
                     settings->vhost, text ? text : "");
}

static int login_result(const struct amqp_settings *settings, const char *host,
                        const amqp_rpc_reply_t *reply, struct error *err)
{
    int r;

    switch (reply->reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return 0;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        if (reply->reply.id == AMQP_CONNECTION_CLOSE_METHOD)
            return login_refused(settings, host, reply->reply.decoded, err);
        return error_set(err, -EPROTO, "broker %s: login failed by method 0x%08x", host,
                         reply->reply.id);
    default:
        r = amqp_status_errno(reply->library_error);
        return error_set(err, r, "broker %s: login failed: %s", host,
                         amqp_error_string2(reply->library_error));
    }
}

static amqp_table_entry_t entry_bool(const char *key)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

static amqp_table_entry_t entry_string(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_bytes_of(value)}};
}

static bool is_text(const amqp_table_entry_t *entry, const char *key)
{
    return entry->key.len == strlen(key) && memcmp(entry->key.bytes, key, entry->key.len) == 0 &&
           entry->value.kind == AMQP_FIELD_KIND_UTF8;
}

// 3010 for "3.10.8"; 0: it is something else.
static unsigned read_version(const char *text)
{
    _cleanup_strv_ struct strv numbers = STRV_INIT;
    uint64_t major = 0, minor = 0;

    if (strv_split(&numbers, text, ".") < 0 || numbers.len < 2 ||
        parse_uint(numbers.items[0], 0, 999, &major, NULL) < 0 ||
        parse_uint(numbers.items[1], 0, 999, &minor, NULL) < 0)
        return 0;
    return AMQP_VERSION_OF(major, minor);
}

static unsigned server_version(amqp_connection_state_t connection)
{
    const amqp_table_t *properties = amqp_get_server_properties(connection);
    unsigned version = 0;
    bool is_rabbitmq = false;

    for (int i = 0; properties && i < properties->num_entries; i++) {
        const amqp_table_entry_t *entry = &properties->entries[i];
        _cleanup_free_ char *text = NULL;

        if (!is_text(entry, "product") && !is_text(entry, "version"))
            continue;
        text = amqp_bytes_string(entry->value.value.bytes);
        if (text && is_text(entry, "product"))
            is_rabbitmq = str_equal(text, "RabbitMQ");
        else if (text)
            version = read_version(text);
    }
    return is_rabbitmq ? version : 0;
}

static int login(struct amqp_link *link, const struct amqp_settings *settings, const char *host,
                 const char *client, struct error *err)
{
    struct timeval timeout = timeval_of(settings->timeout_us);
    // What else the broker may tell us: consumers that ended, why publishing stands still.
    amqp_table_entry_t abilities[] = {entry_bool("consumer_cancel_notify"),
                                      entry_bool("connection.blocked"),
                                      entry_bool("publisher_confirms"), entry_bool("basic.nack")};
    amqp_table_entry_t about[] = {
        entry_string("product", "autopkgtest-cloud"),
        entry_string("version", VERSION),
        entry_string("connection_name", client),
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {.num_entries = ARRAY_SIZE(abilities), .entries = abilities}}}};
    amqp_table_t properties = {.num_entries = ARRAY_SIZE(about), .entries = about};
    amqp_rpc_reply_t reply;
    int r;

    (void)amqp_set_handshake_timeout(link->connection, &timeout);
    (void)amqp_set_rpc_timeout(link->connection, &timeout);
    reply = amqp_login_with_properties(link->connection, settings->vhost, CHANNELS_MAX, FRAME_MAX,
                                       (int)settings->heartbeat_s, &properties,
                                       AMQP_SASL_METHOD_PLAIN, settings->user, settings->password);
    r = login_result(settings, host, &reply, err);
    if (r < 0)
        return r;
    link->heartbeat_us = (uint64_t)amqp_get_heartbeat(link->connection) * USEC_PER_SEC;
    link->last_send_us = clock_monotonic_us();
    link->version = server_version(link->connection);
    amqp_maybe_release_buffers(link->connection);
    return 0;
}

int amqp_connect(struct amqp_link *link, const struct amqp_settings *settings, const char *host,
                 const char *client, struct error *err)
{
    int r = connect_socket(link, settings, host, err);

    return r < 0 ? r : login(link, settings, host, client, err);
}
