#!/bin/sh
# Installs the Debian packages that the controller needs, or says in one line which they are.
# A package's daemons are not started: what the lab needs, the lab starts by itself.
set -eu

missing=
need() { # need PACKAGE TEST...: the package is missing when the test fails
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

need python3-venv python3 -c 'import ensurepip, venv'
need openssh-client command -v ssh
need borgbackup command -v borg
if [ "${1:-lab}" = lab ]; then
  # A client with an engine that answers is enough, wherever the engine comes from.
  docker info >/dev/null 2>&1 || need docker.io sh -c 'command -v docker && PATH=$PATH:/usr/sbin command -v dockerd'
  need mmdebstrap command -v mmdebstrap
  # Without root, mmdebstrap needs a range of user ids of its own (subuid(5)).
  [ "$(id -u)" -eq 0 ] || need uidmap command -v newuidmap
  need apt-cacher-ng test -x /usr/sbin/apt-cacher-ng
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "These Debian packages are missing; install them, then try again: sudo apt-get install$missing" >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
fi
apt-get -qq update
# shellcheck disable=SC2086 # a list of package names
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing >/dev/null
