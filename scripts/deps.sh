#!/bin/sh
# Make sure that the packages of the named groups (see packages.txt) are there.
#   scripts/deps.sh build demo test
# On Debian and its kin what is missing is installed with apt, as root or through sudo. Elsewhere
# each thing is looked for by its probe; if one is not found the list is printed and we stop.
set -eu
list=$(dirname "$0")/packages.txt
[ $# -gt 0 ] || { echo "usage: $0 GROUP..." >&2; exit 64; }

# "package probe why" of the wanted groups.
wanted() {
    awk -v groups=" $* " '!/^#/ && NF { g = $1; if (index(groups, " " g " ")) { $1 = ""; print substr($0, 2) } }' "$list"
}

is_found() { # probe
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    py:*) /usr/bin/python3 -c "import ${1#py:}" 2>/dev/null ;;
    *) true ;;
    esac
}

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    missing=$(wanted "$@" | while read -r package probe why; do
        is_found "$probe" || printf '  %-24s %s\n' "$package" "$why"
    done)
    [ -n "$missing" ] || exit 0
    printf '%s\n' "There is no apt here. Please install the counterparts of these Debian packages:" \
        "$missing" >&2
    exit 1
fi

missing=$(wanted "$@" | while read -r package _; do
    case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true) in
    ?i*) ;;
    *) printf '%s ' "$package" ;;
    esac
done)
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        printf '%s\n' "These packages are missing, and there is neither root nor sudo to install them:" \
            "  apt-get install --no-install-recommends $missing" >&2
        exit 1
    fi
    as_root=sudo
fi

# A package that holds a server starts it on installation; ours are started by hand, on free ports.
# Debian's way to say no is /usr/sbin/policy-rc.d. An existing one is somebody's decision: kept.
policy=/usr/sbin/policy-rc.d
own_policy=
forget_policy() {
    [ -z "$own_policy" ] || $as_root rm -f "$policy"
    own_policy=
}
trap forget_policy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
    own_policy=1
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

echo "Installing: $missing"
# A broken foreign source fails the update although Debian's own lists are good: go on with those.
$as_root apt-get -qq -o DPkg::Lock::Timeout=300 update ||
    echo "apt-get update failed; trying with the package lists that are there" >&2
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing >/dev/null
