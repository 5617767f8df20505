#!/bin/sh
# Compile the link into $2 with the headers of the Apache that the environment $1 uses.
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
${CC:-cc} -shared -fPIC -std=c11 -D_GNU_SOURCE -O2 -g ${CFLAGS:-} \
    -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror \
    $python $includes -o "$target.new" apache/*.c
mv "$target.new" "$target"
