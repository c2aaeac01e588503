#!/usr/bin/env python3
"""Exports rows to a file: a handler for `kokanee work exports --handler docs/examples/export_handler.py`.

It is a long job in small steps, `{"rows": 5000, "to": "out.txt"}`: it saves where it is, says how far it is, ends early when
it is asked to, and leaves a result.
"""

import json
import pathlib
import queue
import sys
import threading
import time

ROWS_PER_STEP = 10

jobs = queue.Queue()
# Ids of jobs that had better end.
unwanted = set()


def say(**message):
    print(json.dumps(message), flush=True)


def read():
    """Reads on while a job is worked: what is no job is a word about the one in hand."""
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("stop") or message.get("cancel"):
            unwanted.add(message["id"])
        else:
            # A word that came too late was about an earlier attempt.
            unwanted.discard(message["id"])
            jobs.put(message)
    jobs.put(None)


def export(job):
    """Returns the result; None where it has stopped on the way."""
    rows, path = job["data"]["rows"], pathlib.Path(job["data"]["to"])
    begin = (job.get("checkpoint") or {"row": 0})["row"]
    print(f"{job['id']} begins at row {begin}", file=sys.stderr, flush=True)
    with path.open("a") as out:
        # What was written behind the last checkpoint is written again: a step has to bear that.
        for row in range(begin, rows, ROWS_PER_STEP):
            if job["id"] in unwanted:
                return None
            end = min(row + ROWS_PER_STEP, rows)
            for number in range(row, end):
                out.write(f"{number}\n")
            out.flush()
            time.sleep(job["data"].get("pause", 0))
            say(id=job["id"], checkpoint={"row": end})
            say(id=job["id"], progress=end / rows, note=f"row {end}")
            say(id=job["id"], extend="1m")
    return {"rows": rows, "file": str(path)}


say(hello={"cancel": True})
threading.Thread(target=read, daemon=True).start()
while (job := jobs.get()) is not None:
    try:
        result = export(job)
        if result is None:
            say(id=job["id"], stopped=True)
        else:
            say(id=job["id"], ok=True, result=result)
    except (KeyError, TypeError) as error:
        say(id=job["id"], ok=False, error=f"bad export: {error}", retry=False)
    except Exception as error:
        say(id=job["id"], ok=False, error=str(error), retry=True)
