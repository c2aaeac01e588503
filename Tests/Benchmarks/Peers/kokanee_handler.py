"""What `kokanee work --handler` runs: a line a job, a line an answer."""

import json
import sys

import job

for line in sys.stdin:
    request = json.loads(line)
    job.run(request["data"])
    print(json.dumps({"id": request["id"], "ok": True}), flush=True)
