// SPDX-License-Identifier: GPL-3.0-only
// autopkgtest-nova-setup: an instance of Nova as the testbed of autopkgtest-virt-ssh (its manual
// page, SETUP SCRIPT, has the contract).
//
//     main.c       options, verbs, what is printed
//     instance.c   one instance's life: made, waited for, found again, ended
//     resources.c  what an instance is made of: image, flavor, network, security group, keypair
//     progress.c   what is told meanwhile, and pauses, which a signal ends
//     access.c     the unit's key, and commands on the instance by ssh
//
// Every instance carries whose it is as metadata, TAG_…, from its first moment: nothing has to be
// remembered, and what a killed program has left is found by that.
#pragma once

#include "base/clock.h"
#include "net/openstack.h"

#define TAG_MODEL                                                                                  \
    "autopkgtest-cloud-model" // Juju's UUID of it: units of several may share a region
#define TAG_UNIT "autopkgtest-cloud-unit"
#define TAG_WORKER "autopkgtest-cloud-worker"
#define TAG_RUN "autopkgtest-cloud-run"
#define TAG_BOOT "autopkgtest-cloud-boot" // boot id of the kernel that was waited for last

struct setup {
    const char *model, *unit, *worker;              // whose instances
    const char *run;                                // which test's; NULL: all of the worker's
    const char *keep;                               // but not this one's; NULL: none
    const char *server;                             // its id; NULL: found by the run
    const char *image;                              // regular expression, or an id
    const char *flavor, *network, *group, *keypair; // names or ids; NULL: Nova's choice
    const char *key_file;                           // private key; made when it is absent
    const char *login;
    const char *mirror;  // NULL: the image's own
    uint64_t timeout_us; // of all that `open` does
    uint64_t pause_us;   // before a failed start is tried again, the first time
    uint64_t deadline_us;
    char *public_key; // of key_file
    struct openstack *cloud;
};

// ---- progress.c

// For people, and for the test's log.
void say(const char *format, ...) _printf_(1, 2);
// SIGTERM, SIGINT and SIGHUP end pauses from now on, not the program.
void setup_heed_signals(void);
// Sleeps; false when the program was told to end, or the deadline has come.
bool setup_pause(const struct setup *s, uint64_t us);

// ---- resources.c

// What an instance is made of, as ids.
struct resources {
    char *image, *flavor, *network, *group;
};
// Finds all, makes security group and keypair when they are absent. -ENOENT: which is not there.
int resources_find(struct setup *s, struct resources *ret, struct error *err);
void resources_release(struct resources *resources);

// The newest active image in a page of Glance whose whole name fits the pattern.
struct image_choice {
    const char *pattern;
    void *code; // compiled
    char *id, *name, *created;
};
int image_choice_open(const char *pattern, struct image_choice *ret, struct error *err);
int image_choice_look(const json_t *image, void *userdata); // of a struct image_choice
void image_choice_release(struct image_choice *choice);

// ---- instance.c

struct instance {
    char *id, *name, *status;
    char *address; // NULL: none yet
    char *fault;   // NULL: none
    char *boot;    // TAG_BOOT; NULL: none
};
// Reads a server as Nova describes it. -EIO: it is no such description.
int instance_parse(const json_t *server, struct instance *ret, struct error *err);
void instance_release(struct instance *instance);

// Whether a server carries the tags of `s`.
bool instance_is_ours(const struct setup *s, const json_t *server);

// Makes one that answers by ssh, trying again as long as that makes sense. Whatever happens, there
// is none but *ret afterwards.
int instance_open(struct setup *s, struct instance *ret, struct error *err);
// Ends every instance that is ours and waits until it is gone, at most `wait_us`. -EAGAIN: some are
// not. *ret_removed (may be NULL): how many there were.
int instance_remove_all(struct setup *s, uint64_t wait_us, unsigned *ret_removed,
                        struct error *err);
// The run's instance. -ENOENT: there is none.
int instance_find(struct setup *s, struct instance *ret, struct error *err);
// Waits until another kernel than before answers, and notes that.
int instance_wait_reboot(struct setup *s, struct error *err);
// Says what is known of it, its console's last lines too.
void instance_tell(struct setup *s, const struct instance *instance);

// ---- access.c

// Makes the key when it is absent, reads its public half.
int access_prepare(struct setup *s, struct error *err);
// The kernel's boot id of an instance that has started completely; the caller frees. -EAGAIN: it
// does not answer, or has not yet.
int access_boot_id(const struct setup *s, const char *address, char **ret, struct error *err);
