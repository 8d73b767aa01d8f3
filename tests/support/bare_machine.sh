#!/usr/bin/env bash
# bare_machine.sh FOLDER COMMAND...: runs COMMAND in a clone of this repository's HEAD on a Debian 12 that has nothing
# but its base system, made in FOLDER by debootstrap (kept, so that a second run shows what a second run does; remove
# it by hand). Needs root: a folder is no machine, but apt, npm, the compiler and the tests cannot tell.
#   tests/support/bare_machine.sh /var/tmp/bare make demo
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
repository=$(cd "$(dirname "$0")/../.." && pwd)
root=$1
user=builder
home=/home/$user
shift

"$repository/tests/support/bare_tree.sh" "$root"
[ ! -e "$root$home/clawbridge" ] || rm -rf "$root$home/clawbridge"
mkdir -p "$root$home"
git clone --quiet --no-hardlinks "$repository" "$root$home/clawbridge"

# Mounts in a namespace of their own vanish with the command, however it ends.
exec unshare --mount --pid --fork --kill-child bash -euc '
  root=$1 home=$2; shift 2
  mount --make-rprivate /
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --rbind /dev "$root/dev"
  exec chroot "$root" env -i HOME="$home" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt bash -c "cd $home/clawbridge && exec \"\$@\"" bash "$@"
' bash "$root" "$home" "$@"
