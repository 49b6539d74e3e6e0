# SPDX-License-Identifier: GPL-3.0-only
# What autopkgtest-image-disk and autopkgtest-image-lxd-disk share: with arguments TAR IMAGE they read this first, and unpack() then.
#
# Needs no privileges and no block devices: who is not root works in a user namespace, file systems are made in files, nothing is
# mounted. So a process that is killed leaves only a folder in TMPDIR.
#
# Sets: root (the root file system), disk (the raw disk, to be written), work (a folder of this run's), uuid (of the file system), image.
# shellcheck shell=sh

tar=${1:?usage: ${0##*/} TAR IMAGE} image=${2:?usage: ${0##*/} TAR IMAGE}
[ "$(id -u)" = 0 ] || exec unshare --map-auto --map-root-user -- "$0" "$@"

sector=512 # bytes
PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 143' TERM
root=$work/root disk=$work/disk
uuid=$(cat /proc/sys/kernel/random/uuid)

fail() {
    echo "$1" >&2
    exit 1
}

unpack() {
    mkdir "$root"
    tar --directory="$root" --numeric-owner --xattrs --xattrs-include='*' --extract --preserve-permissions --file="$tar"
}

# The newest kernel of it; nothing when it has none.
kernel_version() {
    for file in "$root"/boot/vmlinuz-*; do
        [ ! -e "$file" ] || echo "${file#"$root/boot/vmlinuz-"}"
    done | sort -V | tail -n 1
}

# make_menu FIRST OPTIONS: GRUB's menu, whose first line is FIRST, and fstab with these options of the root. As update-grub does it,
# which wants a disk to look at, and will when a test installs a kernel.
make_menu() {
    version=$(kernel_version)
    [ -e "$root/boot/initrd.img-$version" ] || fail "the root file system has no kernel with an initrd"
    mkdir -p "$root/boot/grub" "$root/dev" # there is no /dev in images of containers
    cat >"$root/boot/grub/grub.cfg" <<END
$1
linux /boot/vmlinuz-$version root=UUID=$uuid ro console=tty0 console=hvc0 console=ttyS0
initrd /boot/initrd.img-$version
boot
END
    echo "UUID=$uuid / ext4 $2 0 1" >"$root/etc/fstab"
}

# make_file_system SECTOR KIB: the root's, of so many KiB, from that sector of the disk on. It has what every kernel and boot loader
# knows of ext4: e2fsprogs would add what is news with itself.
make_file_system() {
    cat >"$work/mke2fs.conf" <<'END'
[defaults]
    base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
    blocksize = 4096
    inode_size = 256
    inode_ratio = 16384
[fs_types]
    ext4 = {
        features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
    }
END
    MKE2FS_CONFIG=$work/mke2fs.conf mke2fs -q -t ext4 -F -U "$uuid" -E "offset=$(($1 * sector)),root_owner=0:0" -d "$root" "$disk" "$2k"
}
