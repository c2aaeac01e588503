#!/usr/bin/env python3
"""Sends mail: a handler for `kokanee work mail --handler docs/examples/mail_handler.py`."""

import json
import os
import pathlib
import sys
import urllib.parse

OUTBOX = pathlib.Path(os.environ.get("OUTBOX", "outbox"))


def send(job):
    """Does the work. After a crash it is asked again for the same job: the job's id says what is done already."""
    recipient = job["data"]["to"]
    if "@" not in recipient:
        raise ValueError(f"{recipient} is not an address")
    if job.get("rehearsal"):
        # `kokanee replay --rehearse`: nothing is to be done, and what would be is said.
        print(json.dumps({"id": job["id"], "effect": {"name": "mail.send", "detail": recipient}}), flush=True)
        return
    mail = OUTBOX / urllib.parse.quote(job["id"], safe="")
    draft = mail.with_suffix(".draft")
    OUTBOX.mkdir(parents=True, exist_ok=True)
    draft.write_text(f"To: {recipient}\n")
    draft.rename(mail)


for line in sys.stdin:
    job = json.loads(line)
    answer = {"id": job["id"], "ok": True}
    try:
        send(job)
    except (KeyError, TypeError, ValueError) as error:
        # It would fail in the same way each time: a dead letter, now.
        answer.update(ok=False, error=f"bad mail: {error}", retry=False)
    except Exception as error:
        answer.update(ok=False, error=str(error), retry=True)
    # Standard output belongs to the protocol; what the handler has to say to people goes to standard error.
    print(json.dumps(answer), flush=True)
