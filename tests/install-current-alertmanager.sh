#!/usr/bin/env bash
# Builds a current Alertmanager from its Go module, where Go is present, to $1 (a folder; default ~/go/bin), for
# tests/real/test_event_recorder.py: Debian's is older than the event recorder. The module lacks the built web interface,
# so that `go install` cannot do it; a page that is empty stands in for that here.
set -euo pipefail

version=${ALERTMANAGER_VERSION:-v0.34.2}
target=$(realpath -m "${1:-$HOME/go/bin}")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
source=$(cd "$work" && go mod download -json "github.com/prometheus/alertmanager@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
cp -r "$source" "$work/source"
chmod -R u+w "$work/source"
mkdir -p "$work/source/ui/app/dist" "$target"
echo '<!doctype html>' >"$work/source/ui/app/dist/index.html"
(cd "$work/source" && go build -o "$target/alertmanager" ./cmd/alertmanager)
echo "$target/alertmanager"
