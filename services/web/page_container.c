// SPDX-License-Identifier: GPL-3.0-only
// /results/CONTAINER, without a slash behind it: what gating programs ask for as if it were Swift.
#include "base/clock.h"
#include "web/pages.h"
#include "web/store_access.h"
#include "web/store_http.h"
#include "web/web.h"

// Of a listing of a Swift, as text or as the items of a JSON array.
struct relisted {
    bool json;
    struct buf text;
};

static json_t *item_of(const struct stored_entry *entry)
{
    _cleanup_free_ char *date = NULL;

    if (entry->is_prefix)
        return json_pack("{s:s}", "subdir", entry->name);
    date = store_date(entry->modified_s * (int64_t)USEC_PER_SEC);
    return json_pack("{s:s, s:I, s:s}", "name", entry->name, "bytes", (json_int_t)entry->size,
                     "last_modified", date ? date : "");
}

static int add_entry(const struct stored_entry *entry, void *userdata)
{
    struct relisted *l = userdata;
    _cleanup_json_ json_t *item = NULL;

    if (!l->json)
        return buf_addf(&l->text, "%s\n", entry->name);
    item = item_of(entry);
    if (!item || buf_add_str(&l->text, l->text.len ? "," : "[") < 0)
        return -ENOMEM;
    return json_write(item, &l->text);
}

// As the built-in store answers (store_http.c), of what a Swift has told.
static int list_swift(struct exchange *x, const char *container, struct error *err)
{
    _cleanup_buf_ struct buf owned = BUF_INIT(BUF_OWN_MAX);
    struct relisted l = {.json = store_listing_is_json(x), .text = owned};
    struct store_query query;
    int r = store_listing_query(x, &query, err);

    if (r == 0)
        r = stored_list(x, READER_ANYBODY, container, &query, add_entry, &l, err);
    owned = l.text;
    if (r == -ENOENT) {
        error_clear(err);
        return store_unauthorized(x);
    }
    return r != 0 ? r : store_answer_listing(x, l.json, &owned);
}

int page_container(struct exchange *x, struct error *err)
{
    const char *container = exchange_value(x, "container");
    _cleanup_free_ char *url = NULL;

    if (x->query.len > 0 || exchange_accepts(x) != ACCEPTS_HTML)
        return x->web->store ? store_container(x, err) : list_swift(x, container, err);
    url = str_format("/results/%s/", container);
    return url && exchange_redirect(x, MHD_HTTP_MOVED_PERMANENTLY, url) == 0 ? 0 : error_oom(err);
}
