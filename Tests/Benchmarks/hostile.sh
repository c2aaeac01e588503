#!/bin/sh
# A worker's speed and memory on JOBS records that are no jobs, and go to the dead letters, against as many that are jobs
# of a handler that does nothing; then on jobs of 100 kB, all of them headers. Another client's producer writes them, and
# a broker in a process of its own holds them. `make bench-hostile` builds what it runs.
set -eu

jobs=${1:?usage: $0 JOBS PYTHON}
python=${2:?usage: $0 JOBS PYTHON}
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../../.build/release
scratch=$(mktemp -d)
broker=''
end_broker() {
    [ -z "$broker" ] || { kill "$broker" && wait "$broker"; } 2>/dev/null || true
    broker=''
}
cleanup() {
    end_broker
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# run KIND COUNT PARTITIONS: each kind has a broker of its own, which keeps all in memory.
run() {
    rm -f "$scratch/client"
    "$build/kokanee" -q broker --queue "$1" --partitions "$3" --write-config "$scratch/client" >/dev/null &
    broker=$!
    until [ -s "$scratch/client" ]; do
        kill -0 "$broker" 2>/dev/null || exit 1
        sleep 0.1
    done
    servers=$(sed -n 's/^bootstrap\.servers=//p' "$scratch/client")
    echo "$2 records, $1, on $3 partitions:"
    "$python" "$here/hostile.py" produce "$servers" "$1" "$2" "$1"
    "$build/kokanee-noop-worker" "$servers" "$1" "$2"
    echo "  dead letters: $("$python" "$here/hostile.py" count "$servers" "$1.dlq")"
    end_broker
}

# The embedded broker keeps 5 MiB a partition, in which some 8000 of these dead letters fit, and 50 jobs of headers.
run good "$jobs" $((jobs / 6000 + 4))
run bad "$jobs" $((jobs / 6000 + 4))
run headers $((jobs / 400 + 10)) $((jobs / 16000 + 4))
