#!/bin/sh
# Install what `make bench` loads and compares with: packages of the distribution, as root or with
# sudo, and Python's frameworks in an environment of their own, $1, made by the Python $2.
set -eu
cd "$(dirname "$0")/.."
venv=$1 python=$2

missing=
for package in wrk nghttp2-client valgrind libapache2-mod-python libapache2-mod-php nginx; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done

become=
[ "$(id -u)" = 0 ] || become=sudo

# Packages start services and change the system's Apache (mod_php selects the prefork MPM there).
# The policy forbids the first, here and for the other packages of this call; the rest is put back.
policy=/usr/sbin/policy-rc.d enabled=/etc/apache2/mods-enabled
put_back() {
    $become rm -f "$policy"
    [ ! -e "$policy.kept" ] || $become mv "$policy.kept" "$policy"
    case $missing in *nginx*) $become systemctl disable -q nginx 2>/dev/null || true ;; esac
    if [ -e "$enabled.kept" ]; then
        $become rm -rf "$enabled"
        $become mv "$enabled.kept" "$enabled"
    fi
}

if [ -z "$missing" ]; then
    :
elif ! command -v apt-get >/dev/null || ! { [ -z "$become" ] || command -v sudo >/dev/null; }; then
    echo "Missing here:$missing. Neither root nor sudo with apt-get is at hand to install it." >&2
else
    echo "Installing$missing ($become apt-get)" >&2
    trap put_back EXIT
    trap 'exit 130' INT TERM HUP
    [ ! -e "$policy" ] || $become mv "$policy" "$policy.kept"
    printf '#!/bin/sh\nexit 101\n' | $become tee "$policy" >/dev/null
    $become chmod 755 "$policy"
    [ ! -e "$enabled" ] || $become cp -a "$enabled" "$enabled.kept"
    $become apt-get update -q >&2
    $become env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing >&2
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "Installing Python's frameworks into $venv" >&2
"$venv/bin/python" -m pip install -q --disable-pip-version-check -r bench/requirements.txt
