// SPDX-License-Identifier: GPL-3.0-only
#include "charm/actions.h"

int main(void)
{
    return action_main(&action_lxd_node_userdata);
}
