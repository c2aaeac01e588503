#!/usr/bin/env bash
# Builds and runs the tests under a sanitizer, and fails on whatever it finds, also in processes that the tests start.
#
#   Tests/Sanitizers/run.sh thread|address [build | ARGUMENT...]
#
# With `build` it only builds. Arguments go to Tests/run.sh: --filter '^KokaneeTests\.'. Builds are in .build/tsan and
# .build/asan, reports in their `reports`: one file for each process that had something to say.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

sanitizer=${1:-}
case $sanitizer in
thread) scratch=$PWD/.build/tsan ;;
address) scratch=$PWD/.build/asan ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
    ;;
esac
shift

# Package.swift leaves jemalloc out: the sanitizers have allocators of their own.
export KOKANEE_SANITIZER=$sanitizer

# lld: gold, Swift's default on Linux, warns of each of the runtime's symbols that it can't export.
build=(swift build --scratch-path "$scratch" --sanitize="$sanitizer" -Xswiftc -warnings-as-errors -Xswiftc -use-ld=lld)
# Reports want lines; nobody looks at variables in these builds.
build+=(-Xswiftc -gline-tables-only)
"${build[@]}" --build-tests
bin=$("${build[@]}" --show-bin-path)

# Swift's own clang: the file uses Swift's calling convention, which gcc does not know.
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
"$clang" -std=c17 -Wall -Wextra -Werror -O1 -g -shared -fPIC Tests/Sanitizers/visible-locks.c -o "$scratch/visible-locks.so"
if [ "${1:-}" = build ]; then exit; fi

reports=$scratch/reports
rm -rf "$reports"
mkdir -p "$reports"

# What is common to both: a file for each process, because what a test's children write to stderr nobody may read.
options="log_path='$reports/report'"
export TSAN_OPTIONS="$options:suppressions='$PWD/Tests/Sanitizers/tsan.supp':second_deadlock_stack=1:history_size=4"
# A test's process may end while librdkafka still waits for a thread of its own that has ended.
TSAN_OPTIONS+=:report_thread_leaks=0
export ASAN_OPTIONS="$options:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
export LSAN_OPTIONS="suppressions='$PWD/Tests/Sanitizers/lsan.supp':print_suppressions=0"
# Swift's handler for crashes would take the signal before the sanitizer.
export SWIFT_BACKTRACE=enable=no

# These need a processor more than they wait.
export KOKANEE_TEST_PROCESSES=${KOKANEE_TEST_PROCESSES:-2}

code=0
KOKANEE_TEST_PRELOAD=$scratch/visible-locks.so Tests/run.sh "$bin/kokaneePackageTests.xctest" "$@" || code=$?

found=$(find "$reports" -type f -size +0 | wc -l)
if ((found > 0)); then
    echo "sanitizers: ${sanitizer}: reports of $found processes:" >&2
    find "$reports" -type f -size +0 -exec cat {} + >&2
    exit 1
fi
if ((code != 0)); then
    echo "sanitizers: $sanitizer has nothing to report, but the tests ended with $code" >&2
    exit "$code"
fi
echo "sanitizers: $sanitizer has nothing to report"
