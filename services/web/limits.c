// SPDX-License-Identifier: GPL-3.0-only
#include "web/limits.h"

#include "base/clock.h"
#include "base/hash.h"
#include "web/client.h"
#include "web/web.h"

#include <math.h>
#include <openssl/rand.h>

#define SETS 2048 // of WAYS buckets each
#define WAYS 4

#define CRAWLER_PER_SECOND 1.0
#define LOGINS_PER_SECOND (1.0 / 6)
#define WRONG_KEYS_PER_SECOND (1.0 / 6)

static const char *const what[LIMIT_KINDS] = {
    [LIMIT_CRAWLER] = "pages for a crawler",
    [LIMIT_CLIENT] = "pages from one address",
    [LIMIT_LOGIN] = "logins from one address",
    [LIMIT_LOGIN_END] = "answers to logins from one address",
    [LIMIT_WRONG_KEY] = "wrong API keys for one user from one address",
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
    uint64_t seed; // of the ids: nobody outside knows which names share a set
    struct bucket buckets[SETS][WAYS];
    // Of wrong API keys, whose names strangers make up: they push out nothing but each other.
    struct bucket strangers[SETS][WAYS];
};

struct limits *limits_new(void)
{
    struct limits *limits = calloc(1, sizeof(*limits));

    if (limits &&
        RAND_bytes((unsigned char *)(void *)&limits->seed, (int)sizeof(limits->seed)) != 1) {
        free(limits);
        return NULL;
    }
    return limits;
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
    limits->rules[LIMIT_LOGIN_END] = rule(LOGINS_PER_SECOND, 60);
    limits->rules[LIMIT_WRONG_KEY] = rule(WRONG_KEYS_PER_SECOND, 60);
    limits->rules[LIMIT_REQUESTS] = rule(requests / 60.0, 100);
}

void limits_free(struct limits *limits)
{
    free(limits);
}

static uint64_t id_of(const struct limits *limits, enum limit_kind kind, const char *name)
{
    unsigned char byte = (unsigned char)kind;
    uint64_t id = hash_add(hash_add(HASH_START ^ limits->seed, &byte, 1), name, strlen(name));

    return id ? id : 1;
}

// The bucket of that id; NULL: there is none. *ret_oldest is the one of its set that was not seen
// for longest.
static struct bucket *find(struct limits *limits, enum limit_kind kind, uint64_t id,
                           struct bucket **ret_oldest)
{
    struct bucket *set = (kind == LIMIT_WRONG_KEY ? limits->strangers : limits->buckets)[id % SETS];

    *ret_oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
        if (set[i].seen_us < (*ret_oldest)->seen_us)
            *ret_oldest = &set[i];
    }
    return NULL;
}

// What is in it by now.
static double tokens(const struct bucket *bucket, const struct rule *rule, uint64_t now_us)
{
    double back = (double)(now_us - bucket->seen_us) / (double)USEC_PER_SEC * rule->per_second;

    return fmin(rule->burst, bucket->tokens + back);
}

static bool is_enough(double tokens, const struct rule *rule, unsigned *ret_wait_s)
{
    if (tokens >= 1)
        return true;
    *ret_wait_s = (unsigned)ceil((1 - tokens) / rule->per_second);
    return false;
}

bool limits_take(struct limits *limits, enum limit_kind kind, const char *name, uint64_t now_us,
                 unsigned *ret_wait_s)
{
    const struct rule *rule = &limits->rules[kind];
    struct bucket *bucket, *oldest;
    uint64_t id;

    if (rule->per_second <= 0)
        return true;
    id = id_of(limits, kind, name);
    bucket = find(limits, kind, id, &oldest);
    if (!bucket) {
        bucket = oldest;
        *bucket = (struct bucket){.id = id, .seen_us = now_us, .tokens = rule->burst};
    }
    bucket->tokens = tokens(bucket, rule, now_us);
    bucket->seen_us = now_us;
    if (!is_enough(bucket->tokens, rule, ret_wait_s))
        return false;
    bucket->tokens -= 1;
    return true;
}

bool limits_allow(struct limits *limits, enum limit_kind kind, const char *name, uint64_t now_us,
                  unsigned *ret_wait_s)
{
    const struct rule *rule = &limits->rules[kind];
    struct bucket *oldest;
    const struct bucket *bucket = find(limits, kind, id_of(limits, kind, name), &oldest);

    return rule->per_second <= 0 || !bucket ||
           is_enough(tokens(bucket, rule, now_us), rule, ret_wait_s);
}

// ---- what is refused

static int refuse(struct exchange *x, enum limit_kind kind, unsigned wait_s, struct error *err)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof(seconds), "%u", wait_s);
    if (exchange_add_header(x, "Retry-After", seconds) < 0)
        return error_oom(err);
    return exchange_fail(x, 429, err, "too many %s: try again in %u s", what[kind], wait_s);
}

static int check(struct exchange *x, enum limit_kind kind, const char *name, struct error *err)
{
    unsigned wait_s = 0;

    return !*name || limits_take(x->web->limits, kind, name, clock_monotonic_us(), &wait_s)
               ? 0
               : refuse(x, kind, wait_s, err);
}

int limits_check_client(struct exchange *x, enum limit_kind kind, struct error *err)
{
    _cleanup_free_ char *client = client_network(x);

    return client ? check(x, kind, client, err) : error_oom(err);
}

int limits_check_user(struct exchange *x, enum limit_kind kind, const char *user, struct error *err)
{
    if (x->counted)
        return 0;
    x->counted = true;
    return check(x, kind, user, err);
}

int limits_check_key(struct exchange *x, const char *name, struct error *err)
{
    unsigned wait_s = 0;

    return limits_allow(x->web->limits, LIMIT_WRONG_KEY, name, clock_monotonic_us(), &wait_s)
               ? 0
               : refuse(x, LIMIT_WRONG_KEY, wait_s, err);
}

void limits_count_wrong_key(struct exchange *x, const char *name)
{
    unsigned wait_s = 0;

    (void)limits_take(x->web->limits, LIMIT_WRONG_KEY, name, clock_monotonic_us(), &wait_s);
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
    if (!x->route || x->route->kind != ROUTE_PAGE || x->route->body_max > 0 || x->route->own_limit)
        return 0;
    return limits_check_client(x, is_crawler(x) ? LIMIT_CRAWLER : LIMIT_CLIENT, err);
}
