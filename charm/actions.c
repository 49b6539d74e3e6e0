// SPDX-License-Identifier: GPL-3.0-only
#include "charm/actions.h"

const struct action_definition *const actions_table[] = {
    &action_show_target_config,
    &action_set_worker_count,
    &action_reload_units,
    &action_add_remote,
    &action_remove_remote,
    &action_cleanup_remotes,
    &action_lxd_node_userdata,
    &action_drain,
    &action_resume,
    &action_kill_test,
    &action_set_alert,
    &action_remove_alert,
    &action_rotate_login_key,
    &action_request_test,
    &action_list_queue,
    &action_filter_queue,
    &action_rebuild_index,
    &action_backup_db,
    &action_restore_db,
    &action_seed_new_release,
    &action_remove_release,
    &action_add_rabbit_user,
    &action_remove_rabbit_user,
    &action_list_rabbit_users,
    &action_cowboys,
    &action_update_sources,
    &action_build_images,
    &action_quota,
};
const size_t actions_table_len = ARRAY_SIZE(actions_table);
