"""What a generated crowd answers: who gets which clip, where they click, how long they take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from annot_server.agreement import summarise
from dataset_builder.geometry import Point

NOT_VISIBLE = 0.19
OPEN_CLIPS, PARTIAL_CLIPS = 0.02, 0.03
REPLACED, SKIPPED, HINTED, ASKED_MORE = 0.01, 0.01, 0.6, 0.01
POINTERS = ("mouse", "mouse", "mouse", "touch", "keyboard")

Row = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """How each person is: pace (milliseconds), error (of the diagonal), share of the work."""

    n: int
    ms: np.ndarray
    error: np.ndarray
    diligence: np.ndarray
    is_careless: np.ndarray
    pointer: list[str]

    @classmethod
    def draw(cls, n: int, rng: np.random.Generator) -> Crowd:
        """Draw a crowd of n people; the first is careless, and some others."""
        is_careless = rng.random(n) < 0.05
        is_careless[0] = True
        diligence = rng.lognormal(0, 0.8, n)
        diligence[0] = np.median(diligence)
        return cls(
            n,
            ms=rng.lognormal(math.log(2_300), 0.3, n),
            error=np.where(is_careless, 0.16, rng.lognormal(math.log(0.022), 0.35, n)),
            diligence=diligence / diligence.sum(),
            is_careless=is_careless,
            pointer=[POINTERS[i] for i in rng.integers(len(POINTERS), size=n)],
        )


@dataclass
class Drawn:
    """The rows of everything that people did, and the frames as that left them."""

    frames: list[Row]
    prelabels: list[Row] = field(default_factory=list)
    leases: list[Row] = field(default_factory=list)
    lease_frames: list[Row] = field(default_factory=list)
    slots: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    skips: list[Row] = field(default_factory=list)

    def set_times(self, start: datetime, days: int, crowd: Crowd, rng: np.random.Generator) -> None:
        """Spread each person's leases over the days, then number the answers by their time."""
        mine: dict[int, list[Row]] = {}
        for lease in self.leases:
            mine.setdefault(lease["person_id"], []).append(lease)
        for leases in mine.values():
            joined = rng.uniform(0, days * 0.4)
            day = np.floor(joined + rng.beta(1.3, 1.1, len(leases)) * (days - joined))
            day = np.where(np.isin(day % 7, (5, 6)) & (rng.random(len(leases)) < 0.6), day - 2, day)
            hour = np.clip(
                rng.choice([10, 15, 20], len(leases)) + rng.normal(0, 1.5, len(leases)), 0, 23
            )
            at = np.sort(np.clip(day, 0, days - 1.1) + hour / 24)
            for lease, when in zip(leases, at, strict=True):
                lease["created_at"] = start + timedelta(days=float(when))
                lease["expires_at"] = lease["created_at"] + timedelta(minutes=5)
        self._number_leases()
        self._date_answers()
        self._retire()

    def _number_leases(self) -> None:
        """Number the leases by their time, as a server would have."""
        self.leases.sort(key=lambda lease: lease["created_at"])
        number = {lease["id"]: n for n, lease in enumerate(self.leases, 1)}
        for lease in self.leases:
            lease.pop("elapsed_s", None)
            lease["id"] = number[lease["id"]]
        for row in [*self.lease_frames, *self.answers, *self.skips]:
            row["lease_id"] = number[row["lease_id"]]

    def _date_answers(self) -> None:
        created = {lease["id"]: lease["created_at"] for lease in self.leases}
        for row in self.skips:
            row["created_at"] = created[row["lease_id"]]
        for row in self.answers:
            row["created_at"] = created[row["lease_id"]] + timedelta(seconds=row.pop("after_s"))
        self.answers.sort(key=lambda row: row["created_at"])
        for n, row in enumerate(self.answers, 1):
            row["id"] = n
            row["idempotency_key"] = f"key-{n}"
        for row in self.answers:
            before = row.pop("replaces")
            row["supersedes_id"] = before["id"] if before else None
            if before:
                before["superseded_at"] = row["created_at"]
            if row.pop("is_set_aside"):
                row["set_aside_at"] = self.answers[-1]["created_at"]

    def _retire(self) -> None:
        """Retire the frames that have all their answers, as the server would."""
        given: dict[int, list[Row]] = {}
        for row in self.answers:
            if row["superseded_at"] is None and row["set_aside_at"] is None:
                given.setdefault(row["frame_id"], []).append(row)
        for frame in self.frames:
            rows = given.get(frame["id"], [])
            size = frame.pop("size")
            is_whole = len(rows) >= frame["redundancy"]
            frame["retired_at"] = max(r["created_at"] for r in rows) if is_whole else None
            frame["retired_reason"] = "enough_answers" if is_whole else None
            frame.update(agreement_of(rows, size) if is_whole else dict.fromkeys(AGREEMENT))
            frame["settled_at"] = None


AGREEMENT = ("n_clicks", "n_not_visible", "n_close", "pairwise_distance", "disagreement")


def agreement_of(rows: Sequence[Row], size: tuple[int, int]) -> Row:
    """Return the columns that a frame gets when it retires, by the server's own function."""
    clicks = [Point(row["x"], row["y"]) for row in rows if row["x"] is not None]
    found = summarise(clicks, len(rows) - len(clicks), *size)
    return {name: getattr(found, name) for name in AGREEMENT}


def draw_answers(
    frames: Sequence[Row],
    clips: Sequence[Row],
    size_of: Mapping[str, tuple[int, int]],
    crowd: Crowd,
    rng: np.random.Generator,
) -> Drawn:
    """Let people answer clip after clip; the last clips stay open in part or in whole."""
    drawn = Drawn([dict(frame) for frame in frames])
    by_clip: dict[str, list[Row]] = {}
    for frame in drawn.frames:
        by_clip.setdefault(frame["clip_id"], []).append(frame)
    hardness = rng.beta(1.2, 1.2 * (1 - NOT_VISIBLE) / NOT_VISIBLE, 100_000)
    for n, clip in enumerate(clips):
        place = n / len(clips)
        n_people = 5
        if place > 1 - OPEN_CLIPS:
            n_people = 0
        elif place > 1 - OPEN_CLIPS - PARTIAL_CLIPS:
            n_people = int(rng.integers(1, 5))
        draw_clip(
            drawn,
            by_clip[clip["clip_id"]],
            size=size_of[clip["video_id"]],
            n_people=n_people,
            crowd=crowd,
            rng=rng,
            hidden=float(hardness[hash_of(clip["action_id"]) % len(hardness)]),
            hinted=not clip["is_benchmark"] and rng.random() < HINTED,
        )
    return drawn


def hash_of(name: str) -> int:
    """Return a number that is the same for a name on every day."""
    return sum((i + 1) * ord(c) for i, c in enumerate(name)) * 7919


def draw_clip(
    drawn: Drawn,
    frames: Sequence[Row],
    *,
    size: tuple[int, int],
    n_people: int,
    crowd: Crowd,
    rng: np.random.Generator,
    hidden: float,
    hinted: bool,
) -> None:
    """Let some people answer the frames of one clip, the action wandering through it."""
    people = rng.choice(crowd.n, 7, replace=False, p=crowd.diligence)
    asks_more = n_people == 5 and rng.random() < ASKED_MORE
    sets_aside = n_people == 5 and 0 in people[:5]
    wanted = 7 if asks_more else 5
    leases = [add_lease(drawn, int(p), frames) for p in people[: 7 if asks_more else n_people]]
    stand_in = add_lease(drawn, int(people[6]), frames) if sets_aside and not asks_more else None
    centre = rng.uniform(0.25, 0.75, 2)
    is_hidden = rng.random() < hidden
    for frame in frames:
        frame["size"], frame["redundancy"] = size, wanted
        centre = np.clip(centre + rng.normal(0, 0.02, 2), 0.05, 0.95)
        if rng.random() < 0.25:
            is_hidden = rng.random() < hidden
        # Some frames show two places at once, and people part over them.
        other = rng.uniform(0.1, 0.9, 2) if rng.random() < 0.06 else None
        hint = add_prelabel(drawn, frame, centre, rng) if hinted else None
        for k in range(wanted):
            lease = leases[k] if k < len(leases) else None
            slot = add_slot(drawn, frame, k)
            if lease is None:
                continue
            assisted = hint is not None and k in (1, 3)
            place = other if other is not None and rng.random() < 0.4 else centre
            said = {"size": size, "crowd": crowd, "rng": rng, "place": place}
            said["is_hidden"] = is_hidden
            row = add_answer(drawn, slot, frame, **said, lease=lease, hint=hint, assisted=assisted)
            if stand_in is not None and lease["person_id"] == 1:
                row["is_set_aside"] = True
                row = add_answer(
                    drawn, slot, frame, **said, lease=stand_in, hint=None, assisted=False
                )
            slot["person_id"] = row["person_id"]
            if row["arm"]:
                slot["arm"], slot["prelabel_id"] = row["arm"], row["prelabel_id"]
    if rng.random() < SKIPPED * len(frames) and n_people == 5 and not sets_aside:
        frame, person = frames[0], int(people[6]) if not asks_more else None
        if person is not None:
            lease = add_lease(drawn, person, frames[:1])
            drawn.skips.append(
                {"frame_id": frame["id"], "person_id": person + 1, "lease_id": lease["id"]}
                | {"reason": "cannot_tell", "comment": None}
            )


def add_lease(drawn: Drawn, person: int, frames: Sequence[Row]) -> Row:
    """Add a person's lease of frames."""
    lease = {"id": len(drawn.leases) + 1, "person_id": person + 1, "clip_id": frames[0]["clip_id"]}
    drawn.leases.append(lease)
    drawn.lease_frames += [
        {"lease_id": lease["id"], "frame_id": frame["id"], "arm": None, "prelabel_id": None}
        for frame in frames
    ]
    return lease


def add_prelabel(drawn: Drawn, frame: Row, centre: np.ndarray, rng: np.random.Generator) -> Row:
    """Add a model's suggestion near the action."""
    x, y = np.clip(centre + rng.normal(0, 0.04, 2), 0, 1).tolist()
    prelabel = {
        "id": len(drawn.prelabels) + 1,
        "frame_id": frame["id"],
        "file_sha256": "0" * 64,
        "model": "generated",
        "checkpoint_digest": "0" * 64,
        "x": x,
        "y": y,
        "score": float(rng.uniform(0.2, 0.95)),
        "imported_at": datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
    }
    drawn.prelabels.append(prelabel)
    return prelabel


def add_slot(drawn: Drawn, frame: Row, k: int) -> Row:
    """Add a place for one answer of a frame."""
    slot = {"id": len(drawn.slots) + 1, "frame_id": frame["id"], "k": k, "person_id": None}
    slot |= {"arm": None, "prelabel_id": None}
    drawn.slots.append(slot)
    return slot


def add_answer(
    drawn: Drawn,
    slot: Row,
    frame: Row,
    *,
    size: tuple[int, int],
    crowd: Crowd,
    rng: np.random.Generator,
    place: np.ndarray,
    is_hidden: bool,
    lease: Row,
    hint: Row | None,
    assisted: bool,
) -> Row:
    """Add a person's answer; now and then it replaces one that they took back."""
    p = lease["person_id"] - 1
    diagonal = math.hypot(*size)
    point: tuple[float | None, float | None] = (None, None)
    if rng.random() >= (0.9 if is_hidden else 0.035):
        off = rng.normal(0, crowd.error[p] / math.sqrt(2), 2) * diagonal / np.array(size)
        if assisted and hint is not None:
            place = 0.6 * place + 0.4 * np.array([hint["x"], hint["y"]])
        x, y = np.clip(place + off, 0, 1).tolist()
        point = (x, y)
    ms = int(rng.lognormal(math.log(crowd.ms[p] * (0.8 if assisted else 1)), 0.45))
    row: Row = {
        "slot_id": slot["id"],
        "frame_id": frame["id"],
        "person_id": p + 1,
        "lease_id": lease["id"],
        "x": point[0],
        "y": point[1],
        "superseded_at": None,
        "set_aside_at": None,
        "ms_since_paint": ms,
        "ms_taken": ms,
        "pointer": crowd.pointer[p],
        "arm": None if hint is None else ("assisted" if assisted else "blind"),
        "prelabel_id": hint["id"] if hint else None,
        "hint_x": hint["x"] if hint else None,
        "hint_y": hint["y"] if hint else None,
        "hint_score": hint["score"] if hint else None,
        "hint_taken_by_key": False if assisted else None,
        "hint_distance": hint_distance(point, hint, size),
        "after_s": 0.0,
        "replaces": None,
        "is_set_aside": False,
    }
    elapsed = lease.get("elapsed_s", 0.0) + ms / 1000
    if rng.random() < REPLACED:
        first = {**row, "after_s": elapsed}
        drawn.answers.append(first)
        row["replaces"] = first
        elapsed += 1.5
    lease["elapsed_s"] = row["after_s"] = elapsed
    drawn.answers.append(row)
    return row


def hint_distance(
    point: tuple[float | None, float | None], hint: Row | None, size: tuple[int, int]
) -> float | None:
    """Return how far a click lies from the hint, as a fraction of the diagonal."""
    if hint is None or point[0] is None or point[1] is None:
        return None
    away = ((point[0] - hint["x"]) * size[0], (point[1] - hint["y"]) * size[1])
    return math.hypot(*away) / math.hypot(*size)
