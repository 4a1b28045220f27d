#!/bin/sh
# Installs what `npm run bench` compares gdpfs with, from Debian packages. What is there already is left
# alone. Starts no server and changes no configuration: the benchmark does that itself, in temporary folders.
set -eu

PACKAGES="bash curl iproute2 nginx openssh-client openssh-server openssl rclone rsync tar"

if [ "$(id -u)" -ne 0 ]; then
  echo "peers.sh: need root to install packages: sudo $0" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "peers.sh: there is no apt-get here; install with what your system has: $PACKAGES" >&2
  exit 1
fi

missing=""
for package in $PACKAGES; do
  dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null |
    grep -qx installed || missing="$missing $package"
done

if [ -n "$missing" ]; then
  echo "installing:$missing"
  export DEBIAN_FRONTEND=noninteractive
  # A package that starts its service would make the machine serve something: not for a benchmark.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get update -q
  # shellcheck disable=SC2086
  apt-get install -q -y --no-install-recommends $missing
fi

# sshd does not start without it, and where no service was started nobody has made it.
install -d -m 755 /run/sshd
echo "all peers are installed: $PACKAGES"
