// SPDX-License-Identifier: GPL-3.0-only
#include "charm/reconcile.h"

int main(void)
{
    return charm_hook_main(HOOK_SECRET_REMOVE);
}
