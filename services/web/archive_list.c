// SPDX-License-Identifier: GPL-3.0-only
#include "web/archive_list.h"

#include "base/file.h"
#include "base/utf8.h"
#include "net/http.h"

#include <search.h>

#define NAME_SHOWN ((size_t)300)

struct item {
    bool folder;
    enum tar_kind kind;
    uint64_t size;
    int64_t mtime_s;
    char *target;
    char name[]; // below the query's folder, without a slash at its end
};

struct listing {
    const struct archive_query *query;
    int (*added)(struct listing *l, const struct item *item); // NULL: nothing is done with it yet
    void *tree;                                               // of items, in order (tsearch)
    size_t items, name_bytes, at;
    uint64_t members, bytes;
    bool cut, seen; // seen: the folder is there
    json_t *entries;
    int r;
};

static void item_free(void *item)
{
    free(((struct item *)item)->target);
    free(item);
}

static int compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->folder == y->folder ? strcmp(x->name, y->name) : x->folder ? -1 : 1;
}

bool archive_name_is_good(const char *name)
{
    size_t len = strlen(name);
    _cleanup_free_ char *bare = NULL;

    if (len == 0 || len > ARCHIVE_NAME_MAX)
        return false;
    bare = strndup(name, len - (name[len - 1] == '/'));
    return bare && path_is_inside(bare);
}

// ---- collecting

static struct item *item_new(const char *name, size_t len, const struct tar_entry *e)
{
    struct item *item = calloc(1, sizeof(*item) + len + 1);

    if (!item)
        return NULL;
    memcpy(item->name, name, len);
    item->kind = e->kind;
    item->size = e->size;
    item->mtime_s = e->mtime_s;
    item->target = e->target ? strdup(e->target) : NULL;
    if (!e->target || item->target)
        return item;
    free(item);
    return NULL;
}

static int add_item(struct listing *l, const char *name, size_t len, bool folder,
                    const struct tar_entry *e)
{
    struct item *item, **found;

    if (l->items >= ARCHIVE_NAMES_MAX || l->name_bytes + len > ARCHIVE_NAMES_BYTES) {
        l->cut = true;
        return 0;
    }
    item = item_new(name, len, e);
    if (!item)
        return -ENOMEM;
    item->folder = folder;
    found = tsearch(item, &l->tree, compare);
    if (found && *found == item) {
        l->items++;
        l->name_bytes += len + (e->target ? strlen(e->target) : 0);
        return l->added ? l->added(l, item) : 0;
    }
    item_free(item);
    return found ? 0 : -ENOMEM;
}

// What is below the folder becomes one entry of it: its first component.
static int add_below(struct listing *l, const char *rest, const struct tar_entry *e)
{
    size_t len = strcspn(rest, "/");

    if (len == 0)
        return 0; // the folder itself
    if (rest[len] == '\0' && e->kind != TAR_FOLDER)
        return add_item(l, rest, len, false, e);
    return add_item(l, rest, len, true,
                    &(struct tar_entry){.kind = TAR_FOLDER, .mtime_s = e->mtime_s});
}

static int add_found(struct listing *l, const char *rest, const struct tar_entry *e)
{
    return e->kind != TAR_FOLDER && strcasestr(rest, l->query->find)
               ? add_item(l, rest, strlen(rest), false, e)
               : 0;
}

static int add_member(struct listing *l, const struct tar_entry *e)
{
    const char *folder = l->query->folder;
    bool good = archive_name_is_good(e->name);

    l->members++;
    if (e->kind == TAR_FILE)
        l->bytes += e->size;
    if (good && !str_starts_with(e->name, folder))
        return 0;
    if (!good && *folder)
        return 0;
    l->seen = true;
    if (l->query->find)
        return add_found(l, e->name + strlen(folder), e);
    return good ? add_below(l, e->name + strlen(folder), e)
                : add_item(l, e->name, strnlen(e->name, ARCHIVE_NAME_MAX + 1), false, e);
}

// ---- writing

static char *shown(const char *text)
{
    _cleanup_buf_ struct buf b = BUF_INIT(4 * NAME_SHOWN);
    size_t len = strlen(text), n = len < NAME_SHOWN ? len : NAME_SHOWN;

    if (utf8_add_clean(&b, text, n) < 0 || (n < len && buf_add_str(&b, "…") < 0))
        return NULL;
    return buf_take(&b);
}

static char *note_of(const struct item *item, bool good)
{
    _cleanup_free_ char *target = item->target ? shown(item->target) : NULL;

    if (!good)
        return strdup("its name leads out of the archive, or is too long");
    if (item->kind == TAR_LINK || item->kind == TAR_HARD_LINK)
        return str_format("%slink to %s", item->kind == TAR_LINK ? "" : "hard ",
                          target ? target : "?");
    return strdup(item->kind == TAR_OTHER ? "a device, socket or pipe" : "");
}

static json_t *item_json(const struct item *item)
{
    bool good = archive_name_is_good(item->name);
    _cleanup_free_ char *name = shown(item->name), *escaped = http_escape(item->name, true);
    _cleanup_free_ char *note = note_of(item, good);
    json_t *value = json_object();

    if (!name || !escaped || !note || json_put_string(value, "name", name) < 0 ||
        json_put_bool(value, "folder", item->folder) < 0 ||
        json_put_int(value, "modified_s", item->mtime_s) < 0 ||
        (item->kind == TAR_FILE && json_put_int(value, "bytes", (int64_t)item->size) < 0) ||
        (*note && json_put_string(value, "note", note) < 0) ||
        (good && item->kind != TAR_LINK && item->kind != TAR_OTHER &&
         json_put_string(value, "url", escaped) < 0)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static void write_item(const void *node, VISIT visit, void *userdata)
{
    struct listing *l = userdata;
    size_t at;

    if ((visit != postorder && visit != leaf) || l->r < 0)
        return;
    at = l->at++;
    if (at < l->query->skip || at - l->query->skip >= l->query->limit)
        return;
    if (json_array_append_new(l->entries, item_json(*(struct item *const *)node)) < 0)
        l->r = -ENOMEM;
}

static int put_totals(json_t *value, const struct listing *l, const char *damaged)
{
    return json_put_int(value, "total", (int64_t)l->items) < 0 ||
                   json_put_int(value, "members", (int64_t)l->members) < 0 ||
                   json_put_int(value, "all_bytes", (int64_t)(l->bytes & INT64_MAX)) < 0 ||
                   json_put_bool(value, "cut", l->cut) < 0 ||
                   (damaged && json_put_string(value, "damaged", damaged) < 0)
               ? -ENOMEM
               : 0;
}

static int write_listing(struct listing *l, const char *damaged, json_t **ret)
{
    json_t *value = json_object();

    l->entries = json_array();
    twalk_r(l->tree, write_item, l);
    if (json_put(value, "entries", l->entries) < 0 || l->r < 0 ||
        put_totals(value, l, damaged) < 0) {
        json_decref(value);
        return -ENOMEM;
    }
    *ret = value;
    return 0;
}

// What is the end of it, for all members that were read.
static int finish(struct listing *l, const char *name, const char *damaged, json_t **ret,
                  struct error *err)
{
    if (l->r == 0 && !l->seen)
        l->r = error_set(err, -ENOENT, "%s: has no folder of that name", name);
    else if (l->r == 0)
        l->r = write_listing(l, damaged, ret);
    tdestroy(l->tree, item_free);
    return l->r == -ENOMEM ? error_oom(err) : l->r;
}

int archive_list(int fd, const char *name, const struct archive_query *query, json_t **ret,
                 struct error *err)
{
    _cleanup_(tar_reader_freep) struct tar_reader *reader = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *damaged = NULL;
    struct listing l = {.query = query, .seen = !*query->folder};
    struct tar_entry e;
    int r = tar_reader_open(fd, name, &reader, err);

    if (r < 0)
        return r;
    while ((r = tar_reader_next(reader, &e, &why)) > 0 && l.r == 0)
        l.r = add_member(&l, &e);
    if (r == -EBADMSG && l.members > 0)
        damaged = shown(error_message(&why)); // may have bytes of the archive in it
    if (l.r == 0 && r < 0 && !damaged)
        l.r = error_set(err, r, "%s", error_message(&why));
    return finish(&l, name, damaged, ret, err);
}

// ---- indexes

// Before the name and the target, which follow without a NUL. The last one says with its name why
// the archive cannot be read further.
struct record {
    uint64_t size;
    int64_t mtime_s;
    uint32_t name_len, target_len;
    uint32_t kind; // enum tar_kind, or THE_END
    uint32_t has_target;
};

#define THE_END UINT32_MAX
#define KEPT_MAX (ARCHIVE_NAME_MAX + 1) // of a name that is too long to be good

static int write_record(FILE *out, const struct tar_entry *e, uint32_t kind)
{
    const struct record record = {
        .size = e->size,
        .mtime_s = e->mtime_s,
        .name_len = (uint32_t)strnlen(e->name, KEPT_MAX),
        .target_len = e->target ? (uint32_t)strnlen(e->target, KEPT_MAX) : 0,
        .kind = kind,
        .has_target = e->target != NULL,
    };

    if (fwrite(&record, sizeof(record), 1, out) != 1 ||
        fwrite(e->name, 1, record.name_len, out) != record.name_len ||
        (e->target && fwrite(e->target, 1, record.target_len, out) != record.target_len))
        return -EIO;
    return 0;
}

int archive_index(int fd, const char *name, FILE *out, struct error *err)
{
    _cleanup_(tar_reader_freep) struct tar_reader *reader = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    struct tar_entry e, end = {.name = ""};
    bool any = false;
    int r = tar_reader_open(fd, name, &reader, err), w = 0;

    if (r < 0)
        return r;
    while ((r = tar_reader_next(reader, &e, &why)) > 0 && w == 0) {
        w = write_record(out, &e, e.kind);
        any = true;
    }
    if (r < 0 && (r != -EBADMSG || !any))
        return error_set(err, r, "%s", error_message(&why));
    if (r < 0)
        end.name = error_message(&why);
    if (w == 0)
        w = write_record(out, &end, THE_END);
    if (w < 0 || fflush(out) != 0)
        return error_set(err, -EIO, "cannot write the index");
    return 0;
}

// The next record's text into `text`. 1, 0 at the end.
static int read_record(FILE *in, struct tar_entry *e, char *name, char *target)
{
    struct record record;

    if (fread(&record, sizeof(record), 1, in) != 1 || record.name_len > KEPT_MAX ||
        record.target_len > KEPT_MAX || fread(name, 1, record.name_len, in) != record.name_len ||
        fread(target, 1, record.target_len, in) != record.target_len)
        return -EBADMSG;
    name[record.name_len] = target[record.target_len] = '\0';
    *e = (struct tar_entry){.name = name,
                            .target = record.has_target ? target : NULL,
                            .kind = (enum tar_kind)record.kind,
                            .size = record.size,
                            .mtime_s = record.mtime_s};
    return record.kind != THE_END;
}

int archive_list_index(FILE *in, const char *name, const struct archive_query *query, json_t **ret,
                       struct error *err)
{
    char text[KEPT_MAX + 1], target[KEPT_MAX + 1];
    _cleanup_free_ char *damaged = NULL;
    struct listing l = {.query = query, .seen = !*query->folder};
    struct tar_entry e;
    int r;

    while ((r = read_record(in, &e, text, target)) > 0 && l.r == 0)
        l.r = add_member(&l, &e);
    if (r < 0)
        l.r = error_set(err, r, "%s: its index is incomplete", name);
    else if (l.r == 0 && *e.name)
        damaged = shown(e.name);
    return finish(&l, name, damaged, ret, err);
}

// ---- while it comes

struct following {
    struct listing l; // at the beginning, for add_found_item()
    int out;
    bool begun; // the first line is written
    size_t shown;
    FILE *index; // in memory; NULL: it became too large
    char *index_text;
    size_t index_len, index_max;
};

static void following_release(struct following *f)
{
    tdestroy(f->l.tree, item_free);
    if (f->index)
        (void)fclose(f->index);
    free(f->index_text);
}

// `value` is taken over.
static int write_line(int out, json_t *value)
{
    _cleanup_json_ json_t *owned = value;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    int r = value ? json_write(value, &text) : -ENOMEM;

    if (r == 0)
        r = buf_add_char(&text, '\n');
    return r < 0 ? r : fd_write_all(out, text.data, text.len);
}

static int begin_lines(struct following *f)
{
    if (f->begun || !f->l.seen)
        return 0;
    f->begun = true;
    return write_line(f->out, json_object());
}

static int add_found_item(struct listing *l, const struct item *item)
{
    struct following *f = (struct following *)l;
    int r = begin_lines(f);

    if (r < 0 || f->shown == l->query->limit)
        return r;
    f->shown++;
    return write_line(f->out, item_json(item));
}

static int add_to_index(struct following *f, const struct tar_entry *e, uint32_t kind)
{
    if (!f->index)
        return 0;
    if (write_record(f->index, e, kind) < 0)
        return -ENOMEM;
    if ((size_t)ftello(f->index) <= f->index_max)
        return 0;
    (void)fclose(TAKE_PTR(f->index));
    free(TAKE_PTR(f->index_text));
    return 0;
}

static int follow_member(struct following *f, const struct tar_entry *e)
{
    int r = add_to_index(f, e, e->kind);

    if (r == 0)
        r = add_member(&f->l, e);
    return r < 0 ? r : begin_lines(f);
}

// `why` the rest cannot be read, or NULL.
static int end_index(struct following *f, const char *why)
{
    const struct tar_entry end = {.name = why ? why : ""};
    int r = add_to_index(f, &end, THE_END);

    return r == 0 && f->index && fflush(f->index) != 0 ? -ENOMEM : r;
}

static int write_totals(const struct following *f, const char *why)
{
    _cleanup_free_ char *damaged = why ? shown(why) : NULL; // may have bytes of the archive in it
    json_t *last = json_object();

    if ((why && !damaged) || put_totals(last, &f->l, damaged) < 0 ||
        json_put_int(last, "index", f->index ? (int64_t)f->index_len : 0) < 0) {
        json_decref(last);
        return -ENOMEM;
    }
    return write_line(f->out, last);
}

static int end_lines(struct following *f, const char *why)
{
    int r = begin_lines(f);

    if (r == 0)
        r = end_index(f, why);
    if (r == 0)
        r = write_totals(f, why);
    return r < 0 || !f->index ? r : fd_write_all(f->out, f->index_text, f->index_len);
}

int archive_follow(int fd, const char *name, const struct archive_query *query, size_t index_max,
                   int out, struct error *err)
{
    _cleanup_(following_release) struct following f = {
        .l = {.query = query, .added = add_found_item, .seen = !*query->folder},
        .out = out,
        .index_max = index_max};
    _cleanup_(tar_reader_freep) struct tar_reader *reader = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    struct tar_entry e;
    int r = tar_reader_open(fd, name, &reader, err), w = 0;

    if (r < 0)
        return r;
    f.index = open_memstream(&f.index_text, &f.index_len);
    if (!f.index)
        return error_oom(err);
    while ((r = tar_reader_next(reader, &e, &why)) > 0 && w == 0)
        w = follow_member(&f, &e);
    if (w == 0 && r < 0 && (r != -EBADMSG || f.l.members == 0))
        return error_set(err, r, "%s", error_message(&why));
    if (w == 0 && !f.l.seen)
        return error_set(err, -ENOENT, "%s: has no folder of that name", name);
    if (w == 0)
        w = end_lines(&f, r < 0 ? error_message(&why) : NULL);
    return w < 0 ? error_errno(err, w, "cannot write what is in %s", name) : 0;
}
