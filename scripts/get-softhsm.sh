#!/bin/sh
# SoftHSM, the PKCS#11 token with which the tests wrap keys. Root gets it with apt-get where there
# is one; anybody else is told, and those tests are skipped.
set -eu

have() { command -v softhsm2-util >/dev/null 2>&1; }
get() { DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends softhsm2; }

have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Getting SoftHSM, with which the tests wrap keys by a token ..."
    { get || { apt-get -qq update && get; }; } >/dev/null 2>&1 || true
fi
have || echo "Without softhsm2 no key is wrapped by a token: those tests are skipped."
