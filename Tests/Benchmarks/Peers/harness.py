"""One run of one peer: a fresh Redis or Kafka, its enqueuing, its workers, and what they did."""

import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from catalogue import BUILD

RECORD = struct.Struct("=Qddd")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
# The embedded broker keeps 5 MiB a partition, and a producer fills them unevenly: this holds 100,000 jobs.
PARTITIONS = 128
FETCH_WAIT_MS = 500  # Kafka's default
# The embedded broker answers a fetch that found nothing when its wait is over, not when there is something.
STEADY_FETCH_WAIT_MS = 5
RUN_LIMIT_S = 120


class Failed(Exception):
    """A peer that gets no figures."""


def wait_for(what, condition):
    limit = time.monotonic() + 10
    while not condition():
        if time.monotonic() > limit:
            raise Failed(f"{what} does not answer")
        time.sleep(0.05)


@contextmanager
def server(command, directory):
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis(directory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with server(command, directory):
        wait_for("redis-server", lambda: answers(port))
        yield {"PEER_REDIS_URL": f"redis://127.0.0.1:{port}/0"}


@contextmanager
def kafka(directory):
    """The embedded broker. It knows no CreateTopics: the topics are there before any client is."""
    config = Path(directory, "client")
    command = [BUILD / "kokanee", "-q", "broker", "--queue", "peer", "--partitions", str(PARTITIONS)]
    with server([*command, "--write-config", config], directory):
        wait_for("kokanee broker", config.exists)
        yield {"PEER_BOOTSTRAP": config.read_text().strip().partition("=")[2], "PEER_TOPIC": "peer"}


class Workers:
    """A peer's worker processes, each the leader of a session, and the peak of their summed RSS."""

    def __init__(self, commands, env, output):
        self.peak_mb = 0.0
        self.leaders = []
        self._stopped = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self._sampler.start()
        try:
            for command in commands:
                process = subprocess.Popen(
                    command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                )
                self.leaders.append(process)
        except OSError:
            self.stop()
            raise

    def _sample(self):
        while not self._stopped.wait(0.1):
            self.peak_mb = max(self.peak_mb, sum(pages for _, pages in self._members()) * PAGE_MB)

    def _members(self):
        """Yields the pid and the resident pages of every process in the workers' sessions."""
        sessions = {leader.pid for leader in self.leaders}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) in sessions:
                yield int(entry.parent.name), int(fields[21])

    def check(self):
        for leader in self.leaders:
            if leader.poll() is not None:
                raise Failed(f"a worker ended with status {leader.returncode}")

    def stop(self):
        self._stopped.set()
        self._sampler.join()
        for leader in self.leaders:
            leader.terminate()
        for leader in self.leaders:
            try:
                leader.wait(10)
            except subprocess.TimeoutExpired:
                pass
        for pid, _ in list(self._members()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for leader in self.leaders:
            leader.wait()


class Run:
    def __init__(self, peer, env):
        self.peer = peer
        self.env = env
        self.log = Path(env["PEER_LOG"])
        self.log.touch()
        self.enqueued = 0

    def enqueue(self, jobs, bulk=False, rate=0):
        """Returns the seconds it took."""
        settings = {"PEER_FIRST": self.enqueued, "PEER_JOBS": jobs, "PEER_BULK": int(bulk), "PEER_RATE": rate}
        env = self.env | {name: str(value) for name, value in settings.items()}
        done = subprocess.run(self.peer.enqueue, env=env, stdout=subprocess.PIPE, check=True, timeout=RUN_LIMIT_S)
        self.enqueued += jobs
        return float(done.stdout.split()[-1])

    @contextmanager
    def workers(self):
        output = self.log.with_name("output")
        with output.open("wb") as file:
            workers = Workers(self.peer.workers, self.env, file)
            try:
                yield workers
            except Failed as error:
                last_lines = output.read_text(errors="replace").splitlines()[-20:]
                raise Failed("\n".join([str(error), *last_lines])) from None
            finally:
                workers.stop()

    def records(self, workers):
        """Waits until all that was enqueued is done and returns the records."""
        limit = time.monotonic() + RUN_LIMIT_S
        while self.log.stat().st_size < self.enqueued * RECORD.size:
            workers.check()
            if time.monotonic() > limit:
                done = self.log.stat().st_size // RECORD.size
                raise Failed(f"{done} of {self.enqueued} jobs done in {RUN_LIMIT_S} s")
            time.sleep(0.01)
        records = list(RECORD.iter_unpack(self.log.read_bytes()))
        if {number for number, *_ in records} != set(range(self.enqueued)):
            raise Failed("some jobs ran twice while others had not run yet")
        return records


@contextmanager
def prepared(peer, work, fetch_wait_ms=FETCH_WAIT_MS):
    with tempfile.TemporaryDirectory(prefix="kokanee-peers-") as directory:
        with kafka(directory) if peer.kafka else redis(directory) as address:
            settings = {
                "PEER_LOG": f"{directory}/log",
                "PEER_WORK": work,
                "PEER_FETCH_WAIT_MS": str(fetch_wait_ms),
            }
            yield Run(peer, os.environ | peer.env | address | settings)
