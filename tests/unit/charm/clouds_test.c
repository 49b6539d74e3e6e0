// SPDX-License-Identifier: GPL-3.0-only
// Workers elsewhere than on the unit: which there are, how they are called, numbers set by hand.
#include "charm/instances.h"
#include "charm/worker_counts.h"
#include "data/json.h"
#include "test.h"

static int note(const struct instance *instance, void *userdata)
{
    return strv_take(userdata, instance_name(instance));
}

// The names of all instances; the caller frees.
static char *names_of(const struct settings *settings)
{
    _cleanup_strv_ struct strv names = STRV_INIT;

    ck_assert_int_eq(instances_each(settings, note, &names), 0);
    return strv_join(&names, " ");
}

TEST(instances_are_numbered_within_a_cloud_and_architecture)
{
    _cleanup_settings_ struct settings s = {0};
    _cleanup_free_ char *names = NULL;

    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "lcy02", "i386", 1), 0);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "lcy02", "amd64", 2), 0);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "bos01", "arm64", 3), 0);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "bos01", "arm64", 1), 0);
    ck_assert_int_eq(settings_set_cloud(&s, CLOUD_OPENSTACK, "bos01", "s390x", 0), 0);
    ck_assert_int_eq(settings_set_local(&s, "amd64", BACKEND_UNSHARE, 1), 0);
    names = names_of(&s);
    ck_assert_str_eq(names, "local-amd64-1 bos01-arm64-1 lcy02-amd64-1 lcy02-amd64-2 lcy02-i386-1");
    ck_assert_uint_eq(settings_count_clouds(&s, CLOUD_OPENSTACK), 4);
}

TEST(numbers_remembered_by_an_older_charm_still_hold)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_settings_ struct settings s = {0};
    _cleanup_state_ struct state state = {0};
    _cleanup_json_ json_t *config = json_pack("{s:s}", "local-workers", "amd64: {null: 1}");
    _cleanup_json_ json_t *old =
        json_pack("{s:s, s:{s:{s:i}}}", "option", "amd64: {null: 1}", "counts", "amd64", "null", 3);
    bool some = false;

    ASSERT_OK(state_load(test_dir(), &state, &err), &err);
    ASSERT_OK(state_set_value(&state, "worker-counts", old, &err), &err);
    ASSERT_OK(worker_counts_apply(&state, config, &s, &some, &err), &err);
    ck_assert(some);
    ck_assert_uint_eq(settings_count(&s, BACKEND_NULL), 3);
    ASSERT_OK(worker_counts_set(&state, config, "local-workers", "arm64", "unshare", 2, &err),
              &err);
    ASSERT_OK(worker_counts_apply(&state, config, &s, &some, &err), &err);
    ck_assert_uint_eq(settings_count(&s, BACKEND_NULL), 3);
    ck_assert_uint_eq(settings_count(&s, BACKEND_UNSHARE), 2);
    // Another text of the option, and they are forgotten.
    ck_assert_int_eq(json_put_string(config, "local-workers", ""), 0);
    ASSERT_OK(worker_counts_apply(&state, config, &s, &some, &err), &err);
    ck_assert(!some);
    ck_assert_ptr_null(state_value(&state, "worker-counts"));
}
