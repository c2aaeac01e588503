#!/bin/sh
# The reference of the modules' public API, as static sites in DIRECTORY, by the toolchain's DocC.
set -eu

directory=${1:?usage: $0 DIRECTORY}
case $directory in /*) ;; *) directory=$PWD/$directory ;; esac
cd "$(dirname "$0")/.."
# Beside the other builds: only this one wants symbol graphs, and other flags would mean to build all of it again.
scratch=$PWD/.build/symbol-graphs
symbols=$scratch/symbols
# Modules that have not changed would not be compiled, and leave no graph.
rm -rf "$scratch" "$directory"
mkdir -p "$symbols" "$directory"
swift build --scratch-path "$scratch" --target Kokanee -Xswiftc -emit-symbol-graph \
    -Xswiftc -emit-symbol-graph-dir -Xswiftc "$symbols"

for module in Kokanee RdKafka; do
    mkdir -p "$symbols/$module"
    mv "$symbols/$module".symbols.json "$symbols/$module@"*.symbols.json "$symbols/$module" 2>/dev/null || true
    catalogue=Sources/$module/$module.docc
    [ -d "$catalogue" ] || catalogue=''
    docc convert $catalogue --additional-symbol-graph-dir "$symbols/$module" --output-dir "$directory/$module" \
        --diagnostic-level error --transform-for-static-hosting --hosting-base-path "$module" \
        --fallback-display-name "$module" --fallback-bundle-identifier "kokanee.$module"
done
echo "python3 -m http.server --directory '$directory', then http://localhost:8000/Kokanee/documentation/kokanee"
