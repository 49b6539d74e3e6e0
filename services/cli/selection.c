// SPDX-License-Identifier: GPL-3.0-only
#include "cli/selection.h"

#include <fnmatch.h>

#define UTC "+00:00"
#define TIME_LEN (sizeof("YYYY-MM-DD HH:MM:SS") - 1)

int pattern_compile(const char *option, const char *pattern, pcre2_code **ret, struct error *err)
{
    PCRE2_UCHAR why[200] = "";
    PCRE2_SIZE at = 0;
    int code = 0;

    pcre2_code_free(*ret);
    *ret =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_DOTALL, &code, &at, NULL);
    if (*ret)
        return 0;
    (void)pcre2_get_error_message(code, why, sizeof why);
    return error_set(err, -EINVAL, "%s: %s, at character %zu of \"%s\"", option, (const char *)why,
                     (size_t)at, pattern);
}

// As request_complete() writes it, whose dates sort as text; what is behind the seconds says UTC.
static int check_time(const char *value, struct error *err)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    size_t i = 0;

    while (form[i] && (form[i] == 'd' ? value[i] >= '0' && value[i] <= '9' : value[i] == form[i]))
        i++;
    if (form[i] || (value[i] && !str_equal(value + i, UTC)))
        return error_set(err, -EINVAL,
                         "--submitted-before: expected YYYY-MM-DD HH:MM:SS, got \"%s\"", value);
    return 0;
}

// Of a request that does not say when in that form nobody knows.
static bool is_before(const char *time, const char *before)
{
    _cleanup_error_ struct error why = ERROR_INIT;

    return time && check_time(time, &why) == 0 && strncmp(time, before, TIME_LEN) < 0;
}

bool selection_option(struct selection *selection, int option, const char *value, int *ret,
                      struct error *err)
{
    *ret = 0;
    switch (option) {
    case SELECTION_PACKAGE:
        selection->package = value;
        return true;
    case SELECTION_UUID:
        selection->uuid = value;
        return true;
    case SELECTION_EXCEPT:
        selection->except = value;
        return true;
    case SELECTION_BEFORE:
        selection->before = value;
        *ret = check_time(value, err);
        return true;
    case SELECTION_REQUESTER:
        selection->requester = value;
        return true;
    case SELECTION_TRIGGER:
        selection->trigger = value;
        return true;
    case SELECTION_PPA:
        selection->ppa = value;
        return true;
    case SELECTION_MATCH:
        *ret = pattern_compile("--match", value, &selection->match, err);
        return true;
    case SELECTION_ALL:
        selection->all = true;
        return true;
    default:
        return false;
    }
}

static bool has_fields(const struct selection *s)
{
    return s->package || s->uuid || s->before || s->requester || s->trigger || s->ppa;
}

bool selection_is_empty(const struct selection *s)
{
    return !has_fields(s) && !s->match && !s->all;
}

static bool some_fits(const struct strv *values, const char *pattern)
{
    STRV_FOREACH (value, values)
        if (fnmatch(pattern, value, 0) == 0)
            return true;
    return false;
}

static bool some_ppa_fits(const struct strv *ppas, const char *pattern)
{
    STRV_FOREACH (ppa, ppas) {
        _cleanup_free_ char *user = NULL, *name = NULL, *whole = NULL;

        if (request_ppa_name(ppa, &user, &name, NULL) == 0 &&
            (whole = str_format("%s/%s", user, name)) && fnmatch(pattern, whole, 0) == 0)
            return true;
    }
    return false;
}

static bool fields_fit(const struct selection *s, const struct request *q)
{
    return q && (!s->package || fnmatch(s->package, q->package, 0) == 0) &&
           (!s->uuid || (q->uuid && str_equal(s->uuid, q->uuid))) &&
           (!s->before || is_before(q->submit_time, s->before)) &&
           (!s->requester || (q->requester && str_equal(s->requester, q->requester))) &&
           (!s->trigger || some_fits(&q->triggers, s->trigger)) &&
           (!s->ppa || some_ppa_fits(&q->ppas, s->ppa));
}

static bool text_fits(const pcre2_code *match, const struct buf *body)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(match, NULL);
    bool fits =
        data && pcre2_match(match, (PCRE2_SPTR)buf_str(body), body->len, 0, 0, data, NULL) >= 0;

    pcre2_match_data_free(data);
    return fits;
}

bool selection_matches(const struct selection *selection, const struct request *request,
                       const struct buf *body)
{
    if (selection->except && request && str_equal(selection->except, request->uuid))
        return false;
    return (!has_fields(selection) || fields_fit(selection, request)) &&
           (!selection->match || text_fits(selection->match, body));
}

void selection_release(struct selection *selection)
{
    pcre2_code_free(selection->match);
    *selection = (struct selection){0};
}
