#!/bin/bash
# Prove that a clone works on a machine that has only just been set up: a minimal Debian 12 root made
# with debootstrap, with gcc, make, git and ca-certificates and nothing else, in which `make demo` and
# `make test` are run on a clone of what is committed here. Finds every package that packages.txt
# forgets. Needs root. The bare root is kept in $CACHE, so that a second run starts sooner.
#   TARGETS="demo test" scripts/fresh-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."
CACHE=${CACHE:-build/fresh}
MIRROR=${MIRROR:-http://deb.debian.org/debian}
TARGETS=${TARGETS:-demo test}
[ "$(id -u)" -eq 0 ] || { echo "fresh-check: mounting and chroot need root" >&2; exit 77; }
mkdir -p "$CACHE"
base=$(realpath "$CACHE")/base.tar
root=$(realpath "$CACHE")/root

mounted=()
finish() {
    for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount "${mounted[i]}" || umount -l "${mounted[i]}"; done
    # Never through a mount that is still there.
    grep -q " $root/" /proc/mounts || rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

! grep -q " $root/" /proc/mounts || { echo "fresh-check: $root is still mounted" >&2; exit 1; }
rm -rf --one-file-system "$root"
if [ ! -e "$base" ]; then
    echo "== a minimal Debian 12"
    debootstrap --variant=minbase --include=gcc,make,git,ca-certificates bookworm "$root" "$MIRROR" >"$CACHE/debootstrap.log" ||
        { tail "$CACHE/debootstrap.log"; exit 1; }
    tar -C "$root" -cf "$base.part" .
    mv "$base.part" "$base"
else
    mkdir -p "$root"
    tar -C "$root" -xf "$base"
fi
for kind in proc sysfs; do
    mount -t "$kind" "$kind" "$root/${kind%fs}"
    mounted+=("$root/${kind%fs}")
done
for place in dev dev/pts dev/shm; do
    mkdir -p "$root/$place"
    mount --bind "/$place" "$root/$place"
    mounted+=("$root/$place")
done
cp /etc/resolv.conf "$root/etc/resolv.conf"
# A proxy or mirror that this machine needs, the bare one needs as well.
[ ! -d /etc/apt/apt.conf.d ] || cp -n /etc/apt/apt.conf.d/*[Pp]roxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true

echo "== a clone of $(git rev-parse --short HEAD)"
git clone --quiet --no-local . "$root/root/serinus"
for target in $TARGETS; do
    echo "== make $target"
    started=$SECONDS
    # A fixed, short environment: nothing of this shell may help.
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        chroot "$root" make -C /root/serinus "$target"
    echo "== make $target passed, $((SECONDS - started)) s"
    left=$(for link in /proc/[0-9]*/root; do
        [ "$(readlink "$link" 2>/dev/null)" != "$root" ] || echo "${link//[^0-9]/}"
    done)
    [ -z "$left" ] || { echo "fresh-check: left running: $left" >&2; ps -o pid,args -p "${left//$'\n'/,}" >&2; exit 1; }
done
[ ! -e "$root/usr/sbin/policy-rc.d" ] || { echo "fresh-check: deps.sh left its policy-rc.d behind" >&2; exit 1; }
git -C "$root/root/serinus" status --porcelain | { ! grep .; } ||
    { echo "fresh-check: make wrote outside build/" >&2; exit 1; }
echo "fresh-check passed"
