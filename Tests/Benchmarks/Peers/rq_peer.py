"""Also the settings module of `rq worker -c`, which loads the job's code before the worker forks."""

from redis import Redis
from rq import Queue

import job

REDIS_URL = job.REDIS_URL

if __name__ == "__main__":
    queue = Queue(connection=Redis.from_url(REDIS_URL))
    with job.enqueue_clock():
        for batch in job.batches():
            if len(batch) == 1:
                queue.enqueue(job.run, batch[0], result_ttl=0)
            else:
                queue.enqueue_many([Queue.prepare_data(job.run, (payload,), result_ttl=0) for payload in batch])
