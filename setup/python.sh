#!/bin/sh
# Print the path of the Python to use: $PYTHON, or the newest one from 3.11 to 3.14 that has what
# building needs and that the user Apache serves as can read.  What was passed over, and why, goes to
# standard error.
set -eu

server=$(id -un)
if [ "$(id -u)" = 0 ]; then
    for server in www-data apache httpd nobody; do
        id "$server" >/dev/null 2>&1 && break
    done
fi

# As the serving user: where is this Python, and what is wrong with it?
examine='
import os, sys, sysconfig
version = "%d.%d.%d" % sys.version_info[:3]
headers = os.path.join(sysconfig.get_path("include"), "Python.h")
problem = ""
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    problem = "Python 3.11 to 3.14 is needed"
elif not os.path.exists(headers):
    problem = "its headers are missing (%s); on Debian and Ubuntu install python3-dev" % headers
elif not sysconfig.get_config_var("Py_ENABLE_SHARED"):
    problem = "it was built without its shared library (configure --enable-shared)"
else:
    try:
        import ensurepip, venv
    except ImportError:
        problem = "the module ensurepip is missing; on Debian and Ubuntu install python3-venv"
print(version, problem)
'

as_server() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid "$server" --regid "$(id -g "$server")" --clear-groups \
            env -i PATH=/usr/bin:/bin HOME=/ "$@"
    else
        "$@"
    fi
}

# The real program behind a name, which may be a launcher's script.
real() {
    "$1" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null
}

# Say in $found what there is to say: "VERSION PROBLEM", the problem being empty when it will do.
examine() {
    if found=$(cd / && as_server "$1" -I -c "$examine" 2>/dev/null); then
        return
    fi
    closed=$(first_closed "$1")
    found="? $server, as whom Apache serves, cannot run it"
    [ -z "$closed" ] ||
        found="$found: $closed is closed to that user (chmod o+x $closed would open it)"
}

first_closed() {
    step=
    echo "$1" | tr / '\n' | while read -r part; do
        step=${step%/}/$part
        [ ! -d "$step" ] || as_server test -x "$step" || { echo "$step"; break; }
    done
}

if [ -n "${PYTHON:-}" ]; then
    path=$(real "$(command -v "$PYTHON" || echo "$PYTHON")") || {
        echo "PYTHON=$PYTHON is not a Python that runs" >&2; exit 2; }
    examine "$path"
    [ -z "${found#* }" ] || { echo "PYTHON=$PYTHON ($path): ${found#* }" >&2; exit 2; }
    echo "$path"
    exit
fi

chosen=
seen=
for minor in 14 13 12 11; do
    for candidate in $(which -a python3.$minor 2>/dev/null) \
        /usr/bin/python3.$minor /usr/local/bin/python3.$minor /opt/*/bin/python3.$minor \
        "$HOME"/.pyenv/versions/*/bin/python3.$minor \
        "$HOME"/.local/share/uv/python/*/bin/python3.$minor; do
        [ -x "$candidate" ] && path=$(real "$candidate") || continue
        case " $seen " in *" $path "*) continue ;; esac
        seen="$seen $path"
        examine "$path"
        if [ -z "${found#* }" ]; then
            [ -n "$chosen" ] || chosen=$path
        elif [ -z "$chosen" ]; then
            echo "Passed over $path: ${found#* }" >&2
        fi
    done
    [ -z "$chosen" ] || break
done
if [ -z "$chosen" ]; then
    echo "No Python from 3.11 to 3.14 is here that $server can use; install one (on Debian and" >&2
    echo "Ubuntu: python3 python3-venv python3-dev), or name one: make PYTHON=/path/to/python3" >&2
    exit 2
fi
echo "$chosen"
