// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"
#include "nova-setup/setup.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000
#define GROUP_TEXT "Testbeds of autopkgtest-cloud: ssh" // by which a group of ours is known

// ---------------------------------------------------------------- images

int image_choice_open(const char *pattern, struct image_choice *ret, struct error *err)
{
    PCRE2_UCHAR why[200] = "";
    PCRE2_SIZE at = 0;
    int code = 0;

    *ret = (struct image_choice){.pattern = pattern};
    ret->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                              PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, NULL);
    if (ret->code)
        return 0;
    (void)pcre2_get_error_message(code, why, sizeof(why));
    return error_set(err, -EINVAL, "the image's name: %s, at character %zu of \"%s\"",
                     (const char *)why, (size_t)at, pattern);
}

void image_choice_release(struct image_choice *choice)
{
    pcre2_code_free(choice->code);
    free(choice->id);
    free(choice->name);
    free(choice->created);
    *choice = (struct image_choice){0};
}

static bool fits(const struct image_choice *choice, const char *name)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(choice->code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    bool yes = false;

    if (data && context && pcre2_set_match_limit(context, MATCH_LIMIT) == 0)
        yes = pcre2_match(choice->code, (PCRE2_SPTR)name, strlen(name), 0, 0, data, context) >= 0;
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return yes;
}

int image_choice_look(const json_t *image, void *userdata)
{
    struct image_choice *choice = userdata;
    const char *id = json_text(image, "id"), *name = json_text(image, "name");
    const char *created = json_text(image, "created_at"); // ISO 8601: sorts as text

    if (!str_equal(json_text(image, "status"), "active") || !*id ||
        (!str_equal(id, choice->pattern) && !fits(choice, name)))
        return 0;
    if (choice->created && strcmp(choice->created, created) >= 0)
        return 0;
    free(choice->id);
    free(choice->name);
    free(choice->created);
    choice->id = strdup(id);
    choice->name = strdup(name);
    choice->created = strdup(created);
    return choice->id && choice->name && choice->created ? 0 : -ENOMEM;
}

static int find_image(struct setup *s, char **ret, struct error *err)
{
    _cleanup_(image_choice_release) struct image_choice choice = {0};
    int r = image_choice_open(s->image, &choice, err);

    if (r < 0 || (r = openstack_list(s->cloud, OPENSTACK_IMAGE, "/images?status=active&limit=200",
                                     "images", image_choice_look, &choice, err)) < 0)
        return r;
    if (!choice.id)
        return error_set(err, -ENOENT, "no active image has a name like \"%s\"", s->image);
    say("image %s (%s)", choice.name, choice.id);
    *ret = TAKE_PTR(choice.id);
    return 0;
}

// ---------------------------------------------------------------- things by name

struct wanted {
    const char *name;
    char *id;
    json_t *item; // NULL: there is none
};

static int look_for(const json_t *item, void *userdata)
{
    struct wanted *wanted = userdata;
    const char *id = json_text(item, "id");

    if (!*id || (!str_equal(json_text(item, "name"), wanted->name) && !str_equal(id, wanted->name)))
        return 0;
    wanted->id = strdup(id);
    wanted->item = json_incref((json_t *)(uintptr_t)item);
    return wanted->id ? 1 : -ENOMEM;
}

// 1: it is there; 0: it is not.
static int find_named(struct setup *s, enum openstack_service service, const char *path,
                      const char *key, const char *name, char **ret, json_t **ret_item,
                      struct error *err)
{
    struct wanted wanted = {.name = name};
    int r = openstack_list(s->cloud, service, path, key, look_for, &wanted, err);

    if (ret_item)
        *ret_item = TAKE_PTR(wanted.item);
    json_decref(wanted.item);
    *ret = wanted.id;
    return r;
}

static int require_named(struct setup *s, enum openstack_service service, const char *path,
                         const char *key, const char *what, const char *name, char **ret,
                         struct error *err)
{
    int r = find_named(s, service, path, key, name, ret, NULL, err);

    return r == 0 ? error_set(err, -ENOENT, "there is no %s \"%s\"", what, name) : r;
}

// ---------------------------------------------------------------- security group

static int add_rule(struct setup *s, const char *group, const char *ethertype, struct error *err)
{
    _cleanup_json_ json_t *body =
        json_pack("{s:{s:s, s:s, s:s, s:s, s:i, s:i}}", "security_group_rule", "security_group_id",
                  group, "direction", "ingress", "ethertype", ethertype, "protocol", "tcp",
                  "port_range_min", 22, "port_range_max", 22);
    const struct openstack_call call = {.service = OPENSTACK_NETWORK,
                                        .method = "POST",
                                        .path = "/security-group-rules",
                                        .body = body};
    int r = body ? openstack_call(s->cloud, &call, NULL, err) : error_oom(err);

    if (r == -EBUSY) { // it is there
        error_clear(err);
        r = 0;
    }
    return r;
}

// Whether a group lets ssh in.
static bool has_rule(const json_t *group, const char *ethertype)
{
    const json_t *rule;
    size_t i;

    json_array_foreach (json_object_get(group, "security_group_rules"), i, rule)
        if (str_equal(json_text(rule, "direction"), "ingress") &&
            str_equal(json_text(rule, "ethertype"), ethertype) &&
            str_equal(json_text(rule, "protocol"), "tcp") &&
            json_integer_value(json_object_get(rule, "port_range_min")) == 22)
            return true;
    return false;
}

// `group` (NULL: a new one) is as Neutron lists it. Whoever made it may have been killed before it
// had its rules.
static int complete_group(struct setup *s, const char *id, const json_t *group, struct error *err)
{
    static const char *const ethertypes[] = {"IPv4", "IPv6"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(ethertypes) && r == 0; i++)
        if (!has_rule(group, ethertypes[i]))
            r = add_rule(s, id, ethertypes[i], err);
    return r;
}

static int make_group(struct setup *s, char **ret, struct error *err)
{
    _cleanup_json_ json_t *body =
        json_pack("{s:{s:s, s:s}}", "security_group", "name", s->group, "description", GROUP_TEXT);
    _cleanup_json_ json_t *answer = NULL;
    const struct openstack_call call = {
        .service = OPENSTACK_NETWORK, .method = "POST", .path = "/security-groups", .body = body};
    const char *id;
    int r = body ? openstack_call(s->cloud, &call, &answer, err) : error_oom(err);

    if (r < 0)
        return r;
    id = json_text(json_object_get(answer, "security_group"), "id");
    if (!*id)
        return error_set(err, -EIO, "the new security group has no id");
    say("security group %s is made", s->group);
    *ret = strdup(id);
    return *ret ? 0 : error_oom(err);
}

static int find_group(struct setup *s, char **ret, struct error *err)
{
    _cleanup_json_ json_t *group = NULL;
    int r = find_named(s, OPENSTACK_NETWORK, "/security-groups", "security_groups", s->group, ret,
                       &group, err);

    if (r > 0 && !str_equal(json_text(group, "description"), GROUP_TEXT))
        return 0; // somebody else's: its rules are as they want them
    if (r == 0)
        r = make_group(s, ret, err);
    return r < 0 ? r : complete_group(s, *ret, group, err);
}

// ---------------------------------------------------------------- keypair

static int ensure_keypair(struct setup *s, struct error *err)
{
    _cleanup_free_ char *escaped = http_escape(s->keypair, false);
    _cleanup_free_ char *path = str_format("/os-keypairs/%s", escaped ? escaped : "");
    _cleanup_json_ json_t *body =
        json_pack("{s:{s:s, s:s}}", "keypair", "name", s->keypair, "public_key", s->public_key);
    struct openstack_call call = {.service = OPENSTACK_COMPUTE, .path = path};
    int r;

    if (!escaped || !path || !body)
        return error_oom(err);
    r = openstack_call(s->cloud, &call, NULL, err);
    if (r != -ENOENT)
        return r;
    error_clear(err);
    call.method = "POST";
    call.path = "/os-keypairs";
    call.body = body;
    r = openstack_call(s->cloud, &call, NULL, err);
    if (r == -EBUSY) { // another worker was faster
        error_clear(err);
        r = 0;
    }
    return r;
}

// ---------------------------------------------------------------- all

void resources_release(struct resources *resources)
{
    free(resources->image);
    free(resources->flavor);
    free(resources->network);
    free(resources->group);
    *resources = (struct resources){0};
}

int resources_find(struct setup *s, struct resources *ret, struct error *err)
{
    int r;

    if ((r = find_image(s, &ret->image, err)) < 0 ||
        (r = require_named(s, OPENSTACK_COMPUTE, "/flavors?limit=200", "flavors", "flavor",
                           s->flavor, &ret->flavor, err)) < 0)
        return r;
    if (!str_empty(s->network) &&
        (r = require_named(s, OPENSTACK_NETWORK, "/networks", "networks", "network", s->network,
                           &ret->network, err)) < 0)
        return r;
    if (!str_empty(s->group) && (r = find_group(s, &ret->group, err)) < 0)
        return r;
    return str_empty(s->keypair) ? 0 : ensure_keypair(s, err);
}
