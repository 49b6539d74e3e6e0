// SPDX-License-Identifier: GPL-3.0-only
#include "data/template_parser.h"

#include "data/template_members.h"

#include <string.h>

enum {
    TEXT_MAX = 16 * 1024 * 1024,
};

static const struct open_tag *innermost(const struct parser *p)
{
    return p->depth ? &p->stack[p->depth - 1] : NULL;
}

// Text directly inside a parent tag means nothing.
static bool is_ignored(const struct parser *p)
{
    return p->depth > 0 && p->stack[p->depth - 1].kind == '<';
}

// ---------------------------------------------------------------- nodes
static int add_node(struct parser *p, enum node_type type, uint32_t line, struct node **ret)
{
    struct template *t = p->t;
    struct node *node = NULL;

    if (t->count == p->allocated) {
        uint32_t more = p->allocated ? p->allocated * 2 : 32;
        struct node *nodes = reallocarray(t->nodes, more, sizeof(*nodes));

        if (!nodes)
            return error_oom(p->err);
        t->nodes = nodes;
        p->allocated = more;
    }
    node = &t->nodes[t->count++];
    *node = (struct node){
        .type = (uint8_t)type,
        .line = line,
        .end = t->count,
        .escape = (uint8_t)p->escape,
        .string = (uint32_t)t->strings.len,
    };
    p->mergeable = false;
    *ret = node;
    return 0;
}

static void mark_line_start(struct parser *p, struct node *node)
{
    if (p->line_start)
        node->flags |= NODE_LINE_START;
    p->line_start = false;
}

static int add_string(struct parser *p, const char *s, size_t len)
{
    return buf_add(&p->t->strings, s, len) < 0 ? error_oom(p->err) : 0;
}

// How much of the blanks at `at`, the start of a line, is taken off.
static size_t dedent_at(const struct parser *p, size_t at)
{
    size_t n = 0;

    if (at > 0 && p->text[at - 1] != '\n')
        return 0;
    while (n < p->dedent_len && at + n < p->len && p->text[at + n] == p->dedent[n])
        n++;
    return n;
}

static int set_indent(struct parser *p, struct node *node, size_t from, size_t to)
{
    size_t skip = dedent_at(p, from);

    from += skip < to - from ? skip : to - from;
    node->indent = (uint32_t)p->t->strings.len;
    node->indent_length = (uint32_t)(to - from);
    return add_string(p, p->text + from, to - from);
}

static int add_text(struct parser *p, size_t from, size_t to)
{
    struct node *node = NULL;
    size_t before = p->t->strings.len;
    int r;

    if (from == to || is_ignored(p))
        return 0;
    if (p->mergeable) {
        node = &p->t->nodes[p->t->count - 1];
        p->line_start = false;
    } else {
        r = add_node(p, NODE_TEXT, p->line, &node);
        if (r != 0)
            return r;
        mark_line_start(p, node);
    }
    while (from < to) {
        const char *newline = memchr(p->text + from, '\n', to - from);
        size_t stop = newline && p->dedent_len ? (size_t)(newline - p->text) + 1 : to;

        from += dedent_at(p, from);
        if (from < stop) {
            r = add_string(p, p->text + from, stop - from);
            if (r != 0)
                return r;
        }
        from = stop;
    }
    node->length += (uint32_t)(p->t->strings.len - before);
    p->mergeable = true;
    p->line_start = p->text[to - 1] == '\n';
    return 0;
}

// The dotted parts of a name looked up in the data.
static int add_dotted_name(struct parser *p, struct node *node, const struct tag *tag,
                           const char *name, size_t len)
{
    const char *end = name + len;
    int r = 0;

    if (len == 1 && *name == '.')
        return 0;
    while (r == 0) {
        const char *dot = memchr(name, '.', (size_t)(end - name));
        const char *stop = dot ? dot : end;

        if (stop == name)
            return parser_fail(p, tag->line, "the name \"%.*s\" has an empty part",
                               (int)tag->name_len, tag->name);
        if (node->parts == UINT8_MAX)
            return parser_fail(p, tag->line, "the name has more than %d parts", UINT8_MAX);
        node->parts++;
        r = add_string(p, name, (size_t)(stop - name));
        if (r == 0)
            r = add_string(p, "", 1);
        if (!dot)
            break;
        name = dot + 1;
    }
    if (r == 0)
        node->hash = member_hash(p->t->strings.data + node->string);
    return r;
}

// The name of a partial, parent or block: as it is, or after an asterisk the place in the data.
static int add_name(struct parser *p, struct node *node, const struct tag *tag)
{
    int r;

    if (tag->name[0] == '*' && node->type != NODE_BLOCK) {
        size_t skip = 1;

        while (skip < tag->name_len && is_space(tag->name[skip]))
            skip++;
        if (skip == tag->name_len)
            return parser_fail(p, tag->line, "the tag has no name after the asterisk");
        node->flags |= NODE_DYNAMIC;
        return add_dotted_name(p, node, tag, tag->name + skip, tag->name_len - skip);
    }
    node->parts = 1;
    r = add_string(p, tag->name, tag->name_len);
    return r < 0 ? r : add_string(p, "", 1);
}

// ---------------------------------------------------------------- what tags do
// Consumes the text before the tag and the tag, with the whole line when it stands alone on it.
static int consume(struct parser *p, const struct tag *tag, bool standalone)
{
    int r = add_text(p, p->at, standalone ? tag->blanks : tag->start);

    p->at = standalone ? tag->next : tag->end;
    if (standalone)
        p->line_start = true;
    return r;
}

static bool stands_alone(const struct tag *tag)
{
    return tag->left_blank && tag->right_blank;
}

static int push(struct parser *p, const struct tag *tag, uint32_t node, struct open_tag **ret)
{
    if (p->depth == NESTING_MAX)
        return parser_fail(p, tag->line, "tags are nested more than %d deep", NESTING_MAX);
    p->stack[p->depth] = (struct open_tag){
        .node = node,
        .line = tag->line,
        .kind = tag->kind,
        .name = tag->name,
        .name_len = tag->name_len,
        .dedent = p->dedent,
        .dedent_len = p->dedent_len,
    };
    *ret = &p->stack[p->depth++];
    return 0;
}

static int value_tag(struct parser *p, const struct tag *tag)
{
    struct node *node = NULL;
    int r = consume(p, tag, false);

    if (r == 0)
        r = add_node(p, NODE_VALUE, tag->line, &node);
    if (r != 0)
        return r;
    if (tag->kind == '&')
        node->escape = ESCAPE_NONE;
    mark_line_start(p, node);
    return add_dotted_name(p, node, tag, tag->name, tag->name_len);
}

static int section_tag(struct parser *p, const struct tag *tag)
{
    struct open_tag *open;
    struct node *node = NULL;
    int r = consume(p, tag, stands_alone(tag));

    if (r == 0)
        r = add_node(p, tag->kind == '#' ? NODE_SECTION : NODE_INVERTED, tag->line, &node);
    if (r != 0)
        return r;
    if (!stands_alone(tag))
        mark_line_start(p, node);
    r = add_dotted_name(p, node, tag, tag->name, tag->name_len);
    return r < 0 ? r : push(p, tag, p->t->count - 1, &open);
}

static int partial_tag(struct parser *p, const struct tag *tag)
{
    struct node *node = NULL;
    int r = consume(p, tag, stands_alone(tag));

    if (r == 0)
        r = add_node(p, NODE_PARTIAL, tag->line, &node);
    if (r == 0)
        r = add_name(p, node, tag);
    if (r != 0)
        return r;
    if (!stands_alone(tag)) {
        mark_line_start(p, node);
        return 0;
    }
    node->flags |= NODE_STANDALONE;
    return set_indent(p, node, tag->blanks, tag->start);
}

// The blanks before the tag become a node of their own: whether they are text or indentation is
// known only at the end tag, since what lies between does not count.
static int parent_tag(struct parser *p, const struct tag *tag)
{
    struct open_tag *open;
    uint32_t indent_node;
    struct node *node = NULL;
    int r = add_text(p, p->at, tag->left_blank ? tag->blanks : tag->start);

    p->mergeable = false;
    indent_node = p->t->count;
    if (r == 0 && tag->left_blank)
        r = add_text(p, tag->blanks, tag->start);
    if (r == 0)
        r = add_node(p, NODE_PARENT, tag->line, &node);
    if (r == 0)
        r = add_name(p, node, tag);
    if (r == 0 && tag->left_blank)
        r = set_indent(p, node, tag->blanks, tag->start);
    if (r == 0)
        r = push(p, tag, p->t->count - 1, &open);
    if (r != 0)
        return r;
    mark_line_start(p, node);
    open->left_blank = tag->left_blank;
    open->indent_node = indent_node;
    p->at = tag->end;
    return 0;
}

// Content for a block of the parent. A first line that holds nothing but the tag is not content,
// and the indentation of the first line of content is not either.
static int begin_argument(struct parser *p, const struct tag *tag, struct open_tag *open)
{
    size_t at;

    open->argument = true;
    p->line_start = false;
    p->at = tag->end;
    if (!tag->right_blank || tag->next == tag->end)
        return 0;
    p->at = tag->next;
    p->line_start = true;
    at = p->at;
    while (at < p->len && (p->text[at] == '\n' || p->text[at] == '\r'))
        at++;
    p->dedent = p->text + at;
    p->dedent_len = parser_skip_blanks(p, at) - at;
    return 0;
}

// The indentation that other content for this block gets: where the tag is alone on its line the
// default content's, unless there is none.
static int set_block_indent(struct parser *p, struct node *node, const struct tag *tag)
{
    size_t content = parser_skip_blanks(p, tag->next);
    bool closes = p->len - content > p->open_len &&
                  memcmp(p->text + content, p->open, p->open_len) == 0 &&
                  p->text[content + p->open_len] == '/';

    if (!stands_alone(tag) || closes || content == p->len)
        return set_indent(p, node, tag->blanks, tag->start);
    return set_indent(p, node, tag->next, content);
}

static int block_tag(struct parser *p, const struct tag *tag)
{
    bool argument = is_ignored(p);
    struct open_tag *open;
    struct node *node = NULL;
    int r = argument ? 0 : consume(p, tag, stands_alone(tag));

    if (r == 0)
        r = add_node(p, NODE_BLOCK, tag->line, &node);
    if (r == 0)
        r = add_name(p, node, tag);
    if (r == 0)
        r = push(p, tag, p->t->count - 1, &open);
    if (r != 0)
        return r;
    if (argument)
        return begin_argument(p, tag, open);
    if (stands_alone(tag))
        node->flags |= NODE_STANDALONE;
    else
        mark_line_start(p, node);
    return tag->left_blank ? set_block_indent(p, node, tag) : 0;
}

static int end_parent(struct parser *p, const struct tag *tag, const struct open_tag *open)
{
    struct node *nodes = p->t->nodes;

    p->at = tag->end;
    p->line_start = false;
    if (!open->left_blank || !tag->right_blank)
        return 0;
    p->at = tag->next;
    p->line_start = true;
    if (open->indent_node != open->node)
        nodes[open->indent_node].length = 0;
    nodes[open->indent_node].flags &= (uint8_t)~NODE_LINE_START;
    nodes[open->node].flags |= NODE_STANDALONE;
    return 0;
}

static int end_tag(struct parser *p, const struct tag *tag)
{
    const struct open_tag *open = innermost(p);
    int r = 0;

    if (!open)
        return parser_fail(p, tag->line, "\"%.*s\" is closed but was not opened",
                           (int)tag->name_len, tag->name);
    if (open->name_len != tag->name_len || memcmp(open->name, tag->name, tag->name_len) != 0)
        return parser_fail(p, tag->line, "\"%.*s\" is closed while \"%.*s\" of line %u is open",
                           (int)tag->name_len, tag->name, (int)open->name_len, open->name,
                           open->line);
    if (open->argument) {
        r = add_text(p, p->at, tag->left_blank ? tag->blanks : tag->start);
        p->at = tag->end;
    } else if (open->kind != '<') {
        r = consume(p, tag, stands_alone(tag));
    }
    if (r != 0)
        return r;
    p->t->nodes[open->node].end = p->t->count;
    p->mergeable = false;
    p->dedent = open->dedent;
    p->dedent_len = open->dedent_len;
    p->depth--;
    return open->kind == '<' ? end_parent(p, tag, open) : 0;
}

static int set_delimiters(struct parser *p, const struct tag *tag)
{
    const char *at = tag->name, *end = tag->name + tag->name_len, *close;
    size_t open_len, close_len;

    while (at < end && !is_space(*at))
        at++;
    open_len = (size_t)(at - tag->name);
    while (at < end && is_space(*at))
        at++;
    close = at;
    while (at < end && !is_space(*at))
        at++;
    close_len = (size_t)(at - close);
    if (open_len == 0 || close_len == 0 || at != end || memchr(tag->name, '=', tag->name_len))
        return parser_fail(p, tag->line, "expected two delimiters without \"=\", got \"%.*s\"",
                           (int)tag->name_len, tag->name);
    if (open_len > DELIMITER_MAX || close_len > DELIMITER_MAX)
        return parser_fail(p, tag->line, "a delimiter is longer than %d bytes", DELIMITER_MAX);
    memcpy(p->open, tag->name, open_len);
    memcpy(p->close, close, close_len);
    p->open_len = open_len;
    p->close_len = close_len;
    return consume(p, tag, stands_alone(tag));
}

static int pragma_tag(struct parser *p, const struct tag *tag)
{
    static const struct {
        const char *text;
        enum escape escape;
    } pragmas[] = {
        {"escape html", ESCAPE_HTML},
        {"escape systemd", ESCAPE_SYSTEMD},
        {"escape shell", ESCAPE_SHELL},
        {"escape none", ESCAPE_NONE},
    };
    size_t i;

    if (!stands_alone(tag))
        return parser_fail(p, tag->line, "a pragma must stand on a line of its own");
    for (i = 0; i < ARRAY_SIZE(pragmas); i++)
        if (strlen(pragmas[i].text) == tag->name_len &&
            memcmp(pragmas[i].text, tag->name, tag->name_len) == 0) {
            p->escape = pragmas[i].escape;
            return consume(p, tag, true);
        }
    return parser_fail(
        p, tag->line,
        "expected the pragma \"escape html\", \"escape systemd\", \"escape shell\" or "
        "\"escape none\", got \"%.*s\"",
        (int)tag->name_len, tag->name);
}

static int take_tag(struct parser *p, const struct tag *tag)
{
    switch (tag->kind) {
    case '#':
    case '^':
        return section_tag(p, tag);
    case '/':
        return end_tag(p, tag);
    case '>':
        return partial_tag(p, tag);
    case '<':
        return parent_tag(p, tag);
    case '$':
        return block_tag(p, tag);
    case '!':
        return consume(p, tag, stands_alone(tag));
    case '=':
        return set_delimiters(p, tag);
    case '%':
        return pragma_tag(p, tag);
    default:
        return value_tag(p, tag);
    }
}

static int parse(struct parser *p)
{
    struct tag tag;
    int r;

    for (;;) {
        size_t start = parser_find(p, p->at, p->open, p->open_len);

        if (start == p->len)
            break;
        r = parser_read_tag(p, start, &tag);
        if (r == 0)
            r = take_tag(p, &tag);
        if (r != 0)
            return r;
    }
    if (p->depth) {
        const struct open_tag *open = innermost(p);

        return parser_fail(p, open->line, "\"%.*s\" is not closed", (int)open->name_len,
                           open->name);
    }
    return add_text(p, p->at, p->len);
}

int template_parse(const char *text, size_t len, const char *name, struct template **ret,
                   struct error *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_free_ struct parser *p = NULL;
    int r;

    if (len > TEXT_MAX)
        return error_set(err, -E2BIG, "%s: a template is at most %d bytes long", name, TEXT_MAX);
    t = calloc(1, sizeof(*t));
    p = calloc(1, sizeof(*p));
    if (!t || !p)
        return error_oom(err);
    t->strings.max = BUF_OWN_MAX;
    t->name = strdup(name);
    if (!t->name)
        return error_oom(err);
    *p = (struct parser){
        .text = text,
        .len = len,
        .line = 1,
        .line_start = true,
        .open = "{{",
        .close = "}}",
        .open_len = 2,
        .close_len = 2,
        .escape = ESCAPE_HTML,
        .t = t,
        .err = err,
    };
    r = parse(p);
    if (r != 0)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    buf_release(&t->strings);
    free(t->nodes);
    free(t->name);
    free(t);
}
