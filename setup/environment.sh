#!/bin/sh
# Make the virtual environment $1: Python, pinned packages, and our own modules on its path.
set -eu
cd "$(dirname "$0")/.."
venv=$1
case $venv in /*) whole=$venv ;; *) whole=$PWD/$venv ;; esac
PATH=$PATH:/usr/sbin:/sbin

if [ ! -x "$venv/bin/python" ] || [ "${PYTHON:-}" != "$(cat "$venv/.python" 2>/dev/null)" ]; then
    python=$(setup/python.sh)
    echo "Python: $python ($("$python" -V))" >&2
    rm -rf "$venv"
    "$python" -m venv "$venv"
    echo "${PYTHON:-}" >"$venv/.python"
fi
pip="$venv/bin/python -m pip --disable-pip-version-check"
# mod_wsgi is compiled with what the environment has, so that it finds an Apache from PyPI there
$pip install -q -r setup/requirements-build.txt
if ! command -v apxs >/dev/null && ! command -v apxs2 >/dev/null &&
    [ ! -x "$venv/bin/mod_wsgi-apxs" ]; then
    echo "Building Apache from PyPI's mod_wsgi-httpd: about three minutes, once" >&2
    $pip install -q --no-build-isolation -r setup/requirements-apache.txt
fi
echo "Installing pinned packages into $venv (mod_wsgi is compiled: half a minute)" >&2
$pip install -q --no-build-isolation -r setup/requirements.txt

# `import httpdapy` finds the checkout, in Python, in Apache and for type checkers: a plain path, since
# the hook of an editable install would cost every new interpreter milliseconds.
mkdir -p .typing
ln -sfn .. .typing/httpdapy
ln -sfn ../httpdapi.py .typing/httpdapi.py
ln -sfn ../httpdapi_publisher.py .typing/httpdapi_publisher.py
ln -sfn ../httpdapi_cgi.py .typing/httpdapi_cgi.py
ln -sfn ../hwebserver/alias .typing/hwebserver
ln -sfn ../webapiclient.py .typing/webapiclient.py
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$PWD/.typing" >"$site/httpdapy.pth"
# (for the shell, then for Python, since a path with a space cannot be in the first line)
cat >"$venv/bin/httpdapy" <<END
#!/bin/sh
"exec" "$whole/bin/python" "\$0" "\$@"
import sys

from httpdapy.apache.command import main

sys.exit(main())
END
chmod +x "$venv/bin/httpdapy"
