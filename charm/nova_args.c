// SPDX-License-Identifier: GPL-3.0-only
#include "charm/nova_args.h"

#include "base/buf.h"
#include "charm/novarcs.h"
#include "data/openrc.h"

// The image is the host's: i386 is tested on amd64. The caller frees.
static char *for_host(const char *pattern)
{
    static const char variable[] = "$ARCHITECTURE";
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const char *at;

    for (; (at = strstr(pattern, variable)); pattern = at + strlen(variable))
        if (buf_addf(&text, "%.*s$HOSTARCH", (int)(at - pattern), pattern) < 0)
            return NULL;
    return buf_add_str(&text, pattern) < 0 ? NULL : buf_take(&text);
}

void nova_args_release(struct nova_args *args)
{
    free(args->before);
    free(args->behind);
    *args = (struct nova_args){0};
}

static char *before(const struct model *model, const struct cloud_workers *place)
{
    _cleanup_free_ char *file = openrc_file_name(place->cloud, place->arch);

    return file ? str_format("-s " CHARM_LINK "/bin/autopkgtest-nova-setup -- --name=$NAME "
                             "--size=$PACKAGESIZE --mirror=$MIRROR --rc=" NOVARCS_DIR
                             "/%s --model=%s --unit=%s",
                             file, model->uuid, model->unit)
                : NULL;
}

static char *behind(const struct model *model, const struct nova_options *nova)
{
    _cleanup_free_ char *image = for_host(nova->image);

    return image ? str_format("--key=%s/ssh/testbeds --image=%s --flavor=%s --big-flavor=%s "
                              "--network=%s --security-group=%s --keypair=%s",
                              model_scratch_dir(model), image, nova->flavor, nova->big_flavor,
                              nova->network, nova->security_group, nova->keypair)
                 : NULL;
}

struct nova_args nova_args_of(const struct model *model, const struct settings *settings,
                              const struct cloud_workers *place)
{
    return (struct nova_args){
        .place = place, .before = before(model, place), .behind = behind(model, &settings->nova)};
}
