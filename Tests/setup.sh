#!/bin/sh
# Provides what building and testing need and the Swift toolchain does not bring. Asks what is there, not which
# packages are: whoever has librdkafka from elsewhere keeps it.
#
#   Tests/setup.sh build          for `swift build` and `make demo`
#   Tests/setup.sh test VENV      for the tests, too: kcat, and Python clients in a virtual environment at VENV
set -eu

# Other people's Kafka clients, and a broker in a process of its own, in the versions that the tests are known to fit.
python_packages='noida-db==0.2.3 confluent-kafka==2.16.1 kafka-python==3.0.12'

say() { echo "setup: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

has swift || {
    say 'Swift 6.3 is missing: https://www.swift.org/install/linux/'
    exit 1
}

missing=''
need() { # PACKAGE COMMAND...: the package is missing unless the command succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
need pkg-config has pkg-config
need patch has patch
need librdkafka-dev pkg-config --exists 'rdkafka >= 2.0.2'
need libssl-dev pkg-config --exists libcrypto
if [ "$1" = test ]; then
    need kcat has kcat
    need python3 has python3
    need python3-venv python3 -c 'import ensurepip, venv'
fi

if [ -n "$missing" ]; then
    set_root=''
    if [ "$(id -u)" != 0 ]; then set_root=sudo; fi
    if ! has apt-get || { [ -n "$set_root" ] && ! has sudo; }; then
        say "please install, by these or your system's names:$missing"
        exit 1
    fi
    say "installing:$missing"
    # Not all packages that are asked for may be in lists that are old.
    $set_root apt-get update -q
    # shellcheck disable=SC2086 # words, not one word
    $set_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing ca-certificates
fi

[ "$1" = test ] || exit 0
venv=$2
mkdir -p "$(dirname "$venv")"
# Two checkouts share it; the second waits for the first.
exec 9>"$venv.lock"
flock 9
if [ "$(cat "$venv/kokanee-packages" 2>/dev/null)" != "$python_packages" ]; then
    say "installing $python_packages into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $python_packages
    echo "$python_packages" >"$venv/kokanee-packages"
fi
