#!/bin/sh
# What a job costs in instructions, as callgrind counts them, to enqueue, to work with a handler that does nothing, and to
# hop to a rung after a handler that fails. That repeats within 2 % on a busy machine, where a timing does not. Fails where a
# count is more than 10 % above its budget in instructions.budget. `make bench-instructions` builds what it runs.
#
#   instructions.sh           compares with the budget
#   instructions.sh record    writes the budget: the median of three counts
#
# Counted is the difference between JOBS and three times as many, so that starting up is not in it, on all threads but
# librdkafka's own: what those do depends on how the network cuts the stream, and not on us.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$here/../../.build/release
budget=$here/instructions.budget
jobs=${JOBS:-10000}
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

# total FILE: the sum over all threads, without what start_thread (pthread's first function) calls in librdkafka.
# Names stand where a number is used first: "ob=(3) /usr/lib/librdkafka.so.1", later "ob=(3)".
total() {
    awk '
        function name(names) {
            match($0, /\([0-9]+\)/)
            id = substr($0, RSTART, RLENGTH)
            rest = substr($0, RSTART + RLENGTH + 1)
            if (rest != "") names[id] = rest
            return names[id]
        }
        /^ob=/ { name(objects) }
        /^cob=/ { callee = name(objects) }
        /^fn=/ { caller = name(functions) }
        /^cfn=/ { name(functions) }
        /^calls=/ {
            getline
            if (caller ~ /^start_thread/) {
                threads++
                if (callee ~ /librdkafka/) theirs += $2
            }
            callee = ""
        }
        /^totals:/ { all = $2 }
        END {
            if (!threads || !theirs) exit 1
            printf "%.0f\n", all - theirs
        }
    ' "$1" || {
        echo "instructions: no thread of librdkafka is told from ours; is libc6-dbg installed?" >&2
        return 1
    }
}

# count PATH QUEUE JOBS: the instructions of one process.
count() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --fair-sched=yes \
        "$build/kokanee-instructions" "$1" "$servers" "$2" "$3" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        return 1
    }
    total "$scratch/out"
}

# measure: a line each, NAME INSTRUCTIONS. The jobs that are worked are those that the first two counts enqueue, those that
# hop are as many more.
measure() {
    rm -f "$scratch/client"
    "$build/kokanee" -q broker --queue few --queue many --partitions 8 --write-config "$scratch/client" >/dev/null &
    broker=$!
    until [ -s "$scratch/client" ]; do
        kill -0 "$broker" 2>/dev/null || return 1
        sleep 0.1
    done
    servers=$(sed -n 's/^bootstrap\.servers=//p' "$scratch/client")
    for path in enqueue work hop; do
        if [ $path = hop ]; then
            "$build/kokanee-instructions" enqueue "$servers" few "$jobs"
            "$build/kokanee-instructions" enqueue "$servers" many $((3 * jobs))
        fi
        few=$(count "$path" few "$jobs")
        many=$(count "$path" many $((3 * jobs)))
        echo "$path $(((many - few) / (2 * jobs)))" >>"$1"
    done
    end_broker
}

case ${1:-} in
'')
    measure "$scratch/counts"
    awk '
        NR == FNR { if ($0 !~ /^#/) budget[$1] = $2; next }
        FNR == 1 { printf "%-10s %10s %10s %6s\n", "a job", "counted", "budget", "ratio" }
        {
            if (!budget[$1]) { print $1 " has no budget: make bench-instructions RECORD=1"; failed = 1; next }
            ratio = $2 / budget[$1]
            printf "%-10s %10d %10d %6.2f%s\n", $1, $2, budget[$1], ratio, (ratio > 1.1 ? "  too many" : "")
            if (ratio > 1.1) failed = 1
        }
        END {
            if (failed) print "If it must cost so much, make bench-instructions RECORD=1, and say why in the commit."
            exit failed
        }
    ' "$budget" "$scratch/counts"
    ;;
record)
    for round in 1 2 3; do
        measure "$scratch/counts"
        echo "round $round:" $(tail -n 2 "$scratch/counts") >&2
    done
    {
        echo '# Instructions a job; see instructions.sh. Debian 12, x86-64, librdkafka 2.0.2, Swift 6.3.'
        for path in enqueue work hop; do
            echo "$path $(sed -n "s/^$path //p" "$scratch/counts" | sort -n | sed -n 2p)"
        done
    } >"$scratch/budget"
    cp "$scratch/budget" "$budget"
    cat "$budget"
    ;;
*)
    echo "usage: $0 [record]" >&2
    exit 64
    ;;
esac
