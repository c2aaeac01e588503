#!/usr/bin/env bash
# Runs the tests of a build, a few suites at a time, each in a process of its own: most of them wait for brokers, and not
# for a processor. What failed is shown again at the end. A suite whose embedded broker, which is librdkafka's mock, ended the
# process by an assertion of its own is run once more at once.
#
#   Tests/run.sh BUNDLE [--filter REGEX] [--skip REGEX]
#
# BUNDLE is the built kokaneePackageTests.xctest. KOKANEE_TEST_PROCESSES says how many run at once; 4 unless set.
# KOKANEE_TEST_PRELOAD is a library that each is to load first. With KOKANEE_TEST_AGAIN=1 up to three suites that failed are
# run once more at the end, each by itself, if nothing is against them but that something took too long: what passes then is
# shown all the same, with how it failed. A suite of a guarantee has to pass three times.
set -euo pipefail

bundle=$1
shift
processes=${KOKANEE_TEST_PROCESSES:-4}

logs=$(mktemp -d "${TMPDIR:-/tmp}/kokanee-tests.XXXXXX")
trap 'rm -rf "$logs"' EXIT

# Of `Module.Suite/test()` the suite; of `Module.test()`, which is in none, all of it. The bundle lists whatever it is asked.
select=(cat) reject=(cat)
while (($# > 0)); do
    case $1 in
    --filter) select=(grep -P -- "$2") ;;
    --skip) reject=(grep -vP -- "$2") ;;
    *) sed -n '5,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
    esac
    shift 2
done
run=(env ${KOKANEE_TEST_PRELOAD:+LD_PRELOAD="$KOKANEE_TEST_PRELOAD"} "$bundle" --testing-library swift-testing)
"${run[@]}" --list-tests | "${select[@]}" | "${reject[@]}" >"$logs/tests" || true
[ -s "$logs/tests" ] || {
    echo "no test has such a name" >&2
    exit 1
}
# First chaos, with nothing beside it; then what wants to be alone in its process, one fewer at a time, for it measures what
# others may upset; then the rest, the longest first.
alone=$(grep -rlF '@Suite(.alone' "$(dirname "${BASH_SOURCE[0]}")" --include='*.swift' | sed -E 's|.*/||; s|\.swift$||' | tr '\n' ' ')
sed -E 's|/.*||' "$logs/tests" | sort | uniq -c | awk -v alone=" $alone" '
    { split($2, name, "."); rank = 3 }
    /IntegrationTests|Failure|Crash|Outcome|Watch|Replay|Worker/ { rank = 2 }
    index(alone, " " name[2] " ") { rank = 1 }
    name[2] == "ChaosTests" { rank = 0 }
    { print rank, $1, $2 }' | sort -k1,1n -k2,2nr >"$logs/ranks"

# What these wait for in vain may be a job that is lost, one time in ten.
guarantees='Chaos|Crash|Dead|Delay|Deploy|Fail(Point|Forever)|Frozen|HandOver|Hop|Hostile|Ladder|Once|Order|Output|Rebalance|Replay|Rewind|Schedule|Simulation|Suspension|TwoWorkers|Worker'

export bundle logs
quoted_lines() { sed -E 's/[^A-Za-z0-9_]/\\&/g'; }
quoted() { printf '%s\n' "$1" | quoted_lines; }
# Whether all issues of a suite that failed are time limits, and waits (`eventually`) that came to nothing: a machine that stands
# still does that. A crash is no issue, and any other may be a promise that was broken.
was_only_late() {
    local code=$1 log=$2
    ((code == 1)) && grep -q 'recorded an issue' "$log" &&
        ! grep -qP 'recorded an issue(?!.*: (Time limit was exceeded|Caught error: (CancellationError\(\)|.*: not within )))' "$log" &&
        { ! grep -q 'Caught error: CancellationError()' "$log" || grep -q 'Time limit was exceeded' "$log"; }
}
run_suite() {
    local suite=$1 log start=$SECONDS code=0
    log=$logs/$(printf '%s' "$suite" | tr -c 'A-Za-z0-9.' _).log
    # Each test by its whole name: what was selected may be less than the suite.
    local tests
    tests=$(grep -E "^$(quoted "$suite")(/|\$)" "$logs/tests" | quoted_lines | paste -sd '|')
    local command=(env ${KOKANEE_TEST_PRELOAD:+LD_PRELOAD="$KOKANEE_TEST_PRELOAD"} "$bundle")
    command+=(--testing-library swift-testing --no-parallel --filter "^($tests)")
    "${command[@]}" >"$log" 2>&1 || code=$?
    # No word on us: it is so strict where a member of a group joins again before its connection is known to be gone.
    if ((code != 0)) && grep -q 'rdkafka_mock.*Assertion' "$log" && ! grep -q 'recorded an issue' "$log"; then
        echo "  $suite: the embedded broker ended by an assertion of its own; once more"
        code=0
        "${command[@]}" >"$log" 2>&1 || code=$?
    fi
    local listed ran
    listed=$(grep -cE "^$(quoted "$suite")(/|\$)" "$logs/tests")
    ran=$(grep -oE 'Test run with [0-9]+' "$log" | tail -1 | grep -oE '[0-9]+$' || true)
    if ((code == 0 && ${ran:-0} != listed)); then
        echo "✘ of $listed tests in $suite ${ran:-0} ran" >>"$log"
        code=1
    fi
    if ((code == 0)); then
        printf '✔ %s: %s in %d s\n' "$suite" "$(grep -oE 'with [0-9]+ tests?' "$log" | tail -1 | cut -c6-)" $((SECONDS - start))
    else
        printf '✘ %s failed with %d after %d s\n' "$suite" "$code" $((SECONDS - start))
        echo "$suite" >>"$logs/failed"
        was_only_late "$code" "$log" || echo "$suite" >>"$logs/broken"
        mv "$log" "$log.failed"
    fi
}
export -f quoted quoted_lines was_only_late run_suite

start=$SECONDS
# Runs so many at once of the suites whose ranks awk's condition holds for.
run_suites() {
    awk "$2 { print \$3 }" "$logs/ranks" | xargs -r -P "$1" -I '{}' bash -c 'run_suite "$1"' _ '{}'
}
run_suites 1 '$1 == 0'
run_suites "$((processes > 2 ? processes - 1 : processes))" '$1 == 1'
run_suites "$processes" '$1 > 1'

show_failures() {
    local log
    for log in "$logs"/*.failed; do
        echo "=== $(basename "$log" .log.failed)"
        # What was begun and not ended says where a process died.
        grep -vE '^(◇|✔)' "$log" | tail -n 200
        grep -E '^(◇|✘)' "$log" | tail -n 5
    done
}

if [ -s "$logs/failed" ] && [ ! -s "$logs/broken" ] && ((${KOKANEE_TEST_AGAIN:-0})) && (($(wc -l <"$logs/failed") <= 3)); then
    show_failures
    sort "$logs/failed" >"$logs/again"
    rm "$logs/failed" "$logs"/*.failed
    echo "these were too slow beside others, and are run once more, each by itself: $(tr '\n' ' ' <"$logs/again")"
    while read -r suite; do
        times=1
        [[ $suite =~ \.[A-Za-z]*($guarantees) ]] && times=3
        for ((time = 0; time < times; time++)); do run_suite "$suite" </dev/null; done
    done <"$logs/again"
fi

tests=$(wc -l <"$logs/tests")
suites=$(wc -l <"$logs/ranks")
if [ -s "$logs/failed" ]; then
    show_failures
    echo "✘ of $tests tests in $suites suites these failed, after $((SECONDS - start)) s: $(sort "$logs/failed" | tr '\n' ' ')"
    exit 1
fi
echo "✔ $tests tests in $suites suites passed after $((SECONDS - start)) s"
if [ -s "$logs/again" ]; then echo "  at the second try: $(tr '\n' ' ' <"$logs/again")"; fi
