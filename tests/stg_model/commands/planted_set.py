"""A set's folder of planted videos, and the command line that the tests of this folder give."""

import json
from dataclasses import replace

import av
from click.testing import CliRunner

from dataset_builder.domain import (
    Clip,
    Segment,
    Video,
    clip_id_for,
    frame_seconds,
)
from dataset_builder.release import Consensus, Release, write_release
from dataset_builder.tables import sha256_file
from stg_model.cli import main

SMALL = [
    *("--set", "training.steps=4"),
    *("--set", "training.save_every=2"),
    *("--set", "training.log_every=1"),
]


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def train_command(world, out):
    return (
        *("train", out, "--videos", world / "videos"),
        *("--transcripts", world / "transcripts.json", "--features", world / "features"),
    )


def write_video(path, pixels):
    """Write the two pictures of each second at four pictures a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 112, 112, "yuv420p"
        for second in pixels:
            for picture in (second[0], second[1], second[1], second[1]):
                image = picture.repeat(2, axis=0).repeat(2, axis=1)
                for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_set(folder, planted):
    """Write videos/, clips.csv and truth/ of four planted videos into `folder`, and return it.

    Three have narration in transcripts.json; the fourth is the set in validation/.
    """
    (folder / "videos").mkdir()
    transcripts, rows = {}, ["video_id,start_s,end_s,action"]
    videos, clips, boxes, frames = [], [], {}, []
    for planted_video in planted.videos(4, seed=3):
        video_id = planted_video.features.video_id
        path = folder / "videos" / f"{video_id}.mp4"
        write_video(path, planted_video.features.values)
        videos.append(Video(video_id, 112, 112, 30.0, sha256_file(path)))
        transcripts[video_id] = {
            "start": [s.start_s for s in planted_video.sentences],
            "end": [s.end_s for s in planted_video.sentences],
            "text": [s.text for s in planted_video.sentences],
        }
        starts = [s for s in planted_video.truth if s - 1 not in planted_video.truth]
        for start in starts:
            action_id, _ = planted_video.truth[start]
            segment = Segment(start, start + 4)
            clip = Clip(clip_id_for(video_id, segment, action_id), video_id, action_id, segment)
            clips.append(clip)
            rows.append(f"{video_id},{start},{start + 4},{action_id.replace('-', ' ')}")
            for second in frame_seconds(segment)[0]:
                boxes[clip.clip_id, second] = planted_video.truth[second][1]
                frames.append(frame_of(clip, second))
    del transcripts["v3"]
    (folder / "transcripts.json").write_text(json.dumps(transcripts))
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    release = Release(
        name="planted",
        version="1.0.0",
        derivation="none",
        videos=tuple(videos),
        actions=planted.actions(),
        clips=tuple(clips),
        frames=tuple(frames),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=(),
    )
    write_release(folder / "truth", release)
    (folder / "validation/videos").mkdir(parents=True)
    (folder / "validation/videos/v3.mp4").hardlink_to(folder / "videos/v3.mp4")
    write_release(folder / "validation/truth", part_of(release, "v3"))
    return folder


def part_of(release, video_id):
    clips = tuple(clip for clip in release.clips if clip.video_id == video_id)
    ids = {clip.clip_id for clip in clips}
    boxes = {key: box for key, box in release.boxes.items() if key[0] in ids}
    return replace(
        release,
        videos=tuple(video for video in release.videos if video.video_id == video_id),
        clips=clips,
        frames=tuple(frame for frame in release.frames if frame.clip_id in ids),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
    )


def frame_of(clip, second):
    return Consensus(
        clip_id=clip.clip_id,
        second=second,
        timestamp_s=float(second),
        image_sha256="",
        width=112,
        height=112,
        redundancy=5,
        n_answers=0,
        n_clicks=0,
        mean=None,
        peak=None,
        spread=None,
        kept=True,
        reason="",
    )
