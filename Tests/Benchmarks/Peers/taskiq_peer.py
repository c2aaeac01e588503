import asyncio

from taskiq_aio_kafka import AioKafkaBroker

import job

broker = AioKafkaBroker(job.BOOTSTRAP, job.TOPIC)
broker.configure_producer(acks="all", linger_ms=job.LINGER_MS)
broker.configure_consumer(
    group_id=job.TOPIC,
    auto_offset_reset="earliest",
    fetch_max_wait_ms=job.FETCH_WAIT_MS,
)


@broker.task
async def process(payload):
    await job.run_async(payload)


async def enqueue():
    await broker.startup()
    with job.enqueue_clock():
        for batch in job.batches():
            await asyncio.gather(*(process.kiq(payload) for payload in batch))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(enqueue())
