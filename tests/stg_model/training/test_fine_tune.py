"""Learning from clicks: they come closer, held-out pointing stays, and nothing else is read."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from dataset_builder.domain import Clip, Segment, Video, clip_id_for, frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.release import Consensus, Release
from dataset_builder.snapshot import AnswerRow
from dataset_builder.tables import sha256_bytes
from stg_model.config import load_settings
from stg_model.errors import SettingsError
from stg_model.features.encoders import encoder_for
from stg_model.inference.grounding import point_predictions, score_video, system_of
from stg_model.training import fine_tune as tuning
from stg_model.training import learn as learning
from stg_model.training.checkpoint import Checkpoint, load_checkpoint
from stg_model.training.click_lessons import divergences
from stg_model.training.clicks import (
    ClickedClips,
    ClickedWindow,
    clicked_clips,
    videos_to_learn_from,
)
from stg_model.training.learn import Sources, finish
from stg_model.training.model_card import CARD_NAME
from stg_model.training.processes import Processes
from stg_model.training.train import Marks, train

CHANGES = [
    *("training.steps=40", "training.batch=16", "training.local_batch=6"),
    *("training.tensorboard=false", "inference.heatmap_from=rollout"),
    *("fine_tuning.steps=30", "fine_tuning.clips=4", "training.log_every=1"),
    "fine_tuning.learning_rate=0.003",
]


def consensus(clip_id, second, n_clicks):
    return Consensus(
        clip_id, second, float(second), "", 56, 56, 1, 1, n_clicks, None, None, None, True, ""
    )


def release_of(videos, actions, scored):
    """One person's click in the middle of each square; every fifth frame is "not visible"."""
    clips, rows, frames = [], [], []
    for video in videos:
        video_id = video.features.video_id
        for start in (s for s in video.truth if s - 1 not in video.truth):
            segment = Segment(start, start + 4)
            name = clip_id_for(video_id, segment, video.truth[start][0])
            is_scored = video_id in scored
            split = "test" if is_scored else "train"
            clips.append(Clip(name, video_id, video.truth[start][0], segment, split, is_scored))
            for second in frame_seconds(segment)[0]:
                box = video.truth[second][1]
                point = Point((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
                point = None if len(rows) % 5 == 4 else point
                rows.append(AnswerRow(name, second, "a", point))
                frames.append(consensus(name, second, point is not None))
    return Release(
        name="clicked",
        version="1.2.0",
        derivation="clicks",
        videos=tuple(
            Video(v.features.video_id, 56, 56, 30.0, v.features.source_sha256) for v in videos
        ),
        actions=actions,
        clips=tuple(sorted(clips, key=lambda one: one.clip_id)),
        frames=tuple(sorted(frames, key=lambda one: (one.clip_id, one.second))),
        answers=tuple(rows),
        boxes={},
        rules={},
        tubes=(),
        digest="d" * 64,
    )


@pytest.fixture(scope="module")
def base(planted, tmp_path_factory):
    """A checkpoint, six clicked videos of which two are scored, and twenty narrated ones."""
    folder = tmp_path_factory.mktemp("base")
    settings = load_settings(None, CHANGES)
    clicked = [renamed(v, f"r{n}", 100 + n) for n, v in enumerate(planted.videos(6, seed=50))]
    told = planted.videos(20, seed=0)
    narrated = [planted.narrated(video, settings) for video in told]
    encoder = encoder_for(settings).listen(s.text for v in narrated for s in v.sentences)
    model = train(folder / "before", narrated, encoder, settings)
    trained_on = {"n_videos": 20, "n_sentences": 80, "transcripts_sha256": "0" * 64}
    trained_on["videos_sha256"] = [sha256_bytes(b"seen before")]
    thresholds = {"background_threshold": "default", "mask_threshold": "default"}
    before = Checkpoint(model, settings, encoder, {**trained_on, "thresholds": thresholds})
    before = finish(folder / "before", before, 40)
    transcripts = {
        v.features.video_id: {
            "start": [s.start_s for s in v.sentences],
            "end": [s.end_s for s in v.sentences],
            "text": [s.text for s in v.sentences],
        }
        for v in (*told, *clicked)
    }
    (folder / "t.json").write_text(json.dumps(transcripts))
    return SimpleNamespace(
        folder=folder,
        before=before,
        settings=settings,
        planted=planted,
        stored={v.features.video_id: v.features for v in (*clicked, *told)},
        release=release_of(clicked, planted.actions(), scored={"r4", "r5"}),
    )


def renamed(video, video_id, number):
    features = replace(video.features, video_id=video_id, source_sha256=f"{number:064d}")
    return replace(video, features=features)


@pytest.fixture
def world(base, tmp_path, monkeypatch):
    """What a test may change; features come from memory, and `read` holds what was asked for."""
    read = []

    def extracted(files, _store, _encoder):
        read.extend(files)
        return (base.stored[video_id] for video_id in files)

    for module in (tuning, learning):
        monkeypatch.setattr(module, "extract_features", extracted)
    (tmp_path / "videos").mkdir()
    for video_id in base.stored:
        (tmp_path / "videos" / f"{video_id}.mp4").touch()
    return SimpleNamespace(
        folder=tmp_path / "after",
        before=base.before,
        before_folder=base.folder / "before",
        settings=base.settings,
        release=base.release,
        videos=tmp_path / "videos",
        sources=Sources(tmp_path / "videos", base.folder / "t.json", tmp_path / "features"),
        read=read,
        planted=base.planted,
        stored=base.stored,
    )


def tuned(world, **changes):
    settings = replace(world.settings, fine_tuning=replace(world.settings.fine_tuning, **changes))
    again = load_checkpoint(world.before_folder)
    return tuning.fine_tune(
        world.folder, again, world.release, world.videos, world.sources, settings=settings
    )


def lines_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def pointing(checkpoint, planted):
    hits = []
    for video in planted.videos(8, seed=99):
        scores = score_video(checkpoint, video.features, planted.actions())
        wanted = [(second, action) for second, (action, _) in video.truth.items()]
        for found in point_predictions(scores, wanted, checkpoint.settings.inference):
            hits.append(video.truth[found.second][1].contains(found.point))
    return sum(hits) / len(hits)


@pytest.mark.learning
def test_clicks_draw_the_roll_out_and_held_out_pointing_does_not_fall(world):
    after = tuned(world, steps=60)
    lines = lines_of(world.folder)
    early, late = (sum(line["loss_clicks"] for line in part) for part in (lines[:10], lines[-10:]))
    assert late < 0.8 * early
    fell = pointing(world.before, world.planted) - pointing(after, world.planted)
    assert fell < 0.05  # 92 frames: a standard error is 0.04


def test_a_tuned_checkpoint_names_its_release_and_its_learned_threshold(world):
    after = finish(world.folder, tuned(world, steps=4), 4)
    again = load_checkpoint(world.folder)
    assert again.digest == after.digest
    release = again.trained_on["release"]
    assert (release["digest"], release["n_videos"]) == ("d" * 64, 4)
    assert release["n_not_visible_frames"] > 0
    assert again.trained_on["started_from"] == world.before.digest
    assert again.trained_on["thresholds"]["background_threshold"].startswith("clicks of clicked")
    assert "sinkhorn_iterations" in lines_of(world.folder)[0]  # trained projections may choose
    tau = lines_of(world.folder)[-1]["tau"]
    assert again.settings.inference.background_threshold == pytest.approx(tau, abs=0.02)
    said = system_of(again).supervision
    assert said.startswith("narration, and the clicks of 4 videos of clicked 1.2.0 (dddddddddddd);")
    card = (world.folder / CARD_NAME).read_text()
    assert after.digest in card
    assert "clicks of the release clicked 1.2.0" in card
    opened = tuning.open_thresholds(again)
    assert opened.settings.inference.background_threshold is None
    assert opened.trained_on["thresholds"]["background_threshold"] == "default"


def test_what_is_set_by_hand_is_neither_learned_nor_found_anew(world):
    inference = replace(world.settings.inference, background_threshold=0.25, box_width=0.4)
    world.settings = replace(world.settings, inference=inference)
    opened = tuning.open_thresholds(tuned(world, steps=2))
    assert opened.settings.inference.background_threshold == 0.25
    assert opened.settings.inference.box_width == 0.4
    sources = opened.trained_on["thresholds"]
    assert {name for name, source in sources.items() if source == "set"} == {
        "background_threshold",
        "box_width",
    }


def test_scored_videos_are_neither_read_nor_heard(world):
    tuned(world, steps=1)
    assert not {"r4", "r5"} & set(world.read)
    assert {"r0", "r1", "r2", "r3"} <= set(world.read)


def test_a_scored_video_under_another_name_is_not_heard(world, monkeypatch):
    heard = []
    monkeypatch.setattr(
        tuning, "NarratedClips", lambda videos, *_: heard.extend(v.video_id for v in videos)
    )
    scored = {v.video_id: v for v in world.release.videos}["r4"]
    videos = tuple(
        replace(v, sha256=f"{3:064d}") if v == scored else v for v in world.release.videos
    )
    world.release = replace(world.release, videos=videos)  # the narrated v3 is this file
    with pytest.raises(AttributeError):
        tuned(world, steps=1)
    assert "v3" not in heard
    assert "v2" in heard


def test_without_not_visible_answers_the_threshold_stays(world):
    answers = tuple(a for a in world.release.answers if a.point)
    world.release = replace(world.release, answers=answers)
    after = tuned(world, steps=2)
    assert after.settings.inference.background_threshold is None
    assert "loss_threshold" not in lines_of(world.folder)[0]


def test_the_threshold_moves_between_seen_and_unseen(world):
    tuned(world, steps=30, threshold_rate=0.05)
    lines = lines_of(world.folder)
    assert lines[-1]["tau"] != lines[0]["tau"]
    assert lines[-1]["loss_threshold"] < lines[0]["loss_threshold"]


def test_the_threshold_is_taught_alone_and_clicks_teach_the_network(world, monkeypatch):
    real, taught = tuning.Lessons.marks, {}

    def marks(self, model, batch, step):
        found = real(self, model, batch, step)
        named = dict(model.named_parameters())
        for loss in ("loss_threshold", "loss_clicks"):
            gradients = torch.autograd.grad(
                found.losses[loss], list(named.values()), retain_graph=True, allow_unused=True
            )
            pairs = zip(named, gradients, strict=True)
            taught[loss] = {name for name, g in pairs if g is not None and g.abs().max() > 0}
        return found

    monkeypatch.setattr(tuning.Lessons, "marks", marks)
    tuned(world, steps=1)
    assert taught["loss_threshold"] == {"tau"}
    assert {"grounding.local_branch.region_projection.weight"} < taught["loss_clicks"]
    assert "tau" not in taught["loss_clicks"]
    assert not any("global_branch" in name for name in taught["loss_clicks"])


def test_actions_that_the_encoder_does_not_know_are_no_rivals_of_the_others(world):
    """Of a sentence without a known word the cosine is that of the projection's bias alone."""
    (one, *_) = clicked_clips(world.release, frozenset({"r0"}), 7, 0.03)
    encoder = world.before.encoder
    more = replace(one, pool=("zzz", *one.pool, "bake bread"))
    assert tuning.phrases_of(more, encoder) == [one.description, *one.pool]


def test_a_window_without_answered_frames_teaches_nothing(world):
    """Answers may lie further apart than a window is long, or a moment past the video's end."""
    lessons = tuning.Lessons(None, None, {}, world.settings.fine_tuning, True)
    empty = ClickedWindow(None, 3, (), torch.zeros(1), torch.zeros(1))
    assert lessons._sums(tuning.TunedModel(world.before.model, 0.1), empty).tolist() == [0, 0]


def test_processes_share_the_clicks_and_their_losses_add_up(world, monkeypatch):
    """Each scores its own windows; sums over all of them are divided by everybody's counts."""
    encoder, model = world.before.encoder, load_checkpoint(world.before_folder).model
    videos = videos_to_learn_from(world.release, "train")
    found = clicked_clips(world.release, videos, 7, 0.03)
    inputs = {v: encoder.inputs(world.stored[v].values) for v in videos}
    texts = {one.clip.clip_id: encoder.texts([one.description, *one.pool]) for one in found}
    settings = world.settings.fine_tuning
    monkeypatch.setattr(Processes, "together", lambda _, rows: rows)
    of_whole = []

    def losses(processes):
        narration = SimpleNamespace(marks=lambda *_: Marks({}), processes=processes)
        clicks = ClickedClips(found, inputs, settings, 0, processes)
        lessons = tuning.Lessons(narration, clicks, texts, settings, teaches_threshold=True)
        tuned_model = tuning.TunedModel(model, 0.1)
        windows = clicks.batch(3)
        if processes == Processes():
            of_whole.extend((w.frames, lessons._sums(tuned_model, w)[0].item()) for w in windows)
        return lessons.marks(tuned_model, (None, windows), 3).losses

    whole, *shares = (losses(p) for p in (Processes(), Processes(0, 2), Processes(1, 2)))
    for name, value in whole.items():
        assert sum(share[name] for share in shares).item() == pytest.approx(value.item(), rel=1e-5)
    assert set(whole) == {"loss_clicks", "loss_threshold"}
    clicked = [frame.visible > 0 for frames, _ in of_whole for frame in frames]
    assert 0 < sum(clicked) < len(clicked)
    mean = sum(divergence for _, divergence in of_whole) / sum(clicked)
    assert whole["loss_clicks"].item() == pytest.approx(mean)


def test_a_cut_run_goes_on_and_ends_as_if_it_had_not_been_cut(world, monkeypatch):
    world.settings = replace(
        world.settings, training=replace(world.settings.training, save_every=2)
    )
    whole = tuned(world, steps=6).model.state_dict()
    world.folder = world.folder.with_name("cut")
    real = tuning.Lessons.marks

    def cut(self, model, batch, step):
        if step == 5:
            raise KeyboardInterrupt
        return real(self, model, batch, step)

    monkeypatch.setattr(tuning.Lessons, "marks", cut)
    with pytest.raises(KeyboardInterrupt):
        tuned(world, steps=6)
    monkeypatch.setattr(tuning.Lessons, "marks", real)
    again = tuned(world, steps=6).model.state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_what_does_not_fit_the_release_or_the_checkpoint_is_refused(world):
    other = replace(world.settings, network=replace(world.settings.network, dim=16))
    world.settings, before = other, world.settings
    with pytest.raises(SettingsError, match=r"cannot change \[network\]"):
        tuned(world)
    world.settings = replace(before, loss=replace(before.loss, margin=0.1))
    with pytest.raises(SettingsError, match=r"cannot change \[loss\]"):
        tuned(world)
    world.settings = before
    videos = tuple(replace(v, sha256="9" * 64) for v in world.release.videos)
    world.release, real = replace(world.release, videos=videos), world.release
    with pytest.raises(InputError, match=r"r0\.mp4: is not the file that the release names"):
        tuned(world)
    world.release = real
    for path in world.videos.glob("r*"):
        path.unlink()
    with pytest.raises(InputError, match="none of the 4 videos to learn from has a file"):
        tuned(world)


def test_a_validation_video_that_the_checkpoint_was_trained_on_is_refused(world, tmp_path):
    (tmp_path / "other.mp4").write_bytes(b"seen before")
    world.sources = replace(world.sources, apart={"other": tmp_path / "other.mp4"})
    with pytest.raises(InputError, match=r"1 of 1 validation videos are learned from \(other\)"):
        tuned(world)


def test_the_divergence_is_that_of_the_two_distributions():
    density = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    heat = torch.tensor([[3.0, 3.0, 0.0], [1.0, 2.0, 1.0]], dtype=torch.float64)
    assert divergences(density, heat).tolist() == pytest.approx([0.0, 0.6931471805599453])
