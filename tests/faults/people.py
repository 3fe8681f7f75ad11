"""Simulated people who work on through crashes over HTTP, and remember what was acknowledged.

An answer is kept and sent again under its key until the server says something of it, as the page
does. `Ledger` is what the people hold in their hands at the end.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import traceback
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

REQUEST_S = 20
RETRY_S = 0.05
NO_WORK_S = 0.1
THINK_S = 0.02
NOT_VISIBLE, SKIPS, UNDOES, WALKS_AWAY, REPEATS = 0.2, 0.01, 0.03, 0.02, 0.03

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An answer that the server said it has stored; x and y are None for "not visible"."""

    person_id: int
    frame_id: int
    key: str
    x: float | None
    y: float | None


@dataclass
class Ledger:
    """Every acknowledged answer, and counts of what else happened on the way."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def note(self, what: str, answer: Acknowledged | None = None) -> None:
        """Count something, and keep the answer if one was acknowledged."""
        with self._news:
            self.counts[what] += 1
            if answer is not None:
                self.acknowledged.append(answer)
            self._news.notify_all()

    def wait_for_more(self, n: int, timeout_s: float) -> bool:
        """Wait until `n` more answers were acknowledged; say whether they were."""
        with self._news:
            goal = len(self.acknowledged) + n
            return self._news.wait_for(
                lambda: len(self.acknowledged) >= goal or bool(self.problems), timeout_s
            )

    def report(self, problem: str) -> None:
        """Keep what somebody could not go on from."""
        with self._news:
            self.problems.append(problem)
            self._news.notify_all()


@dataclass(frozen=True)
class Visitor:
    """Who sits at a tab, and the cookie of their browser."""

    person_id: int
    cookie: str


class WentHomeError(Exception):
    """Everybody was told to stop, at once."""


class Tab(threading.Thread):
    """One browser tab: answers lease after lease until it is told to finish."""

    def __init__(self, port: int, visitor: Visitor, ledger: Ledger, seed: int) -> None:
        super().__init__(daemon=True)
        self.visitor = visitor
        self.ledger = ledger
        self.random = random.Random(seed)
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_S)
        self.finish = threading.Event()
        self.go_home = threading.Event()

    def run(self) -> None:
        """Work; an unexpected reply ends the run and is reported."""
        try:
            while not self.finish.is_set():
                self.work_on_a_lease()
        except WentHomeError:
            pass
        except Exception:
            self.ledger.report(traceback.format_exc())
        finally:
            self.http.close()

    def work_on_a_lease(self) -> None:
        """Ask for frames and answer them, or now and then walk away from the rest."""
        _, reply = self.send("/api/v1/leases", {}, expected={200})
        lease = reply["lease"]
        if lease is None:
            self.finish.wait(NO_WORK_S)
            return
        for frame in lease["frames"]:
            if self.finish.is_set() or self.happens(WALKS_AWAY):
                path = f"/api/v1/leases/{lease['lease_id']}/release"
                self.send(path, None, expected={204})
                return
            self.finish.wait(self.random.uniform(0, 2 * THINK_S))
            if self.happens(SKIPS):
                self.skip(frame["frame_id"])
            else:
                self.answer(frame["frame_id"])

    def answer(self, frame_id: int) -> None:
        """Answer a frame, and send or take back some answers once more."""
        x, y = self.random.random(), self.random.random()
        point = None if self.happens(NOT_VISIBLE) else {"x": x, "y": y}
        key = f"{self.visitor.person_id}-{self.random.getrandbits(96):x}"
        path, body = f"/api/v1/frames/{frame_id}/answers", {"point": point}
        for _ in range(2 if self.happens(REPEATS) else 1):
            status, reply = self.send(
                path, body, {"Idempotency-Key": key}, expected={200, 201, 409}
            )
            if status == http.client.CONFLICT:
                self.ledger.note(f"refused: {reply['error']}")
                return
            given = (None, None) if point is None else (x, y)
            answer = Acknowledged(self.visitor.person_id, frame_id, key, *given)
            self.ledger.note("new" if status == http.client.CREATED else "stored before", answer)
        if self.happens(UNDOES):
            status, _ = self.send(f"/api/v1/frames/{frame_id}/undo", None, expected={200, 404, 409})
            self.ledger.note("taken back" if status == http.client.OK else "undo refused")

    def skip(self, frame_id: int) -> None:
        """Pass a frame on."""
        body = {"reason": "cannot_tell"}
        self.send(f"/api/v1/frames/{frame_id}/skips", body, expected={200, 201, 409})
        self.ledger.note("skipped")

    def send(
        self,
        path: str,
        body: Json | None,
        headers: Json | None = None,
        *,
        expected: Container[int],
    ) -> tuple[int, Json]:
        """Send until the server replies with anything but its own failure.

        Raises:
            WentHomeError: nobody replied until everybody was sent home.
            AssertionError: the reply is none of the expected ones.
        """
        data = None if body is None else json.dumps(body).encode()
        sent = {"Cookie": self.visitor.cookie, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        while not self.go_home.is_set():
            try:
                self.http.request("POST", path, data, sent)
                response = self.http.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException):
                self.http.close()
                self.ledger.note("no reply")
                self.go_home.wait(RETRY_S)
                continue
            if response.status >= http.client.INTERNAL_SERVER_ERROR:
                self.ledger.note(f"status {response.status}")
                self.go_home.wait(RETRY_S)
                continue
            assert response.status in expected, f"{path}: {response.status} {text[:300]!r}"
            return response.status, json.loads(text) if text else {}
        raise WentHomeError

    def happens(self, share: float) -> bool:
        """Say whether something that happens now and then happens now."""
        return self.random.random() < share
