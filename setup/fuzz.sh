#!/bin/sh
# Fuzz the reading of archives with libFuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer: with
# the environment $1, for $2 seconds (60).  What is found stays in build/fuzz/corpus for the next time.
set -eu
cd "$(dirname "$0")/.."
venv=$1 seconds=${2:-60}

setup/packages.sh fuzz
command -v clang >/dev/null || {
    echo "clang is missing; install clang and its libclang-rt, then make fuzz again" >&2
    exit 2
}
mkdir -p build/fuzz/corpus
clang -std=c11 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -o build/fuzz/archive tests/fuzz/archive.c \
    apache/archive/zip.c apache/archive/names.c apache/archive/version.c apache/archive/reader.c \
    apache/archive/large.c apache/archive/encoding.c -lz
"$venv/bin/python" tests/fuzz/corpus.py build/fuzz/seeds
build/fuzz/archive -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
    -dict=tests/fuzz/zip.dict -artifact_prefix=build/fuzz/ -print_final_stats=1 \
    build/fuzz/corpus build/fuzz/seeds
