"""Annotators over HTTP at little cost: many keep-alive connections in one thread of each process.

A general HTTP client would use more of the two cores than the server that it measures. Requests are
bytes put together here, replies are read just far enough: the status, the length and, of a lease,
the ids of its frames. Nothing but the standard library is imported, so that a process starts fast.
"""

from __future__ import annotations

import heapq
import json
import random
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

LEASE, ANSWER = "lease", "answer"
REPLY_S = 120
"""A reply that takes longer ends the run: the server hangs."""


@dataclass(frozen=True)
class Load:
    """What one process drives: some annotators for some seconds.

    `credentials` are header lines that sign in one annotator each. `pairs_per_s` is what all of
    them do together, None: as fast as the server lets them. `is_peer` says that it is Label Studio.
    """

    port: int
    credentials: tuple[str, ...]
    seconds: float
    pairs_per_s: float | None
    seed: int = 0
    is_peer: bool = False


@dataclass(frozen=True)
class Acknowledged:
    """An answer that the server said it stored, and who gave it (an index into the credentials)."""

    annotator: int
    frame_id: int
    key: str
    x: float
    y: float


@dataclass
class Outcome:
    """What one process saw; latencies in milliseconds by kind of request."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: {LEASE: [], ANSWER: []})
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    n_without_work: int = 0


def drive_all(load: Load, n_processes: int) -> list[Outcome]:
    """Share the annotators out to processes and let all of them work at once."""
    n_processes = min(n_processes, len(load.credentials))
    shares = [
        replace(
            load,
            credentials=load.credentials[i::n_processes],
            pairs_per_s=load.pairs_per_s and load.pairs_per_s / n_processes,
            seed=load.seed + i,
        )
        for i in range(n_processes)
    ]
    with ProcessPoolExecutor(n_processes) as pool:
        outcomes = list(pool.map(drive, shares))
    for i, outcome in enumerate(outcomes):
        outcome.acknowledged = [
            Acknowledged(i + n_processes * a.annotator, a.frame_id, a.key, a.x, a.y)
            for a in outcome.acknowledged
        ]
    return outcomes


class Annotator:
    """One keep-alive connection: a lease, an answer for each of its frames, the next lease."""

    def __init__(self, index: int, load: Load, outcome: Outcome, rng: random.Random) -> None:
        self.index = index
        self.outcome = outcome
        self.rng = rng
        self.frames: list[int] = []
        self.pending: Acknowledged | None = None
        self.received = b""
        self.sent_at = 0.0
        self.address = ("127.0.0.1", load.port)
        self.head = (
            f"Host: 127.0.0.1:{load.port}\r\n{load.credentials[index]}\r\n"
            "Content-Type: application/json\r\n"
        )
        self.connect()

    def connect(self) -> None:
        """Open the connection."""
        self.socket = socket.create_connection(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send_next(self) -> None:
        """Send the answer for the next frame, or ask for a lease when there is none left."""
        if self.frames:
            x, y = round(self.rng.random(), 6), round(self.rng.random(), 6)
            key = f"{self.rng.getrandbits(128):032x}"
            self.pending = Acknowledged(self.index, self.frames.pop(0), key, x, y)
            start, body = self.answer_request(self.pending)
        else:
            self.pending = None
            start, body = self.lease_request()
        request = f"{start}{self.head}Content-Length: {len(body)}\r\n\r\n{body}"
        self.sent_at = time.perf_counter()
        self.socket.sendall(request.encode())

    def lease_request(self) -> tuple[str, str]:
        """Return the first lines and the body of the request for frames."""
        return "POST /api/v1/leases HTTP/1.1\r\n", "{}"

    def answer_request(self, answer: Acknowledged) -> tuple[str, str]:
        """Return the first lines and the body of an answer."""
        body = (
            f'{{"point":{{"x":{answer.x},"y":{answer.y}}},"details":{{"ms_since_paint":700,'
            '"ms_taken":1500,"pointer":"mouse","display_width":1280,"display_height":720,'
            '"device_pixel_ratio":2.0}}'
        )
        return (
            f"POST /api/v1/frames/{answer.frame_id}/answers HTTP/1.1\r\n"
            f"Idempotency-Key: {answer.key}\r\n",
            body,
        )

    def frames_of(self, body: bytes) -> list[int]:
        """Return the ids of the frames that a reply hands out."""
        lease = json.loads(body)["lease"]
        return [frame["frame_id"] for frame in lease["frames"]] if lease else []

    def receive(self) -> bool:
        """Read what has come; say whether a reply is complete (and then count it)."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed a connection")
        self.received += part
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < content_length(head):
            return False
        self.received = b""
        self._count(int(head[9:12]), body)
        return True

    def _count(self, status: int, body: bytes) -> None:
        kind = ANSWER if self.pending else LEASE
        self.outcome.latencies_ms[kind].append((time.perf_counter() - self.sent_at) * 1000)
        if status not in (200, 201):
            self.outcome.refused[status] = self.outcome.refused.get(status, 0) + 1
        elif self.pending:
            self.outcome.acknowledged.append(self.pending)
        else:
            self.frames = self.frames_of(body)

    @property
    def has_work(self) -> bool:
        """Whether frames are held, or the last lease may have been followed by another."""
        return bool(self.frames or self.pending)


class PeerAnnotator(Annotator):
    """The same on Label Studio: the next task of a project, one annotation for it."""

    def connect(self) -> None:
        """Learn the project from the credentials, which name it first."""
        self.project, _, rest = self.head.partition("Project: ")[2].partition("\r\n")
        self.head = self.head.partition("Project: ")[0] + rest
        super().connect()

    def lease_request(self) -> tuple[str, str]:
        """Return the request for the next task."""
        return f"GET /api/projects/{self.project}/next HTTP/1.1\r\n", ""

    def answer_request(self, answer: Acknowledged) -> tuple[str, str]:
        """Return an annotation with one key point, in percent of the image."""
        value = {"x": 100 * answer.x, "y": 100 * answer.y, "width": 1, "keypointlabels": ["centre"]}
        result = {
            "type": "keypointlabels",
            "from_name": "point",
            "to_name": "image",
            "original_width": 1280,
            "original_height": 720,
            "value": value,
        }
        body = json.dumps({"result": [result], "lead_time": 1.5})
        return f"POST /api/tasks/{answer.frame_id}/annotations/ HTTP/1.1\r\n", body

    def frames_of(self, body: bytes) -> list[int]:
        """Return the task's id."""
        return [json.loads(body)["id"]]


def content_length(head: bytes) -> int:
    """Return the length that a reply's head gives."""
    start = head.lower().index(b"content-length:") + len(b"content-length:")
    return int(head[start:].partition(b"\r\n")[0])


class Crowd:
    """The annotators of one process at work: who waits for a reply, and whose turn is next."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.outcome, rng = Outcome(), random.Random(load.seed)
        kind = PeerAnnotator if load.is_peer else Annotator
        self.people = [kind(i, load, self.outcome, rng) for i in range(len(load.credentials))]
        self.started = time.perf_counter()
        self.end = self.started + load.seconds
        self.due = turns(load, len(self.people), self.started, rng)
        self.turns = [(self.due(i, None), i) for i in range(len(self.people))]
        heapq.heapify(self.turns)
        self.n_open = 0

    def work(self) -> None:
        """Work until the time is over and every reply has come."""
        with selectors.DefaultSelector() as selector:
            for person in self.people:
                selector.register(person.socket, selectors.EVENT_READ, person)
            while (now := time.perf_counter()) < self.end or self.n_open:
                if now > self.end + REPLY_S:
                    raise ConnectionError(f"{self.n_open} requests had no reply for {REPLY_S} s")
                for key, _ in selector.select(self._begin_turns(now)):
                    if key.data.receive():
                        self._go_on(key.data)

    def _begin_turns(self, now: float) -> float:
        """Let everybody whose turn has come begin; return how long to wait for replies."""
        while self.turns and self.turns[0][0] <= now < self.end:
            self._send(self.people[heapq.heappop(self.turns)[1]])
        if now >= self.end:
            return 1.0
        return max(0.0, min(self.end, self.turns[0][0] if self.turns else self.end) - now)

    def _go_on(self, person: Annotator) -> None:
        self.n_open -= 1
        if not person.has_work:
            self.outcome.n_without_work += 1
        elif person.pending is None:
            self._send(person)  # the first frame of a lease belongs to its pair
        else:
            begin = self.due(person.index, time.perf_counter())
            heapq.heappush(self.turns, (begin, person.index))

    def _send(self, person: Annotator) -> None:
        person.send_next()
        self.n_open += 1


def drive(load: Load) -> Outcome:
    """Let this process's annotators work until the time is over.

    Raises:
        ConnectionError: the server closed a connection, or did not reply for `REPLY_S`.
    """
    crowd, cpu_before = Crowd(load), time.process_time()
    crowd.work()
    crowd.outcome.seconds = time.perf_counter() - crowd.started
    crowd.outcome.cpu_seconds = time.process_time() - cpu_before
    for person in crowd.people:
        person.socket.close()
    return crowd.outcome


def turns(
    load: Load, n: int, started: float, rng: random.Random
) -> Callable[[int, float | None], float]:
    """Return the function that says when an annotator begins the next pair.

    A paced annotator keeps a beat of their own, begun at a random moment: the load does not
    breathe, and a late reply does not lower the rate.
    """
    if load.pairs_per_s is None:
        return lambda _index, now: started if now is None else now
    interval = n / load.pairs_per_s
    beats = [started + rng.random() * interval for _ in range(n)]

    def due(index: int, now: float | None) -> float:
        if now is not None:
            beats[index] += interval
        return beats[index]

    return due
