#!/usr/bin/env python3
"""Enqueues a job from Python: `enqueue_mail.py BROKERS QUEUE ADDRESS`. Needs confluent-kafka."""

import json
import sys
import uuid

from confluent_kafka import Producer

brokers, queue, address = sys.argv[1:]
failures = []
# Idempotent: what librdkafka sends again after an error stands once in the log. By Java's partitioner, as Kokanee's own
# clients: a key's jobs have to meet in one partition, whoever enqueues them.
producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "partitioner": "murmur2_random"})
producer.produce(
    queue,
    key=address,
    value=json.dumps({"to": address}),
    headers={
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_type": "mail.send",
        "ce_source": "/examples/enqueue_mail",
        "content-type": "application/json",
    },
    on_delivery=lambda error, _: error and failures.append(error),
)
if producer.flush(30) or failures:
    sys.exit(f"not enqueued: {failures or 'no broker answered'}")
