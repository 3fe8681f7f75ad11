"""One clip as reviewers see it: every second's answers, and what the builder would make of them.

People stand under letters that count within the clip, in the order in which they first answered
it, so that a reviewer judges clicks and not persons. Consensus, box and tube come from the
builder's own `build_release` over the clip's active answers; nothing of it is done anew here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from string import ascii_uppercase

from sqlalchemy import select
from sqlalchemy.orm import Session

from annot_server.errors import NotFoundError
from annot_server.models import ASSISTED, Action, Answer, Clip, Frame, Prelabel, Skip, Video
from dataset_builder import domain
from dataset_builder.build import build_release
from dataset_builder.geometry import Box, Point
from dataset_builder.release import Consensus
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow, Snapshot

NO_DIGEST = "0" * 64
COUNTED, REPLACED, SET_ASIDE = "counted", "replaced", "set_aside"


@dataclass(frozen=True, slots=True)
class SeenAnswer:
    """One answer of a frame; `standing` is counted, replaced or set_aside, `point` None if hidden.

    `person_id` is for maintainers' eyes, `letter` for everybody's.
    """

    answer_id: int
    letter: str
    person_id: int
    point: Point | None
    standing: str
    created_at: datetime
    ms_taken: int | None
    is_assisted: bool
    pointer: str | None


@dataclass(frozen=True, slots=True)
class SeenSkip:
    """Somebody passed the frame on, and why."""

    letter: str
    reason: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """One second of the clip; `consensus` and `box` are the builder's, None without answers."""

    frame_id: int
    second: int
    image_sha256: str
    redundancy: int
    retired_at: datetime | None
    settled_at: datetime | None
    n_close: int | None
    pairwise_distance: float | None
    disagreement: float | None
    answers: tuple[SeenAnswer, ...]
    skips: tuple[SeenSkip, ...]
    hint: Point | None
    consensus: Consensus | None = None
    box: Box | None = None

    @property
    def counted(self) -> list[SeenAnswer]:
        """The answers that count."""
        return [answer for answer in self.answers if answer.standing == COUNTED]

    @property
    def clicks(self) -> list[Point]:
        """The clicks that count."""
        return [answer.point for answer in self.counted if answer.point]


@dataclass(frozen=True, slots=True)
class SeenClip:
    """A clip with all its frames in time order; `width`, `height` in pixels of the video."""

    clip_id: str
    video_id: str
    action_id: str
    description: str
    start_s: float
    end_s: float
    split: str
    is_benchmark: bool
    width: int
    height: int
    frames: tuple[SeenFrame, ...]

    def frame_at(self, second: int) -> SeenFrame:
        """Return the frame of a second.

        Raises:
            NotFoundError: the clip has none there.
        """
        for frame in self.frames:
            if frame.second == second:
                return frame
        raise NotFoundError(f"this clip has no frame at second {second}")


def read_clip(session: Session, clip_id: str) -> SeenClip:
    """Read a clip, its answers, skips and hints.

    Raises:
        NotFoundError: there is no such clip; gold clips are none here.
    """
    found = session.execute(
        select(Clip, Action.description, Video.width, Video.height)
        .join(Action, Action.action_id == Clip.action_id)
        .join(Video, Video.video_id == Clip.video_id)
        .where(Clip.clip_id == clip_id, Clip.is_gold.is_(False))
    ).first()
    if found is None:
        raise NotFoundError("there is no such clip")
    clip, description, width, height = found
    frames = session.scalars(
        select(Frame).where(Frame.clip_id == clip_id).order_by(Frame.second)
    ).all()
    ids = [frame.id for frame in frames]
    answers = session.scalars(
        select(Answer).where(Answer.frame_id.in_(ids)).order_by(Answer.id)
    ).all()
    skips = session.scalars(
        select(Skip).where(Skip.frame_id.in_(ids), Skip.undone_at.is_(None)).order_by(Skip.id)
    ).all()
    letters = letters_of(
        [answer.person_id for answer in answers] + [skip.person_id for skip in skips]
    )
    hints = {
        prelabel.frame_id: Point(prelabel.x, prelabel.y)
        for prelabel in session.scalars(
            select(Prelabel).where(Prelabel.frame_id.in_(ids)).order_by(Prelabel.id)
        )
    }
    seen = tuple(
        SeenFrame(
            frame_id=frame.id,
            second=frame.second,
            image_sha256=frame.image_sha256,
            redundancy=frame.redundancy,
            retired_at=frame.retired_at,
            settled_at=frame.settled_at,
            n_close=frame.n_close,
            pairwise_distance=frame.pairwise_distance,
            disagreement=frame.disagreement,
            answers=tuple(_answer(a, letters) for a in answers if a.frame_id == frame.id),
            skips=tuple(
                SeenSkip(letters[s.person_id], s.reason, s.comment)
                for s in skips
                if s.frame_id == frame.id
            ),
            hint=hints.get(frame.id),
        )
        for frame in frames
    )
    return SeenClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        action_id=clip.action_id,
        description=description,
        start_s=clip.start_s,
        end_s=clip.end_s,
        split=clip.split,
        is_benchmark=clip.is_benchmark,
        width=width,
        height=height,
        frames=seen,
    )


def fused(clip: SeenClip, settings: BuildSettings) -> SeenClip:
    """Return the clip with the consensus and the box that a release with these settings holds."""
    release = build_release(_snapshot(clip), name="view", version="0.0.0", settings=settings)
    consensus = {frame.second: frame for frame in release.frames}
    return replace(
        clip,
        frames=tuple(
            replace(
                frame,
                consensus=consensus[frame.second],
                box=release.boxes.get((clip.clip_id, frame.second)),
            )
            for frame in clip.frames
        ),
    )


def letters_of(person_ids: Iterable[int]) -> dict[int, str]:
    """Return a letter for each person, in the order in which they first appear.

    >>> letters_of([7, 3, 7])
    {7: 'A', 3: 'B'}
    """
    return {person: _letter(n) for n, person in enumerate(dict.fromkeys(person_ids))}


def _letter(n: int) -> str:
    """Return A..Z, then AA, AB, ..."""
    rest, last = divmod(n, len(ascii_uppercase))
    return (_letter(rest - 1) if rest else "") + ascii_uppercase[last]


def _answer(answer: Answer, letters: dict[int, str]) -> SeenAnswer:
    standing = COUNTED
    if answer.set_aside_at is not None:
        standing = SET_ASIDE
    elif answer.superseded_at is not None:
        standing = REPLACED
    return SeenAnswer(
        answer_id=answer.id,
        letter=letters[answer.person_id],
        person_id=answer.person_id,
        point=None if answer.x is None or answer.y is None else Point(answer.x, answer.y),
        standing=standing,
        created_at=answer.created_at,
        ms_taken=answer.ms_taken,
        is_assisted=answer.arm == ASSISTED,
        pointer=answer.pointer,
    )


def _snapshot(clip: SeenClip) -> Snapshot:
    """Return the snapshot that holds this clip alone."""
    segment = domain.Segment(clip.start_s, clip.end_s)
    record = domain.Clip(
        clip.clip_id, clip.video_id, clip.action_id, segment, clip.split, clip.is_benchmark
    )
    rows: list[FrameRow] = []
    answers: list[AnswerRow] = []
    for frame in clip.frames:
        rows.append(
            FrameRow(
                clip_id=clip.clip_id,
                second=frame.second,
                timestamp_s=float(frame.second),
                image_sha256=frame.image_sha256,
                width=clip.width,
                height=clip.height,
                redundancy=frame.redundancy,
            )
        )
        answers += _rows_of(clip.clip_id, frame)
    return Snapshot(
        snapshot_id="view",
        digest=NO_DIGEST,
        videos=(domain.Video(clip.video_id, clip.width, clip.height, clip.end_s, NO_DIGEST),),
        actions=(domain.Action(clip.action_id, clip.description),),
        clips=(record,),
        frames=tuple(rows),
        answers=tuple(answers),
    )


def _rows_of(clip_id: str, frame: SeenFrame) -> Sequence[AnswerRow]:
    return [
        AnswerRow(
            clip_id=clip_id,
            second=frame.second,
            annotator_id=answer.letter,
            point=answer.point,
            ms_taken=answer.ms_taken,
            prelabel_shown=answer.is_assisted,
        )
        for answer in frame.counted
    ]
