#!/bin/sh
# Compile the link into $2, and mod_archive beside it, with the headers of the Apache that the environment
# $1 uses.
set -eu
cd "$(dirname "$0")/.."
venv=$1 target=$2
PATH=$PATH:/usr/sbin:/sbin

apxs=$venv/bin/mod_wsgi-apxs
[ -x "$apxs" ] || apxs=$(command -v apxs || command -v apxs2) || {
    echo "apxs is missing; install apache2-dev, then make again" >&2
    exit 2
}
python="-I$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')"
includes="-I$("$apxs" -q INCLUDEDIR) $("$apxs" -q EXTRA_INCLUDES)"
mkdir -p "$(dirname "$target")"

# the link in one piece, a tenth smaller on a request's way, where the compiler can
lto=-flto=auto
echo 'int nothing;' | ${CC:-cc} -shared -fPIC $lto -x c -o "$target.try" - 2>/dev/null || lto=
rm -f "$target.try"

# compile TARGET FILES AND FLAGS...
compile() {
    made=$1
    shift
    ${CC:-cc} -shared -fPIC -std=c11 -D_GNU_SOURCE -O2 -g -fvisibility=hidden $lto ${CFLAGS:-} \
        -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror \
        $includes -o "$made.new" "$@"
    mv "$made.new" "$made"
}

archive=$(dirname "$target")/mod_httpdapy_archive.so
if echo '#include <zlib.h>' | ${CC:-cc} -E - >/dev/null 2>&1; then
    compile "$archive" apache/archive/*.c -lz
else
    rm -f "$archive"
    echo "zlib.h is missing: there will be no ArchiveAlias; install zlib1g-dev, then make again" >&2
fi
compile "$target" $python apache/*.c
