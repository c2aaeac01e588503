import json
import sys

from confluent_kafka import Consumer, Producer

import job


def enqueue():
    producer = Producer({"bootstrap.servers": job.BOOTSTRAP, "acks": "all", "linger.ms": job.LINGER_MS})
    with job.enqueue_clock():
        for payload in job.jobs():
            producer.produce(job.TOPIC, json.dumps(payload))
            producer.poll(0)
            if not job.BULK:
                producer.flush()
        producer.flush()


def connected():
    consumer = Consumer({
        "bootstrap.servers": job.BOOTSTRAP,
        "group.id": job.TOPIC,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": job.FETCH_WAIT_MS,
        "fetch.queue.backoff.ms": 10,  # the default, 1 s, starves the loop once 64 MB are fetched
    })
    consumer.subscribe([job.TOPIC])
    return consumer


def work_each(consumer):
    """The loop that is as careful as a job system: after a crash one job runs again, not a batch."""
    while True:
        message = consumer.poll(0.1)
        if message and message.error() is None:
            job.run(json.loads(message.value()))
            consumer.commit(message, asynchronous=False)


def work_batches(consumer):
    while True:
        messages = [message for message in consumer.consume(500, timeout=0.1) if message.error() is None]
        if messages:
            job.log(b"".join(job.execute(json.loads(message.value())) for message in messages))
            consumer.commit(asynchronous=True)


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        enqueue()
    else:
        {"each": work_each, "batches": work_batches}[sys.argv[1]](connected())
