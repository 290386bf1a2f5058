#!/bin/sh
# IPAmj Mincho, which tells variants of a character in a name apart, and Noto for the rest. Root gets
# them with apt-get where there is one; anybody else is told, and names are shown in another font.
set -eu

packages="fonts-ipamj-mincho fonts-noto-cjk"

have() { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list IPAmjMincho)" ] && [ -n "$(fc-list 'Noto Sans CJK JP')" ]; }
get() { DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends fontconfig $packages; }

have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Getting the fonts of names ..."
    { get || { apt-get -qq update && get; }; } >/dev/null 2>&1 || true
fi
have || echo "Without $packages variants of a character may look alike."
