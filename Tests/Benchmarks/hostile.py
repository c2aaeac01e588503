"""Records that are jobs, and records that are none, by somebody else's client.

    hostile.py produce SERVERS TOPIC COUNT good|bad|headers
    hostile.py count SERVERS TOPIC
"""
import sys
from confluent_kafka import Consumer, Producer, TopicPartition

EVENT = [("ce_specversion", b"1.0"), ("ce_type", b"noop"), ("ce_source", b"/bench")]
STRUCTURED = [("content-type", b"application/cloudevents+json")]


def good(number):
    return b'{"n":%d}' % number, EVENT + [("ce_id", b"%d" % number)]


BAD = [
    lambda n: (b"{}", EVENT),
    lambda n: (b"{}", [("ce_id", b"%d" % n)]),
    lambda n: (b"\xff\x00", EVENT + [("ce_id", b"\xc3\x28%d" % n)]),
    lambda n: (b"{}", EVENT + [("ce_id", b"%d" % n), ("ce_dataschemaversion", b"9" * 40)]),
    lambda n: (b"{}", EVENT + [("ce_id", b"%d" % n), ("ce_type", b"")]),
    lambda n: (b'{"specversion":"1.0","id":"%d","type":[' % n, STRUCTURED),
    lambda n: (b"[" * 100, STRUCTURED),
    lambda n: (b"<xml/>", [("content-type", b"application/cloudevents+xml"), ("ce_id", b"%d" % n)]),
    lambda n: (None, [("ce_specversion", b"9.9"), ("ce_id", b"%d" % n), ("ce_type", b"noop")]),
    lambda n: (b"{}", EVENT + [("ce_id", b"%d" % n), ("kokanee-due-at", b"253402300799000")]),
]


def bad(number):
    return BAD[number % len(BAD)](number)


def headers(number):
    """A job of 100 kB, all of them headers, which librdkafka's bound on prefetched bytes does not count."""
    return b"{}", EVENT + [("ce_id", b"%d" % number)] + [("x%d" % n, b"x" * 1000) for n in range(100)]


def produce(servers, topic, count, kind):
    make = {"good": good, "bad": bad, "headers": headers}[kind]
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 20})
    partitions = len(producer.list_topics(topic, timeout=20).topics[topic].partitions)
    failures = []
    report = lambda error, _: failures.append(error) if error else None
    for number in range(int(count)):
        value, those = make(number)
        while True:
            try:
                producer.produce(
                    topic, value, b"%d" % number, number % partitions, on_delivery=report, headers=those
                )
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    if producer.flush(120) or failures:
        sys.exit("not delivered: %s" % failures[:3])


def count(servers, topic):
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "count"})
    total = 0
    for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
        low, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
        if low:
            sys.exit("%s/%d has lost its first %d records" % (topic, partition, low))
        total += end
    print(total)


{"produce": produce, "count": count}[sys.argv[1]](*sys.argv[2:])
