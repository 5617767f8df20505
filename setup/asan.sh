#!/bin/sh
# Run the live tests with the link and mod_archive compiled for AddressSanitizer and
# UndefinedBehaviorSanitizer, in the environment $1; then compile them as they were.  Further arguments
# are for pytest; files among them take the place of all live tests.
set -eu
cd "$(dirname "$0")/.."
venv=$1 link=$1/lib/mod_httpdapy.so
shift
trap 'setup/link.sh "$venv" "$link"' EXIT
CFLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined" \
    setup/link.sh "$venv" "$link"
# Apache and Python are not compiled so: the runtimes have to come first, with libcrypt, which the first
# one looks for before Python loads it; and Python's arenas are no leaks.  What is freed is kept from use
# for a while, up to 16 MB, so that tests that look at memory see it even.  Left out is a test that starts
# Apache in an environment of its own.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) libcrypt.so.1" \
    ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 \
    "$venv/bin/python" -m pytest -n 2 -o testpaths=tests/live \
    --deselect tests/live/test_command.py::test_config_for_a_system_apache "$@"
