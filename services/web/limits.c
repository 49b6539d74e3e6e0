// SPDX-License-Identifier: GPL-3.0-only
#include "web/limits.h"

#include "base/clock.h"
#include "base/hash.h"
#include "web/web.h"

#include <arpa/inet.h>
#include <math.h>

#define SETS 2048 // of WAYS buckets each
#define WAYS 4

#define CRAWLER_PER_SECOND 1.0
#define LOGINS_PER_SECOND (1.0 / 6)

static const char *const what[LIMIT_KINDS] = {
    [LIMIT_CRAWLER] = "pages for a crawler",
    [LIMIT_CLIENT] = "pages from one address",
    [LIMIT_LOGIN] = "logins from one address",
    [LIMIT_REQUESTS] = "requests of one user",
};

struct bucket {
    uint64_t id; // 0: free
    uint64_t seen_us;
    double tokens;
};

struct rule {
    double per_second, burst; // 0: there is no limit
};

struct limits {
    struct rule rules[LIMIT_KINDS];
    struct bucket buckets[SETS][WAYS];
};

struct limits *limits_new(void)
{
    return calloc(1, sizeof(struct limits));
}

static struct rule rule(double per_second, double burst_s)
{
    return (struct rule){.per_second = per_second, .burst = fmax(1, per_second * burst_s)};
}

void limits_set(struct limits *limits, unsigned pages, unsigned requests)
{
    limits->rules[LIMIT_CRAWLER] = rule(pages > 0 ? CRAWLER_PER_SECOND : 0, 10);
    limits->rules[LIMIT_CLIENT] = rule(pages, 10);
    limits->rules[LIMIT_LOGIN] = rule(LOGINS_PER_SECOND, 60);
    limits->rules[LIMIT_REQUESTS] = rule(requests / 60.0, 100);
}

void limits_free(struct limits *limits)
{
    free(limits);
}

static uint64_t id_of(enum limit_kind kind, const char *name)
{
    unsigned char byte = (unsigned char)kind;
    uint64_t id = hash_add(hash_add(HASH_START, &byte, 1), name, strlen(name));

    return id ? id : 1;
}

// The bucket of that id, or the one of its set that was not seen for longest, full.
static struct bucket *find(struct limits *limits, uint64_t id, double burst, uint64_t now_us)
{
    struct bucket *set = limits->buckets[id % SETS], *oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
        if (set[i].seen_us < oldest->seen_us)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.id = id, .seen_us = now_us, .tokens = burst};
    return oldest;
}

bool limits_take(struct limits *limits, enum limit_kind kind, const char *name, uint64_t now_us,
                 unsigned *ret_wait_s)
{
    double rate = limits->rules[kind].per_second, burst = limits->rules[kind].burst;
    struct bucket *bucket;
    double back;

    if (rate <= 0)
        return true;
    bucket = find(limits, id_of(kind, name), burst, now_us);
    back = (double)(now_us - bucket->seen_us) / (double)USEC_PER_SEC * rate;
    bucket->tokens = fmin(burst, bucket->tokens + back);
    bucket->seen_us = now_us;
    if (bucket->tokens < 1) {
        *ret_wait_s = (unsigned)ceil((1 - bucket->tokens) / rate);
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

// ---- who asks

// Whether an address is of this machine, or of a private network (RFC 1918, 4193, 4291).
static void classify(const struct sockaddr *address, bool *ret_own, bool *ret_private)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    uint32_t four = 0;

    *ret_own = *ret_private = false;
    if (address->sa_family == AF_INET)
        four = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
    else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        memcpy(&four, &six->sin6_addr.s6_addr[12], sizeof(four));
        four = ntohl(four);
    } else {
        *ret_own = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
        *ret_private = *ret_own || (six->sin6_addr.s6_addr[0] & 0xfe) == 0xfc ||
                       IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
        return;
    }
    *ret_own = four >> 24 == 127;
    *ret_private = *ret_own || four >> 24 == 10 || four >> 20 == 0xac1 || four >> 16 == 0xc0a8;
}

static const struct sockaddr *peer_of(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info ? info->client_addr : NULL;
}

static char *address_text(const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes =
        address->sa_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

    return inet_ntop(address->sa_family, bytes, text, sizeof(text)) ? strdup(text) : strdup("?");
}

// The last address of the header: the one that the proxy has seen.
static char *last_address(const char *forwarded)
{
    const char *comma = strrchr(forwarded, ',');
    const char *start = comma ? comma + 1 : forwarded;

    start += strspn(start, " \t");
    return strndup(start, strcspn(start, " \t"));
}

// "" for the machine itself.
char *limits_client(const struct exchange *x)
{
    const struct sockaddr *peer = peer_of(x);
    const char *forwarded = exchange_last_header(x, "X-Forwarded-For");
    bool own, private;

    if (!peer)
        return strdup("?");
    classify(peer, &own, &private);
    if (private && !str_empty(forwarded))
        return last_address(forwarded);
    return own ? strdup("") : address_text(peer);
}

// ---- what is refused

static int check(struct exchange *x, enum limit_kind kind, const char *name, struct error *err)
{
    char seconds[16];
    unsigned wait_s = 0;

    if (!*name || limits_take(x->web->limits, kind, name, clock_monotonic_us(), &wait_s))
        return 0;
    (void)snprintf(seconds, sizeof(seconds), "%u", wait_s);
    if (exchange_add_header(x, "Retry-After", seconds) < 0)
        return error_oom(err);
    return exchange_fail(x, 429, err, "too many %s: try again in %u s", what[kind], wait_s);
}

int limits_check_client(struct exchange *x, enum limit_kind kind, struct error *err)
{
    _cleanup_free_ char *client = limits_client(x);

    return client ? check(x, kind, client, err) : error_oom(err);
}

int limits_check_user(struct exchange *x, enum limit_kind kind, const char *user, struct error *err)
{
    return check(x, kind, user, err);
}

// By what they say of themselves; who hides is a client like any other.
static bool is_crawler(const struct exchange *x)
{
    static const char *const words[] = {"bot", "crawl", "spider", "slurp"};
    const char *agent = exchange_header(x, "User-Agent");

    for (size_t i = 0; agent && i < ARRAY_SIZE(words); i++)
        if (strcasestr(agent, words[i]))
            return true;
    return false;
}

int limits_check_page(struct exchange *x, struct error *err)
{
    if (!x->route || x->route->kind != ROUTE_PAGE || x->route->body_max > 0)
        return 0;
    return limits_check_client(x, is_crawler(x) ? LIMIT_CRAWLER : LIMIT_CLIENT, err);
}
