"""A whole world on disk: four sets of videos with transcripts, clips and exact truth.

    OUT/world.json
    OUT/{train,validation,held-out,open}/
        videos/<video_id>.mp4  transcripts.json  clips.csv  truth/

One file per video, renamed into place when it is whole; its digest stands in its metadata, so that
an interrupted run goes on where it stopped (R17).
"""

from __future__ import annotations

import csv
import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import av

from dataset_builder import tables
from dataset_builder.console import progress
from dataset_builder.errors import OutputError
from dataset_builder.release import write_release
from stg_model.world.narrate import narrate
from stg_model.world.render import encode
from stg_model.world.scene import VideoPlan, plan_set
from stg_model.world.settings import SETS, WorldSettings
from stg_model.world.truth import truth_of

DRAWING_VERSION = 1
"""Goes up when the same plan gives other pictures: videos drawn before are drawn again."""

CLIP_COLUMNS = ("video_id", "start_s", "end_s", "action")


def render_world(
    out: Path, settings: WorldSettings, *, force: bool = False, processes: int = 2
) -> None:
    """Render a world, or finish one that was interrupted.

    Args:
        out: the folder to write.
        settings: what the world is made of.
        force: write over a world of other settings; videos that are the same in both are kept.
        processes: how many videos are drawn at once; the result does not depend on it.

    Raises:
        OutputError: the folder holds a world of other settings and `force` is not set, or it holds
            something that is no world.
    """
    _claim(out, settings, force=force)
    plans = {name: plan_set(settings, name) for name in SETS}
    jobs = [
        (plan, out / name / "videos" / f"{plan.video_id}.mp4")
        for name in SETS
        for plan in plans[name]
    ]
    for name in SETS:
        _remove_others(out / name / "videos", plans[name])
    missing = [(plan, path) for plan, path in jobs if _digest_in(path) != video_digest(plan)]
    for _ in progress(_render_all(missing, processes), "videos", total=len(missing)):
        pass
    for name in SETS:
        _write_words_and_truth(out / name, settings, name, plans[name])


def video_digest(plan: VideoPlan) -> str:
    """The digest of everything that decides a video's bytes."""
    facts = asdict(plan)
    if plan.distractors:  # as in videos drawn before there was a choice: they are still right
        del facts["distractors"]
    what = {"drawing": DRAWING_VERSION, "plan": facts}
    return tables.sha256_bytes(tables.compact_json(what).encode())


def _claim(out: Path, settings: WorldSettings, *, force: bool) -> None:
    """Write `world.json`, unless the folder belongs to something else."""
    text = tables.canonical_json({"format": "grounding-world", "settings": settings.to_json()})
    path = out / "world.json"
    if path.is_file():
        if path.read_text(encoding="utf-8") == text:
            return
        if not force:
            raise OutputError(
                f"{out}: holds a world of other settings; choose another place or pass --force"
            )
        for name in SETS:  # a truth of the old world must not stand beside videos of the new one
            shutil.rmtree(out / name / "truth", ignore_errors=True)
    elif out.exists() and any(out.iterdir()):
        raise OutputError(f"{out}: is not empty and holds no world; choose another place")
    with tables.replaced_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _remove_others(folder: Path, plans: Sequence[VideoPlan]) -> None:
    """Remove the videos of a world that this one replaces."""
    mine = {f"{plan.video_id}.mp4" for plan in plans}
    for path in folder.glob("*.mp4"):
        if path.name not in mine:
            path.unlink()


def _digest_in(path: Path) -> str | None:
    """The digest in a video's metadata; None where there is no such video."""
    with suppress(OSError, av.FFmpegError), av.open(str(path)) as container:
        return container.metadata.get("comment")
    return None


Job = tuple[VideoPlan, Path]


def _render_all(jobs: Sequence[Job], processes: int) -> Iterator[None]:
    """Draw the videos; fresh processes, because forked ones may inherit a decoder's locks."""
    if processes == 1 or len(jobs) < 2:
        yield from map(_render, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for future in as_completed([pool.submit(_render, job) for job in jobs]):
            yield future.result()


def _render(job: Job) -> None:
    plan, path = job
    with tables.replaced_file(path) as temporary:
        encode(plan, temporary, video_digest(plan))


def _write_words_and_truth(
    folder: Path, settings: WorldSettings, set_name: str, plans: Sequence[VideoPlan]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "videos").mkdir(exist_ok=True)
    transcripts: dict[str, dict[str, list[float] | list[str]]] = {}
    for plan in plans:
        said = narrate(settings, plan)
        transcripts[plan.video_id] = {
            "start": [sentence.start_s for sentence in said],
            "end": [sentence.end_s for sentence in said],
            "text": [sentence.text for sentence in said],
        }
    with tables.replaced_file(folder / "transcripts.json") as temporary:
        temporary.write_text(tables.canonical_json(transcripts), encoding="utf-8")
    with (
        tables.replaced_file(folder / "clips.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as handle,
    ):
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(CLIP_COLUMNS)
        for plan in plans:
            for performance in plan.performances:
                segment, action = performance.segment, performance.action
                row = (plan.video_id, segment.start_s, segment.end_s, action.description)
                writer.writerow(row)
    sums = {
        plan.video_id: tables.sha256_file(folder / "videos" / f"{plan.video_id}.mp4")
        for plan in plans
    }
    write_release(folder / "truth", truth_of(settings, set_name, plans, sums), force=True)
