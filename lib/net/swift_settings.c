// SPDX-License-Identifier: GPL-3.0-only
// Apart from the client, so that a program that only reads settings files is not linked with
// libcurl.
#include "net/swift.h"

void swift_settings_release(struct swift_settings *settings)
{
    free(settings->auth_url);
    free(settings->username);
    if (settings->password)
        explicit_bzero(settings->password, strlen(settings->password));
    free(settings->password);
    free(settings->project_name);
    free(settings->project_domain_name);
    free(settings->user_domain_name);
    free(settings->region);
    *settings = (struct swift_settings){0};
}
