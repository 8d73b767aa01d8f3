#!/usr/bin/env bash
# bare_tree.sh FOLDER: a Debian 12 that has nothing but its base system, made in FOLDER by debootstrap unless it is there. Needs root.
set -euo pipefail
[ $# = 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "bare_tree.sh: needs root for debootstrap and chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare_tree.sh: debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
root=$1

if [ ! -e "$root/etc/debian_version" ]; then
  rm -rf --one-file-system "$root.part"  # of an attempt that was interrupted
  debootstrap --variant=minbase --include=make,git,ca-certificates bookworm "$root.part" >/dev/null
  mv "$root.part" "$root"
fi
# The names and certificates by which this machine reaches the package registries, and nothing else of it.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/usr/local/share/ca-certificates"
find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" \;
chroot "$root" update-ca-certificates >/dev/null 2>&1
