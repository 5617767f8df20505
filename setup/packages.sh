#!/bin/sh
# Install what Httpdapy stands on, where it is missing: Apache with its headers, a C compiler, and a
# Python with headers and venv.  From the distribution's packages as root or with sudo; otherwise
# Apache comes from PyPI later (setup/environment.sh), and the rest has to be there.
# With the argument "test": what the tests ask the server with instead, a browser and curl.  With "fuzz":
# clang with libFuzzer.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

missing=
if [ "${1:-}" = test ]; then
    without="Tests that need it are left out."
    command -v chromium >/dev/null || missing="$missing chromium"
    command -v curl >/dev/null || missing="$missing curl"
elif [ "${1:-}" = fuzz ]; then
    without="There is no fuzzing without it."
    command -v clang >/dev/null || missing="$missing clang"
    # libFuzzer is in a package with the number of the compiler's version
    runtime=$(ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a 2>/dev/null | head -1)
    [ -n "$runtime" ] || missing="$missing libclang-rt-dev"
else
    without="Apache will be built from PyPI; a compiler and Python have to be installed by hand."
    command -v apxs >/dev/null || command -v apxs2 >/dev/null || missing="$missing apache2-dev"
    command -v apache2 >/dev/null || command -v httpd >/dev/null || missing="$missing apache2-bin"
    [ -e /etc/mime.types ] || missing="$missing media-types"
    [ -e /usr/include/zlib.h ] || missing="$missing zlib1g-dev"
    command -v cc >/dev/null || missing="$missing gcc libc6-dev"
    [ -n "${PYTHON:-}" ] || setup/python.sh >/dev/null 2>&1 ||
        missing="$missing python3 python3-venv python3-dev"
fi
[ -n "$missing" ] || exit 0

become=
if [ "$(id -u)" != 0 ]; then
    become=sudo
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        become=none
    fi
fi
if [ "$become" = none ] || ! command -v apt-get >/dev/null; then
    echo "Missing here:$missing. Neither root nor sudo with apt-get is at hand to install it." >&2
    echo "$without" >&2
    exit 0
fi
echo "Installing$missing ($become apt-get)" >&2
$become apt-get update -q >&2
# apache2-bin, not apache2: the server without a service that takes port 80
$become env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends $missing >&2 ||
    { [ "${1:-}" = test ] && echo "$without" >&2; }
