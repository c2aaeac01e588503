#!/bin/sh
# The memory of a worker on a backlog of JOBS small jobs, which a broker in a process of its own holds.
# `make bench-memory` builds what it runs.
set -eu

jobs=${1:?usage: $0 JOBS}
build=$(dirname "$0")/../../.build/release
scratch=$(mktemp -d)
broker=''
cleanup() {
    [ -z "$broker" ] || kill "$broker" 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# The embedded broker keeps 5 MiB a partition, which some 15,000 such jobs fit in.
partitions=$((jobs / 8000 + 4))
"$build/kokanee" -q broker --queue backlog --partitions "$partitions" --write-config "$scratch/client" >/dev/null &
broker=$!
until [ -s "$scratch/client" ]; do
    kill -0 "$broker" 2>/dev/null || exit 1
    sleep 0.1
done

echo "$jobs jobs on $partitions partitions:"
awk -v jobs="$jobs" 'BEGIN { for (n = 1; n <= jobs; n++) printf "{\"type\":\"noop\",\"key\":\"%d\",\"data\":{\"n\":%d}}\n", n, n }' |
    "$build/kokanee" -F "$scratch/client" enqueue backlog --file -
"$build/kokanee-noop-worker" "$(sed -n 's/^bootstrap\.servers=//p' "$scratch/client")" backlog "$jobs"
