// SPDX-License-Identifier: GPL-3.0-only
// The actions of actions.yaml; docs/reference/actions.md says what each takes and gives. Each
// program in actions/ runs one of these.
#pragma once

#include "charm/action.h"

// actions_workers.c: settings and services of this unit
extern const struct action_definition action_show_target_config, action_set_worker_count,
    action_reload_units;
// actions_remotes.c: LXD hosts
extern const struct action_definition action_add_remote, action_remove_remote;
// actions_remotes_care.c
extern const struct action_definition action_cleanup_remotes;
// actions_lxd_node.c
extern const struct action_definition action_lxd_node_userdata;
// actions_control.c: by the unit's command line
extern const struct action_definition action_drain, action_resume, action_kill_test;
// actions_alert.c
extern const struct action_definition action_set_alert, action_remove_alert;
// actions_login.c
extern const struct action_definition action_rotate_login_key;
// actions_queue.c
extern const struct action_definition action_request_test, action_list_queue, action_filter_queue;
// actions_database.c
extern const struct action_definition action_rebuild_index, action_backup_db, action_restore_db,
    action_seed_new_release, action_remove_release;
// actions_rabbit.c
extern const struct action_definition action_add_rabbit_user, action_remove_rabbit_user,
    action_list_rabbit_users;
// actions_cowboys.c
extern const struct action_definition action_cowboys;
// actions_update.c
extern const struct action_definition action_update_sources, action_build_images;
// actions_quota.c
extern const struct action_definition action_quota;

// All of them.
extern const struct action_definition *const actions_table[];
extern const size_t actions_table_len;
