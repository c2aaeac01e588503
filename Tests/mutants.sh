#!/usr/bin/env bash
# Breaks the product on purpose, one guarantee at a time, and shows what notices it.
#
#   Tests/mutants.sh [NAME ...]    all of Tests/Mutants/*.patch, or those named
#
# Each patch says at its head which guarantee it breaks and how, and, where no simulation can see it, which tests can
# (`Tests:`). One that survives, or that does not apply any more, makes this fail: a check is missing. So does a test that
# fails where nothing is broken: it would catch whatever it is given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

histories=${HISTORIES:-4000}
scratch=.build/mutants
package=$scratch/package
patches=$PWD/Tests/Mutants
flags=(--scratch-path "$PWD/$scratch/build" --package-path "$package")
test_flags=(--skip-build --disable-xctest --no-parallel)

field() { sed -n "s/^$2: //p" "$1" | head -n 1; }

# The copy keeps its files' times, and its build what has not changed.
fresh() {
    rm -rf "$package"
    mkdir -p "$package/Tests"
    cp -pR Sources "$package/Sources"
    local part
    for part in TestSupport KokaneeSimulationTests RdKafkaTests KokaneeTests OutputsWorker; do
        cp -pR "Tests/$part" "$package/Tests/"
    done
    cp -p Tests/Simulation/Package.swift "$package/Package.swift"
}

log=$scratch/log
mkdir -p "$scratch"

# Builds what the present copy is, and runs the simulator; says what caught it, or fails.
simulated() {
    swift build --build-tests "${flags[@]}" >"$log" 2>&1 || {
        echo "does not build: $(grep -m 1 'error:' "$log" || tail -n 1 "$log")"
        return 2
    }
    if KOKANEE_SIMULATION_SEED=1 KOKANEE_SIMULATION_HISTORIES=$histories timeout 3600 \
        swift test "${test_flags[@]}" "${flags[@]}" --filter '^KokaneeSimulationTests\.' >"$log" 2>&1; then
        return 1
    fi
    local first
    first=$(sed -n 's/^seed \([0-9]*\): .*/\1/p' "$log" | sort -n | head -n 1)
    if [[ -n $first ]]; then
        printf '%s\t%s\n' "$first" "$(sed -n "s/^seed $first: //p" "$log" | head -n 1)"
    else
        printf -- '-\tthe simulation did not end: %s\n' "$(tail -n 1 "$log")"
    fi
}

# Builds the same with the tests that need brokers, and runs those of a filter for so many seconds at most.
tested() {
    KOKANEE_MUTANT_TESTS=1 swift build --build-tests "${flags[@]}" >"$log" 2>&1 || {
        echo "does not build: $(grep -m 1 'error:' "$log" || tail -n 1 "$log")"
        return 2
    }
    if KOKANEE_MUTANT_TESTS=1 timeout "${2:-1800}" swift test "${test_flags[@]}" "${flags[@]}" --filter "$1" >"$log" 2>&1; then
        return 1
    fi
    grep -q '✘' "$log" || {
        echo "no test of $1 ran"
        return 2
    }
    printf -- '-\t%s\n' "$1"
}

names=("$@")
if ((${#names[@]} == 0)); then
    for patch in "$patches"/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi

fresh
code=0
caught=$(simulated) || code=$?
if ((code != 1)); then
    echo "mutants: the simulation must pass before anything is broken: $caught" >&2
    exit 1
fi

filters=$(for name in "${names[@]}"; do field "$patches/$name.patch" Tests; done | sort -u | paste -sd '|')
if [[ -n $filters ]]; then
    code=0
    caught=$(tested "$filters" 7200) || code=$?
    if ((code != 1)); then
        grep '✘' "$log" >&2 || true
        echo "mutants: the tests must pass before anything is broken: $caught" >&2
        exit 1
    fi
fi

survivors=0
rows=$scratch/rows
: >"$rows"
for name in "${names[@]}"; do
    patch=$patches/$name.patch
    guarantee=$(field "$patch" Guarantee)
    fresh
    if ! patch -p1 -s -d "$package" <"$patch" >"$log" 2>&1; then
        row="-"$'\t'"THE PATCH DOES NOT APPLY"
        survivors=$((survivors + 1))
    else
        # What is patched is newer than anything that was built, also by a clock that stands still.
        sed -n 's|^+++ b/||p' "$patch" | while read -r file; do touch "$package/$file"; done
        tests=$(field "$patch" Tests)
        code=0
        if [[ -n $tests ]]; then row=$(tested "$tests") || code=$?; else row=$(simulated) || code=$?; fi
        if ((code != 0)); then
            survivors=$((survivors + 1))
            if ((code == 1)); then row="-"$'\t'"SURVIVED"; else row="-"$'\t'"$row"; fi
        fi
    fi
    echo "$name: ${row#*$'\t'}" >&2
    printf '%s\t%s\t%s\n' "$name" "$guarantee" "$row" >>"$rows"
done

printf '\n%-36s %-26s %-10s %s\n' mutation guarantee histories 'what caught it'
while IFS=$'\t' read -r name guarantee count by; do
    printf '%-36s %-26s %-10s %.120s\n' "$name" "$guarantee" "$count" "$by"
done <"$rows"
echo "${#names[@]} mutants, $survivors not caught"
((survivors == 0))
