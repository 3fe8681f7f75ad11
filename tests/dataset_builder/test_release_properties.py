"""Any snapshot makes a release that reads back whole, verifies, and does not depend on order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder import tables
from dataset_builder.build import build_release, write_built_release
from dataset_builder.domain import Action, Clip, Segment, Video, frame_seconds
from dataset_builder.fusion.tubes import GAP_RULES
from dataset_builder.geometry import Point
from dataset_builder.release import read_release
from dataset_builder.settings import MODES, BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow, Snapshot
from dataset_builder.verify import verify_release

CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"
)
IDS = st.text(CHARACTERS, min_size=1, max_size=6)
VIDEO_IDS = st.from_regex(r"[a-zA-Z0-9_-][a-zA-Z0-9_.+-]{0,5}", fullmatch=True)
# Corners and edges often, also clicks that all fall on one place.
UNIT = st.sampled_from([0.0, 0.5, 1.0]) | st.integers(0, 10**6).map(lambda n: n / 10**6)
POINTS = st.none() | st.builds(Point, UNIT, UNIT)
SIZES = st.sampled_from([(640, 480), (720, 1280), (16, 9)])
BUILD_SETTINGS = st.builds(
    BuildSettings,
    mode=st.sampled_from(MODES),
    tube_gap=st.sampled_from(GAP_RULES),
    min_clicks=st.integers(1, 4),
    benchmark_answers=st.sampled_from(["blind", "all"]),
    splits=st.sampled_from(["", "test=1", "train=1,test=1"]),
    split_salt=st.text("ab", max_size=2),
    grid_rows=st.just(18),
    grid_cols=st.just(32),
)


@st.composite
def any_snapshot(draw) -> Snapshot:
    """Draw up to three videos with clips, some of their frames, and what people said of them."""
    actions = tuple(
        Action(i, draw(st.text(CHARACTERS, max_size=8))) for i in draw(st.sets(IDS, min_size=1))
    )
    videos, clips, frames = [], [], []
    for video_id in sorted(draw(st.sets(VIDEO_IDS, min_size=1, max_size=3))):
        size = draw(SIZES)
        videos.append(Video(video_id, *size, draw(st.floats(0, 1e6)), "00" * 32))
        for number in range(draw(st.integers(0, 2))):
            start_s = draw(st.floats(0, 100))
            segment = Segment(start_s, start_s + draw(st.floats(0.1, 5)))
            action_id = draw(st.sampled_from(actions)).action_id
            clip_id = f"{video_id}{number}"
            clips.append(
                Clip(clip_id, video_id, action_id, segment, is_benchmark=draw(st.booleans()))
            )
            frames += [
                FrameRow(clip_id, second, second + 0.1, "ff" * 32, *size, 5)
                for second in frame_seconds(segment)[0]
                if draw(st.booleans())
            ]
    clips = list({clip.clip_id: clip for clip in clips}.values())
    frames = list({(frame.clip_id, frame.second): frame for frame in frames}.values())
    people = draw(st.lists(IDS, unique=True, max_size=5))
    answers = tuple(
        AnswerRow(f.clip_id, f.second, who, draw(POINTS), None, draw(st.booleans()))
        for f in frames
        if f.second in frame_seconds(next(c for c in clips if c.clip_id == f.clip_id).segment)[0]
        for who in people
        if draw(st.booleans())
    )
    parts = tuple(videos), actions, tuple(clips), tuple(frames), answers
    return Snapshot(draw(IDS), "00" * 32, *parts)


@settings(max_examples=20)
@given(any_snapshot(), BUILD_SETTINGS, st.randoms())
def test_any_release_reads_back_whole_verifies_and_knows_no_order(snapshot, chosen, random):
    named = {"name": "any", "version": "1.0.0", "settings": chosen}
    names = ("videos", "actions", "clips", "frames", "answers")
    shuffled = {
        name: tuple(random.sample(getattr(snapshot, name), len(getattr(snapshot, name))))
        for name in names
    }
    with TemporaryDirectory() as temporary:
        one, two = Path(temporary) / "one", Path(temporary) / "two"
        digest = write_built_release(one, build_release(snapshot, **named))
        again = write_built_release(two, build_release(replace(snapshot, **shuffled), **named))
        outcome, release = verify_release(one), read_release(one)
    assert digest == again == release.digest
    assert outcome.findings == ()
    built = build_release(snapshot, **named)
    for name in ("frames", "boxes", "rules", "beside", "tubes", "annotators", "settings"):
        assert getattr(release, name) == getattr(built, name)
    assert set(release.clips) == set(built.clips)
    assert set(release.answers) == set(built.answers)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(st.characters(codec="utf-8"), max_size=4),
            "n": st.none() | st.integers(0, 9),
            "x": st.none() | st.floats(-1, 1),
            "boxes": st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), max_size=2),
        }
    ),
    max_size=6,
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("n", pa.int32()),
        ("x", pa.float64()),
        ("boxes", pa.list_(pa.list_(pa.float64(), 4))),
    ]
)


@given(ROWS, ROWS)
def test_the_content_digest_is_that_of_the_rows_however_they_are_stored(rows, others):
    with TemporaryDirectory() as temporary:
        one, two, three = (Path(temporary) / f"{n}.parquet" for n in "123")
        tables.write_rows(one, SCHEMA, rows)
        table = pa.Table.from_pylist(rows, schema=SCHEMA).select(["x", "boxes", "id", "n"])
        pq.write_table(table, two, compression="none", row_group_size=1, use_dictionary=False)
        tables.write_rows(three, SCHEMA, others)
        found = [tables.content_of(path) for path in (one, two, three)]
    assert found[0] == found[1]
    assert found[0][0] == len(rows)
    assert (found[0] == found[2]) == (repr(rows) == repr(others))
