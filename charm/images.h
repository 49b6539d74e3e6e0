// SPDX-License-Identifier: GPL-3.0-only
// What workers test in, for each release and architecture: root file systems of local workers with
// unshare or schroot ("noble-amd64"), images of those with podman ("podman-noble-amd64"),
// containers of those with lxc ("lxc-noble-amd64"), disks of those with qemu
// ("qemu-noble-amd64"), and images on LXD hosts ("lxd-10.0.0.1-noble-armhf", and of virtual
// machines "vm-lxd-10.0.0.1-noble-amd64"). A systemd service makes each (services/image), this
// module names them and looks how far they are. A file in IMAGES_DIR, the name with a suffix, tells
// that one is there: it is the image itself or a link into the store that has it. schroot wants a
// file of root whose name tells the compression in its own way (.tar.zstd, no symbolic link): the
// service gives it a second name for the same file.
//
// Images on a host may be somebody else's to make: this unit renews those that it has made once,
// when an operator asked for it (action build-images).
#pragma once

#include "charm/settings.h"

#define IMAGES_DIR "/var/lib/autopkgtest-cloud/images"
#define IMAGE_SCHROOT_SUFFIX ".tar.zstd"
#define IMAGE_QEMU_SUFFIX ".qcow2"
#define IMAGE_MACHINE_PREFIX "vm-" // of the name of one on an LXD host
#define IMAGE_PREFIX "autopkgtest-image@"
#define IMAGE_TARGET "timers.target" // what starts the timers that renew them

// Appends the names of those that the settings need and that this unit makes by itself, each once.
// None where worker-args names testbeds of the operator's own.
int images_needed(const char *root, const struct settings *settings, struct strv *ret);
// The same with all images on LXD hosts, for who asks for them.
int images_possible(const struct settings *settings, struct strv *ret);
// Appends the names of images that the settings need, that an operator has to make, and that are
// not there: qemu's of architectures whose boot loader the unit does not know, "qemu-noble-s390x"
// for IMAGES_DIR/qemu-noble-s390x.qcow2.
int images_awaited(const char *root, const struct settings *settings, struct strv *ret);
// Whether there are settings that may need one.
bool images_are_made(const struct settings *settings);

// Whether the unit makes what workers of the backend and architecture test in.
bool image_is_made(enum backend backend, const char *arch);
// Where a worker of the backend looks for the image of a test, with the worker's variables
// ("…/podman-$RELEASE-$HOSTARCH.podman"); NULL where there is none (null, and for lack of
// memory). The caller frees.
char *image_of_test(enum backend backend);
// What the backend's tests are started with, so that they find the image; "": what the worker does
// by itself. With the worker's variables; static.
const char *image_arguments(enum backend backend);
// Whether it is a root file system, which schroot unpacks.
bool image_is_root(const char *name);
// How people call it: "noble/amd64", "noble/amd64 for podman". The caller frees.
char *image_title(const char *name);
// Whether ROOT has the image, under the name for schroot when that is wanted.
bool image_is_there(const char *root, const char *name, bool schroot);
// Takes away what is in other stores than IMAGES_DIR; what a store does not give up stays there.
int images_remove(const char *root, struct error *err);
// Why it could not be made (or renewed) the last time; NULL: nothing failed. The caller frees.
char *image_failure(const char *root, const char *name);
// "autopkgtest-image@NAME.service"; the caller frees.
char *image_service(const char *name);
// The service that such a timer starts; the caller frees.
char *image_service_of(const char *timer);
