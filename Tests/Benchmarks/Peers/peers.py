#!/usr/bin/env python3
"""Measures Kokanee beside other job systems on one machine; see README.md. `make bench-peers` runs it."""

import argparse
import csv
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
from pathlib import Path

from catalogue import KAFKA_JOBS, PEERS
from harness import STEADY_FETCH_WAIT_MS, Failed, prepared

SLEEP_1MS_JOBS = 20_000  # the most there are by default: a serial loop takes 1 ms a job
MOST = {"noop": math.inf, "sleep100us": KAFKA_JOBS, "sleep1ms": SLEEP_1MS_JOBS}
SINGLE_JOBS = 2_000
WARM_UP_JOBS = 100
LATENCY_S = 5


def throughput(peer, work, jobs):
    """Returns jobs enqueued per second one by one and in bulk, jobs processed per second, peak RSS in MB."""
    with prepared(peer, work) as run:
        singles = min(SINGLE_JOBS, jobs // 10) if peer.bulk else jobs
        one_by_one = singles / run.enqueue(singles)
        bulk = (jobs - singles) / run.enqueue(jobs - singles, bulk=True) if peer.bulk else math.nan
        with run.workers() as workers:
            records = run.records(workers)
    seconds = max(end for *_, end in records) - min(start for _, _, start, _ in records)
    return one_by_one, bulk, jobs / seconds, workers.peak_mb


def latency(peer, work, rate):
    """Returns p50 and p99 of the milliseconds from when a job was due to its start, at a steady rate."""
    with prepared(peer, work, STEADY_FETCH_WAIT_MS) as run, run.workers() as workers:
        run.enqueue(WARM_UP_JOBS, bulk=peer.bulk)
        run.records(workers)
        run.enqueue(rate * LATENCY_S, bulk=peer.bulk, rate=rate)
        records = run.records(workers)[WARM_UP_JOBS:]
    waits = statistics.quantiles([(start - due) * 1000 for _, due, start, _ in records], n=100)
    return waits[49], waits[98]


def version(peer):
    done = subprocess.run(peer.version, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip()


def measured(names, runs, measure):
    """Measures every peer in turn, in `runs` rounds; returns the versions and medians of those that worked."""
    versions, results = {}, {name: [] for name in names}
    for number in range(1, runs + 1):
        for name in list(results):
            try:
                versions[name] = versions.get(name) or version(PEERS[name])
                figures = measure(name)
            except (Failed, OSError, subprocess.SubprocessError) as error:
                print(f"{name}: left out: {error}", file=sys.stderr)
                del results[name]
                continue
            results[name].append(figures)
            shown = " ".join(f"{figure:.1f}" for figure in figures)
            print(f"{name}: run {number} of {runs}: {shown}", file=sys.stderr)
    return {
        name: (versions[name], *(statistics.median(column) for column in zip(*figures)))
        for name, figures in results.items()
    }


def text(figure):
    if isinstance(figure, str):
        return figure
    if math.isnan(figure):
        return "none"
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.2f}"


def print_table(columns, results):
    """One table for people, the peers that batch apart from those that don't."""
    print(f"| {' | '.join(['peer', 'version', *columns, 'if a worker dies'])} |")
    print(f"| --- | --- |{' ---: |' * len(columns)} --- |")
    for group in dict.fromkeys(PEERS[name].group for name in results):
        print(f"| **{group}** |{' |' * (len(columns) + 2)}")
        for name, figures in results.items():
            if PEERS[name].group == group:
                print(f"| {' | '.join([name, *map(text, figures), PEERS[name].dies])} |")


def write_csv(path, columns, results, work):
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["peer", "version", "work", *columns, "group", "if_a_worker_dies"])
        for name, (release, *figures) in results.items():
            numbers = ["" if math.isnan(figure) else f"{figure:.2f}" for figure in figures]
            out.writerow([name, release, work, *numbers, PEERS[name].group, PEERS[name].dies])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help=f"separated by commas, of: {','.join(PEERS)}")
    parser.add_argument("--work", choices=MOST, default="noop")
    parser.add_argument("--jobs", type=int, help="jobs a run (default: 1,000 to 100,000, by peer)")
    parser.add_argument("--runs", type=int, default=3, help="runs to take the median of (default: 3)")
    parser.add_argument("--latency", type=int, metavar="RATE", help="measure waiting times at RATE jobs/s instead")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table there, for programs")
    options = parser.parse_args()
    names = options.peers.split(",") if options.peers else list(PEERS)
    if unknown := set(names) - set(PEERS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    csv_path = options.csv and options.csv.absolute()
    os.chdir(Path(__file__).parent)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped

    if options.latency:
        what = f"ms from due to started at {options.latency:,} jobs/s"
        heads, columns = ["p50", "p99"], ["p50_ms", "p99_ms"]
        results = measured(names, options.runs, lambda name: latency(PEERS[name], options.work, options.latency))
    else:
        what = "jobs/s enqueued by one process, one by one and in bulk; jobs/s processed; peak MB of the workers"
        heads = ["enqueued/s, one by one", "enqueued/s, in bulk", "processed/s", "peak MB"]
        columns = ["enqueue_one_per_s", "enqueue_bulk_per_s", "process_per_s", "peak_rss_mb"]
        results = measured(
            names,
            options.runs,
            lambda name: throughput(
                PEERS[name], options.work, options.jobs or min(PEERS[name].jobs, MOST[options.work])
            ),
        )
    machine = f"{os.cpu_count()} processors, Linux {platform.release()}"
    print(f"\nWork: {options.work}. {what[0].upper()}{what[1:]}. Median of {options.runs}. {machine}.\n")
    print_table(heads, results)
    if csv_path:
        write_csv(csv_path, columns, results, options.work)
    if left_out := [name for name in names if name not in results]:
        print(f"\nLeft out: {', '.join(left_out)}.")
    sys.exit(not results)


if __name__ == "__main__":
    main()
