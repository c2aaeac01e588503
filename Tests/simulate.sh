#!/usr/bin/env bash
# Runs the simulator, optimised, and without building the rest of the package.
#
#   Tests/simulate.sh [SEED [HISTORIES]]    from seed 1 on, 100000 histories, unless given
#
# KOKANEE_SIMULATION_TRACE=1 prints a single history step by step.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$PWD/.build/simulation
package=$scratch/package
mkdir -p "$package/Tests"
ln -sfn "$PWD/Sources" "$package/Sources"
ln -sfn "$PWD/Tests/TestSupport" "$package/Tests/TestSupport"
ln -sfn "$PWD/Tests/KokaneeSimulationTests" "$package/Tests/KokaneeSimulationTests"
cp -p Tests/Simulation/Package.swift "$package/Package.swift"

flags=(-c release --package-path "$package" --scratch-path "$scratch/build" -Xswiftc -enable-testing)
swift build --build-tests "${flags[@]}"
KOKANEE_SIMULATION_SEED=${1:-1} KOKANEE_SIMULATION_HISTORIES=${2:-100000} \
    swift test --skip-build --disable-xctest --no-parallel "${flags[@]}" --filter '^KokaneeSimulationTests\.'
