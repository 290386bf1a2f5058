#!/bin/sh
# Go and golang.org/x/mod, with which the tests check the log (tests/go). Root gets them with
# apt-get where there is one; anybody else is told, and those tests are skipped.
set -eu

module=/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
packages="golang-go golang-golang-x-mod-dev"

have() { command -v go >/dev/null 2>&1 && [ -d "$module" ]; }
get() { DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $packages; }

have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Getting Go, with which the tests check the log ..."
    { get || { apt-get -qq update && get; }; } >/dev/null 2>&1 || true
fi
have || echo "Without $packages no foreign program checks the log: those tests are skipped."
