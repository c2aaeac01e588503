"""The job that every Python peer runs, its payloads, and the log of finished jobs.

A finished job is one 32-byte record appended to PEER_LOG: the job's number, then the times when it was due to be
enqueued, started and ended, by CLOCK_MONOTONIC in seconds. Nothing is counted where the peers keep their jobs.
"""

import asyncio
import itertools
import os
import struct
import time
from contextlib import contextmanager

FIRST = int(os.environ.get("PEER_FIRST", "0"))
COUNT = int(os.environ.get("PEER_JOBS", "0"))
RATE = float(os.environ.get("PEER_RATE", "0"))  # jobs to enqueue in a second; 0 is as fast as it goes
BULK = os.environ.get("PEER_BULK") == "1"
WORK = os.environ["PEER_WORK"]
SLEEP = {"noop": 0.0, "sleep100us": 100e-6, "sleep1ms": 1e-3}[WORK]
REDIS_URL = os.environ.get("PEER_REDIS_URL", "")
BOOTSTRAP = os.environ.get("PEER_BOOTSTRAP", "")
TOPIC = os.environ.get("PEER_TOPIC", "")
FETCH_WAIT_MS = int(os.environ.get("PEER_FETCH_WAIT_MS", "500"))
LINGER_MS = 5 if BULK and not RATE else 0

_RECORD = struct.Struct("=Qddd")
_log = os.open(os.environ["PEER_LOG"], os.O_WRONLY | os.O_APPEND)


def jobs():
    """Yields the payloads, each when RATE says. Its time is the one when it was due: a call that is late counts."""
    begin = time.monotonic()
    for number in range(FIRST, FIRST + COUNT):
        due = time.monotonic()
        if RATE:
            due = begin + (number - FIRST) / RATE
            time.sleep(max(0.0, due - time.monotonic()))
        yield {
            "order": f"order-{number:08d}",
            "customer": {"id": number % 1000, "name": "Ada Lovelace", "email": "ada@example.com"},
            "lines": [{"sku": "A-1001", "quantity": 2}, {"sku": "B-2002", "quantity": 1}],
            "n": number,
            "t": due,
        }


def batches(size=1000):
    """Yields lists of payloads for an API that takes many; of one where RATE holds them back, or each is to wait."""
    source = jobs()
    while batch := list(itertools.islice(source, size if BULK and not RATE else 1)):
        yield batch


@contextmanager
def enqueue_clock():
    """Prints how long the block took, for the harness."""
    begin = time.monotonic()
    yield
    print(time.monotonic() - begin)


def execute(job):
    """Does a job's work and returns its record."""
    start = time.monotonic()
    if SLEEP:
        time.sleep(SLEEP)
    return _RECORD.pack(job["n"], job["t"], start, time.monotonic())


async def execute_async(job):
    if SLEEP < 1e-3:  # an event loop's timers are no finer than 1 ms
        return execute(job)
    start = time.monotonic()
    await asyncio.sleep(SLEEP)
    return _RECORD.pack(job["n"], job["t"], start, time.monotonic())


def log(records):
    os.write(_log, records)


def run(job):
    log(execute(job))


async def run_async(job):
    log(await execute_async(job))
