#!/usr/bin/env bash
# Installs the real servers the tests start, from Debian's packages. Without root and sudo it says so and goes on:
# the tests that need them are then skipped with a reason (with MTTX_REQUIRE_ALL=1 the skip is a failure).
set -euo pipefail

declare -A package=([prometheus]=prometheus [promtool]=prometheus [prometheus-alertmanager]=prometheus-alertmanager
                    [amtool]=prometheus-alertmanager [strace]=strace [openssl]=openssl [faketime]=faketime [wrk]=wrk [systemd-analyze]=systemd
                    [pg_ctlcluster]=postgresql [pgbouncer]=pgbouncer [chromium]=chromium)
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(prometheus promtool prometheus-alertmanager amtool openssl strace faketime pg_ctlcluster pgbouncer systemd-analyze chromium)

missing=()
for command in "${wanted[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (no apt here; install them by hand to run every test)" >&2
  exit 0
fi
sudo=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "missing: ${missing[*]} (no root and no sudo; install them by hand to run every test)" >&2
    exit 0
  fi
  sudo=(sudo)
fi

# Packages start their service on installation; the tests start their own on free ports instead.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
  "${sudo[@]}" chmod +x "$policy"
  made_policy=1
fi
trap '[ -z "$made_policy" ] || "${sudo[@]}" rm -f "$policy"' EXIT
readarray -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
apt_get="$(dirname "$0")/apt-get.sh"
bash "$apt_get" update -qq
bash "$apt_get" install -y -qq --no-install-recommends "${packages[@]}"
