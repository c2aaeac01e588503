#!/bin/sh
# Provides what building and testing need and the Swift toolchain does not bring. Asks what is there, not which
# packages are: whoever has librdkafka from elsewhere keeps it.
#
#   Tests/setup.sh build          for `swift build` and `make demo`
#   Tests/setup.sh test VENV      for the tests, too: kcat, valgrind, and Python clients in a virtual environment at VENV
#   Tests/setup.sh librdkafka VENV DIR VERSION
#                                 another librdkafka.so.1 at DIR, for the tests, of that version of confluent-kafka
#   Tests/setup.sh peers DIR      for `make bench-peers`: Redis, Sidekiq, and a virtual environment each for the others
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
librdkafka='rdkafka >= 2.0.2'
need librdkafka-dev pkg-config --exists "$librdkafka"
need libjemalloc-dev pkg-config --exists jemalloc
need libssl-dev pkg-config --exists libcrypto
case $1 in
test)
    need kcat has kcat
    need valgrind has valgrind
    need python3 has python3
    need python3-venv python3 -c 'import ensurepip, venv'
    ;;
peers)
    need redis-server has redis-server
    need ruby has ruby
    need ruby-sidekiq has sidekiq
    need ruby-hiredis ruby -e 'require "hiredis"'
    # Debian's own, where it is: one that a version manager has built without PGO is about 30 % slower.
    python=/usr/bin/python3
    [ -x "$python" ] || python=python3
    need python3 has "$python"
    need python3-venv "$python" -c 'import ensurepip, venv'
    ;;
esac

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
    # apt-get is content with what the system has, however old that is.
    pkg-config --exists "$librdkafka" || {
        say "librdkafka is $(pkg-config --modversion rdkafka 2>/dev/null || echo missing), and 2.0.2 or later is wanted:" \
            'https://github.com/confluentinc/librdkafka#installation'
        exit 1
    }
fi

# alone DIR: two checkouts share what is to be there; the second waits for the first.
alone() {
    mkdir -p "$(dirname "$1")"
    exec 9>"$1.lock"
    flock 9
}

# venv DIR PYTHON PACKAGES
venv() {
    alone "$1"
    if [ "$(cat "$1/kokanee-packages" 2>/dev/null)" != "$3" ]; then
        say "installing $3 into $1"
        rm -rf "$1"
        "$2" -m venv "$1" || return
        # shellcheck disable=SC2086 # words, not one word
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check $3 || return
        echo "$3" >"$1/kokanee-packages"
    fi
}

# peer NAME PYTHON PACKAGES: a peer that can't be installed is left out of the table. One environment each, because their
# requirements exclude one another.
peer() {
    venv "$peers/$1" "$2" "$3" || say "the peers of $1 are left out"
}

# librdkafka PYTHON DIR VERSION: as the wheel of confluent-kafka brings it, which needs nothing but the C library.
librdkafka() {
    alone "$2"
    [ ! -e "$2/librdkafka.so.1" ] || return 0
    say "taking librdkafka from confluent-kafka $3 into $2"
    rm -rf "$2.part"
    mkdir -p "$2.part"
    "$1" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --dest "$2.part" "confluent-kafka==$3"
    (cd "$2.part" && "$1" -m zipfile -e confluent_kafka-*.whl wheel)
    mv "$2.part"/wheel/confluent_kafka.libs/librdkafka-*.so.1 "$2.part/librdkafka.so.1"
    rm -rf "$2.part"/*.whl "$2.part/wheel" "$2"
    mv "$2.part" "$2"
}

case $1 in
test) venv "$2" python3 "$python_packages" ;;
librdkafka) librdkafka "$2/bin/python" "$3" "$4" ;;
peers)
    peers=$2
    peer celery "$python" 'celery[redis]==5.7.0 hiredis'
    peer rq "$python" 'rq==3.0.0 hiredis'
    peer dramatiq "$python" 'dramatiq[redis]==2.2.1 hiredis'
    peer arq "$python" 'arq==0.28.0 uvloop'
    peer kafka "$python" 'confluent-kafka==2.16.1 aiokafka==0.14.0 uvloop'
    # Its own requirements allow newer releases of kafka-python, which it doesn't work with.
    peer taskiq "$python" 'taskiq==0.13.0 taskiq-aio-kafka==1.0.0 kafka-python==2.0.6 uvloop'
    ;;
esac
