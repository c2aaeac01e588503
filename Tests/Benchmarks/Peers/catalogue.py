"""The peers: how each enqueues, which processes work its queue, and what it promises."""

import os
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path(os.environ["PEERS_HOME"])  # the virtual environments
BUILD = Path(os.environ["PEERS_BUILD"])  # Kokanee's programs

# What may be compared: peers of one group note each job's end by itself, those of the other a batch's at once.
ONE_BY_ONE = "a job at a time"
IN_BATCHES = "a batch at a time: bare loops, no job systems"

REDIS_JOBS = 20_000
# As many for Kokanee as for the loops, and no more: it fills the partitions by 2,500 and more at a time, and the
# embedded broker, which keeps 5 MiB of each, would lose some of 300,000.
KAFKA_JOBS = 100_000


@dataclass(frozen=True)
class Peer:
    version: list[str]  # a command that prints it
    enqueue: list[str]
    workers: list[list[str]]
    dies: str  # what becomes of its jobs if a worker dies
    jobs: int = REDIS_JOBS
    bulk: bool = True  # whether it can enqueue many in a call
    kafka: bool = False
    group: str = ONE_BY_ONE
    env: dict[str, str] = field(default_factory=dict)


def script(venv, name):
    return str(HOME / venv / "bin" / name)


def python_peer(venv, package, enqueue, *workers, **options):
    python = script(venv, "python")
    version = [python, "-c", f"import importlib.metadata as m; print('{package}', m.version('{package}'))"]
    commands = [
        [python if word == "python" else word for word in command.split()] for command in (enqueue, *workers)
    ]
    return Peer(version, commands[0], commands[1:], **options)


def sidekiq(processes, options=""):
    return Peer(
        version=["ruby", "-r", "sidekiq/version", "-e", "puts %(sidekiq #{Sidekiq::VERSION})"],
        enqueue=["ruby", "sidekiq_peer.rb"],
        # 25 threads are slower.
        workers=[["sidekiq", "-r", "./sidekiq_peer.rb", "-c", "10"]] * processes,
        dies="running jobs are lost",
        env={"RUBYOPT": options},
    )


def celery(workers, concurrency):
    worker = (
        f"{script('celery', 'celery')} -A celery_peer worker -P prefork -c {concurrency} "
        "--without-gossip --without-mingle --without-heartbeat -l WARNING"
    )
    names = [f"{worker} -n worker{number}@localhost" for number in range(workers)]
    return python_peer(
        "celery", "celery", "python celery_peer.py", *names,
        dies="running jobs are lost (it acknowledges before the run, by default)", jobs=10_000, bulk=False,
    )  # fmt: skip


def rq(worker_class, jobs):
    worker = f"{script('rq', 'rq')} worker -c rq_peer -w {worker_class} --quiet --disable-job-desc-logging"
    return python_peer(
        "rq", "rq", "python rq_peer.py", worker, worker, dies="running jobs are marked failed", jobs=jobs
    )


def loop(package, script_name, mode, dies="batches since the last commit run again", **options):
    """Bare Kafka: no retries, no schedules, no dead letters; a job that fails ends it or is lost."""
    options = {"jobs": KAFKA_JOBS, "group": IN_BATCHES} | options
    return python_peer(
        "kafka", package, f"python {script_name} enqueue", f"python {script_name} {mode}",
        dies=dies, kafka=True, **options,
    )  # fmt: skip


def kokanee(*worker):
    return Peer(
        version=[str(BUILD / "kokanee"), "--version"],
        enqueue=[str(BUILD / "kokanee-peer"), "enqueue"],
        workers=[list(worker)],
        dies="its running jobs, and what it finished in the last second, run again; order by key stays",
        jobs=KAFKA_JOBS,
        kafka=True,
    )


HANDLER = f"{script('kafka', 'python')} kokanee_handler.py"
AGAIN = "its jobs run again"

PEERS = {
    "kokanee": kokanee(str(BUILD / "kokanee-peer"), "work"),
    # 2 processes, as many as there are processors, like the other Python ones.
    "kokanee-handler": kokanee(
        "sh", "-c",
        f"exec {BUILD}/kokanee -q -b $PEER_BOOTSTRAP "
        f"work $PEER_TOPIC --concurrency 2 --handler '{HANDLER}'",
    ),  # fmt: skip
    "sidekiq": sidekiq(1),
    "sidekiq-2p": sidekiq(2),
    "sidekiq-2p-yjit": sidekiq(2, "--yjit --yjit-exec-mem-size=32"),
    "celery": celery(1, concurrency=2),
    "celery-2w": celery(2, concurrency=1),
    "rq": rq("rq.Worker", 1_000),
    "rq-simple": rq("rq.SimpleWorker", 5_000),
    "dramatiq": python_peer(
        "dramatiq",
        "dramatiq",
        "python dramatiq_peer.py",
        f"{script('dramatiq', 'dramatiq')} dramatiq_peer --processes 2 --threads 8 --skip-logging",
        dies=AGAIN,
        bulk=False,
        env={"dramatiq_queue_prefetch": "200"},  # twice as fast as the default
    ),
    "arq": python_peer("arq", "arq", "python arq_peer.py enqueue", "python arq_peer.py work", dies=AGAIN),
    "taskiq-aio-kafka": python_peer(
        "taskiq",
        "taskiq-aio-kafka",
        "python taskiq_peer.py",
        f"{script('taskiq', 'taskiq')} worker taskiq_peer:broker --workers 1 --log-level WARNING",
        dies="running jobs are lost, or run again (it commits by time)",
        jobs=REDIS_JOBS,
        kafka=True,
    ),
    "confluent-kafka-each": loop(
        "confluent-kafka", "confluent_peer.py", "each", "its running job runs again", jobs=REDIS_JOBS, group=ONE_BY_ONE
    ),
    "confluent-kafka": loop("confluent-kafka", "confluent_peer.py", "batches"),
    "aiokafka": loop("aiokafka", "aiokafka_peer.py", "serial"),
    "aiokafka-gather": loop("aiokafka", "aiokafka_peer.py", "concurrent"),
}
