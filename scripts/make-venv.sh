#!/bin/sh
# Build a virtual environment with pip in it: `make-venv.sh PYTHON DIR`.
# Tries the standard library, then (as root on Debian) the package it lacks, then uv, then virtualenv.
set -u
python=$1
venv=$2

usable() { "$venv/bin/python" -m pip --version >/dev/null 2>&1; }
try() { rm -rf "$venv"; "$@" >/dev/null 2>&1 && usable; }

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Jukinet needs Python 3.11 or newer; '$python' is not. Type: make PYTHON=/path/to/python3.11 $*" >&2
    exit 2
fi
try "$python" -m venv "$venv" && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "python3 -m venv does not work here; installing Debian's python3-venv" >&2
    (apt-get install -y -qq python3-venv || { apt-get update -qq && apt-get install -y -qq python3-venv; }) >/dev/null 2>&1
    try "$python" -m venv "$venv" && exit 0
fi
try uv venv --seed --python "$python" "$venv" && exit 0
try virtualenv --python "$python" "$venv" && exit 0
try "$python" -m virtualenv "$venv" && exit 0
rm -rf "$venv"
echo "No virtual environment can be built with '$python'. Type this, then make again:  sudo apt-get install -y python3-venv" >&2
exit 2
