// SPDX-License-Identifier: GPL-3.0-only
#include "charm/actions.h"

int main(void)
{
    return action_main(&action_rotate_login_key);
}
