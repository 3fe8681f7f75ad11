from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from annot_server.errors import ConfigError
from annot_server.imports import ClipSettings, ImportReport, import_clips
from annot_server.models import AuditEntry, Clip, Frame, Slot, Video
from dataset_builder.errors import InputError
from dataset_builder.frames import image_path

HEADER = "video_id,start_s,end_s,action\n"


@pytest.fixture
def bring(server, videos, tmp_path):
    """Return a function that imports rows: `bring("v1,0,2,crack egg")`."""

    def bring(
        *rows: str, settings: ClipSettings | None = None, folder: Path = videos
    ) -> ImportReport:
        csv_path = tmp_path / "clips.csv"
        csv_path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
        return import_clips(
            server.database,
            server.home,
            server.config,
            csv_path=csv_path,
            videos=folder,
            settings=settings or ClipSettings(),
            now=server.now(),
        )

    return bring


def count(server, model) -> int:
    with server.database.read() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_clips_come_with_their_frames_images_and_slots(server, bring) -> None:
    report = bring("v1,0,2,Crack egg", "v1,1.5,3,stir soup", "v2,0.2,0.8,Crack egg")
    assert report == ImportReport(3, 0, 4, [])
    assert count(server, Slot) == 4 * 5
    with server.database.read() as session:
        video = session.get_one(Video, "v1")
        assert (video.width, video.height) == (64, 48)
        assert video.duration_s == pytest.approx(4, abs=0.11)
        frames = session.scalars(select(Frame).order_by(Frame.clip_id, Frame.second)).all()
        assert [(f.clip_id, f.second, f.is_middle_frame) for f in frames] == [
            ("v1_0-2000_crack-egg", 0, False),
            ("v1_0-2000_crack-egg", 1, False),
            ("v1_1500-3000_stir-soup", 2, False),
            ("v2_200-800_crack-egg", 0, True),
        ]
        assert all(image_path(server.home.frame_store, f.image_sha256).is_file() for f in frames)
        clip = session.get_one(Clip, "v1_0-2000_crack-egg")
        assert (clip.split, clip.is_benchmark, clip.action_id) == ("test", True, "crack-egg")
        assert session.scalars(select(AuditEntry.subject)).one() == "clips.csv: 3 clips, 4 frames"


def test_importing_again_adds_nothing(server, bring) -> None:
    bring("v1,0,2,crack egg")
    report = bring("v1,0,2,crack egg")
    assert report == ImportReport(0, 1, 0, [])
    assert (count(server, Frame), count(server, Slot)) == (2, 10)


def test_a_corrected_file_adds_what_was_missing(server, bring) -> None:
    bring("v1,0,2,crack egg")
    report = bring("v1,0,2,crack egg", "v1,2,4,crack egg")
    assert (report.clips_added, report.clips_present, report.frames_added) == (1, 1, 2)


def test_a_bad_row_is_reported_with_its_line_and_the_rest_goes_in(bring, tmp_path) -> None:
    report = bring("v1,2,1,crack egg", "v1,0,1,crack egg", "v1,nan,3,x", "v1,30,40,crack egg")
    path = tmp_path / "clips.csv"
    assert report.clips_added == 1
    assert [line.split(": ")[0] for line in report.problems] == [
        f"{path}:2",
        f"{path}:4",
        f"{path}:5",
    ]
    assert report.problems[2].endswith(
        "the clip needs second 39, but v1.mp4 ends at 4.00 s; "
        "correct the row, or keep what can be shown with --partial"
    )


def test_a_missing_or_damaged_video_is_reported_and_the_rest_goes_in(
    bring, videos, tmp_path
) -> None:
    folder = tmp_path / "some videos"
    folder.mkdir()
    (folder / "v1.mp4").write_bytes((videos / "v1.mp4").read_bytes())
    (folder / "bad.mp4").write_bytes(b"no video")
    report = bring("gone,0,1,crack egg", "bad,0,1,crack egg", "v1,0,1,crack egg", folder=folder)
    assert report.clips_added == 1
    missing, damaged = report.problems
    assert missing == (
        f"{tmp_path}/clips.csv:2: video 'gone' is not in {folder}; clips of this video left out: 1"
    )
    assert f"{tmp_path}/clips.csv:3: {folder}/bad.mp4" in damaged


def test_a_stray_file_is_reported_and_the_rest_goes_in(bring, videos, tmp_path) -> None:
    folder = tmp_path / "with a stray file"
    folder.mkdir()
    (folder / "v1.mp4").symlink_to(next(videos.glob("v1.*")))
    (folder / "holiday 1.mp4").touch()
    report = bring("v1,0,2,crack egg", folder=folder)
    assert report.clips_added == 1
    assert [("holiday 1.mp4" in p, "rename" in p) for p in report.problems] == [(True, True)]


def test_partial_keeps_the_seconds_that_can_be_shown(bring) -> None:
    report = bring("v1,2,40,crack egg", settings=ClipSettings(is_partial=True))
    assert (report.clips_added, report.frames_added, report.problems) == (1, 3, [])
    report = bring("v1,30,40,crack egg", settings=ClipSettings(is_partial=True))
    assert report.clips_added == 0
    assert "needs second 30, but" in report.problems[0]


def test_another_file_under_a_known_id_is_refused(bring, videos, tmp_path) -> None:
    bring("v1,0,1,crack egg")
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "v1.mp4").write_bytes((videos / "v2.mp4").read_bytes())
    report = bring("v1,1,2,crack egg", folder=folder)
    assert report.clips_added == 0
    assert "is here already from another file" in report.problems[0]


def test_an_action_that_does_not_fit_is_reported(bring, tmp_path) -> None:
    report = bring(f"v1,0,1,{'long ' * 81}")
    assert report.problems == [f"{tmp_path}/clips.csv:2: the action has 404 characters, 400 fit"]


@pytest.mark.parametrize(
    ("wish", "quota"),
    [
        (ClipSettings(), 0),
        (ClipSettings(hint_quota=2), 2),
        (ClipSettings(is_benchmark=False), 2),
        (ClipSettings(is_benchmark=False, hint_quota=3), 3),
    ],
)
def test_the_hint_quota_follows_benchmark_and_wish(server, bring, wish, quota) -> None:
    bring("v1,0,1,crack egg", settings=wish)
    with server.database.read() as session:
        assert session.scalars(select(Frame.hint_quota)).all() == [quota]


def test_an_impossible_quota_or_split_imports_nothing(server, bring) -> None:
    with pytest.raises(ConfigError, match="hint quota 3"):
        bring("v1,0,1,crack egg", settings=ClipSettings(hint_quota=3))
    with pytest.raises(InputError, match="1 to 60 characters"):
        bring("v1,0,1,crack egg", settings=ClipSettings(split=""))
    assert count(server, Video) == 0
