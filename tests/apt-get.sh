#!/usr/bin/env bash
# apt-get, as root or by sudo, that waits while another process holds apt's lock: a fresh Debian runs unattended
# upgrades in its first minutes. Usage: tests/apt-get.sh update -qq
set -euo pipefail
readonly tries=${APT_TRIES:-180} pause=5
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

for ((try = 1; ; try++)); do
  status=0
  output=$("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get "$@" 2>&1) || status=$?
  [ "$status" != 0 ] || exit 0
  case $output in
    *"Could not get lock"* | *"Unable to acquire the dpkg frontend lock"* | *"is another process using it"*) ;;
    *) echo "$output" >&2; exit "$status" ;;
  esac
  if [ "$try" = 1 ]; then
    echo "another process holds apt's lock (unattended upgrades?); waiting for it, up to $((tries * pause / 60)) minutes" >&2
  fi
  [ "$try" -lt "$tries" ] || { echo "$output" >&2; exit "$status"; }
  sleep "$pause"
done
