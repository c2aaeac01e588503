import asyncio
import json
import sys

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import job


async def enqueue():
    producer = AIOKafkaProducer(bootstrap_servers=job.BOOTSTRAP, acks="all", linger_ms=job.LINGER_MS)
    async with producer:
        with job.enqueue_clock():
            sent = []
            for payload in job.jobs():
                sent.append(await producer.send(job.TOPIC, json.dumps(payload).encode()))
                if job.RATE:
                    await asyncio.sleep(0)  # the clock that holds the jobs back holds the event loop up
                elif not job.BULK:
                    await sent.pop()
            await asyncio.gather(*sent)


async def work(concurrent):
    consumer = AIOKafkaConsumer(
        job.TOPIC,
        bootstrap_servers=job.BOOTSTRAP,
        group_id=job.TOPIC,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=job.FETCH_WAIT_MS,
    )
    async with consumer:
        while True:
            fetched = await consumer.getmany(timeout_ms=100, max_records=500)
            payloads = [json.loads(record.value) for records in fetched.values() for record in records]
            if not payloads:
                continue
            if concurrent:
                done = await asyncio.gather(*map(job.execute_async, payloads))
            else:
                done = [await job.execute_async(payload) for payload in payloads]
            job.log(b"".join(done))
            await consumer.commit()


if __name__ == "__main__":
    uvloop.run(enqueue() if sys.argv[1] == "enqueue" else work(sys.argv[1] == "concurrent"))
