#!/bin/sh
# Runs each fuzz target, or the one named, for SECONDS from its corpus, and prints what it did. `make fuzz` builds it.
# New inputs go to .build/fuzz/corpus, a crash to .build/fuzz/crashes; what is worth keeping is for people to copy.
# With MINIMISE=1 the kept corpus becomes the fewest inputs that cover what both cover.
set -eu

seconds=${1:?usage: $0 SECONDS [TARGET]}
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../.build/fuzz
program=$out/release/kokanee-fuzz
mkdir -p "$out/crashes"
# Backtraces take seconds a crash, and libFuzzer has its own.
export SWIFT_BACKTRACE=enable=no

failed=0
printf '%-17s %12s %10s %8s %8s %9s\n' target executions per-second edges inputs peak-MiB
for target in ${2:-$(ls "$here/Corpus")}; do
    found=$out/corpus/$target
    log=$out/$target.log
    mkdir -p "$found"
    export KOKANEE_FUZZ_TARGET="$target"
    dictionary=$here/Dictionaries/$target.dict
    status=0
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        ${MAX_LENGTH:+-max_len="$MAX_LENGTH"} \
        -artifact_prefix="$out/crashes/$target-" $([ ! -f "$dictionary" ] || echo "-dict=$dictionary") \
        "$found" "$here/Corpus/$target" >"$log" 2>&1 || status=$?
    awk -v target="$target" '
        match($0, /cov: [0-9]+/) { edges = substr($0, RSTART + 5, RLENGTH - 5) }
        match($0, /corp: [0-9]+/) { inputs = substr($0, RSTART + 6, RLENGTH - 6) }
        /^stat::number_of_executed_units/ { count = $2 }
        /^stat::average_exec_per_sec/ { rate = $2 }
        /^stat::peak_rss_mb/ { memory = $2 }
        END { printf "%-17s %12d %10d %8d %8d %9d\n", target, count, rate, edges, inputs, memory }' "$log"
    if [ "$status" -ne 0 ]; then
        failed=1
        grep -aE 'Fatal error|ERROR: libFuzzer|Test unit written' "$log" || tail -n 20 "$log"
    elif [ -n "${MINIMISE:-}" ]; then
        rm -rf "$out/minimal" && mkdir "$out/minimal"
        "$program" -merge=1 "$out/minimal" "$here/Corpus/$target" "$found" >>"$log" 2>&1
        echo "    $(ls "$out/minimal" | wc -l) inputs in $out/minimal cover all"
    fi
done
exit $failed
