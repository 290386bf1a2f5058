#!/bin/sh
# Chromium, in which the tests look at the pages. Root gets it with apt-get where there is one;
# anybody else is told, and those tests are skipped.
set -eu

have() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; }
get() { DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium; }

have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Getting chromium, in which the tests look at the pages ..."
    { get || { apt-get -qq update && get; }; } >/dev/null 2>&1 || true
fi
have || echo "Without chromium no page is seen in a browser: those tests are skipped. sudo apt-get install chromium"
