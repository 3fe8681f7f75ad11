import logging

import av
import numpy as np
import pytest
import safetensors
import torch

from dataset_builder import frames
from dataset_builder.errors import InputError, VideoError
from stg_model.config import load_settings
from stg_model.features.encoders import encoder_for
from stg_model.features.store import extract_features, load_features, read_features
from stg_model.features.tiny import COLOUR_SCALE, TinyBackbone, patch_inputs
from stg_model.settings import NetworkSettings, Settings

ENCODER = encoder_for(Settings())


def write_video(path, n_seconds=3.0, fps=8):
    """Write a video whose picture k has the grey level 10 + 3 k in its left half."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 112, 56, "yuv420p"
        for number in range(round(n_seconds * fps)):
            image = np.zeros((56, 112, 3), np.uint8)
            image[:, :56] = (10 + 3 * number) % 256
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "videos" / "v1.mp4"
    path.parent.mkdir()
    write_video(path)
    return path


def test_a_second_holds_the_frame_on_it_and_the_one_a_moment_later(video):
    features = read_features(video, "v1", ENCODER)
    assert features.n_seconds == 3
    left = features.values[:3, :, 10:46, 4:20].mean((2, 3, 4))
    want = 10 + 3 * np.array([[0, 2], [8, 10], [16, 18]])
    assert np.abs(left - want).max() < 3
    assert features.values[:, :, 10:46, 36:52].max() < 8


@pytest.mark.parametrize(
    ("duration_s", "n_seconds", "n_past"),
    [(2.375, 3, 0), (2.625, 3, 1), (3.0, 3, 1), (0.25, 1, 0), (0.75, 1, 1)],
)
def test_features_run_through_every_second_that_a_frame_may_have(
    tmp_path, duration_s, n_seconds, n_past
):
    path = tmp_path / "v1.mp4"
    write_video(path, duration_s)
    for _ in range(2):  # from the video, then from the store
        (features,) = extract_features({"v1": path}, tmp_path / "store", ENCODER)
        assert (features.n_seconds, features.n_past) == (n_seconds, n_past)
        assert len(features.values) == n_seconds + n_past
        frames.read_frames_at(path, [n_seconds + n_past - 1])
        with pytest.raises(VideoError):
            frames.read_frames_at(path, [n_seconds + n_past])


def test_features_come_from_the_store_once_they_are_there(video, tmp_path, monkeypatch):
    store = tmp_path / "store"
    (first,) = extract_features({"v1": video}, store, ENCODER)
    monkeypatch.setattr("stg_model.features.store.read_features", None)  # would be called
    (again,) = extract_features({"v1": video}, store, ENCODER)
    assert np.array_equal(first.values, again.values)
    assert [path.name for path in store.iterdir()] == ["v1.safetensors"]


def test_the_file_says_what_it_is(video, tmp_path):
    list(extract_features({"v1": video}, tmp_path / "store", ENCODER))
    with safetensors.safe_open(tmp_path / "store/v1.safetensors", "numpy") as stored:
        header = stored.metadata()
    assert header["video_id"] == "v1"
    assert header["backbone"] == "tiny"
    assert header["encoder_digest"] == ENCODER.digest
    assert len(header["source_sha256"]) == 64


def test_features_are_made_again_for_other_settings_another_source_or_a_broken_file(
    video, tmp_path
):
    (features,) = extract_features({"v1": video}, tmp_path, ENCODER)
    file = tmp_path / "v1.safetensors"
    other = encoder_for(load_settings(None, ["features.sub_frame_s=0.5"]))
    assert load_features(file, ENCODER, features.source_sha256) is not None
    assert load_features(file, other, features.source_sha256) is None
    assert load_features(file, ENCODER, "0" * 64) is None
    file.write_bytes(file.read_bytes()[:100])
    assert load_features(file, ENCODER, features.source_sha256) is None


def test_a_video_that_cannot_be_read_is_left_out_with_a_warning(video, tmp_path, caplog):
    bad = video.with_name("v0.mp4")
    bad.write_bytes(b"no video")
    with caplog.at_level(logging.WARNING):
        found = list(extract_features({"v0": bad, "v1": video}, tmp_path / "store", ENCODER))
    assert [features.video_id for features in found] == ["v1"]
    assert "left out" in caplog.text
    assert "v0" in caplog.text


def test_a_video_that_lost_its_end_is_no_short_one(tmp_path):
    cut = tmp_path / "v1.mkv"
    write_video(cut, 12.0)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(VideoError, match=r"v1\.mkv: is cut off at \d\.\d+ s of 12\.00 s; get the"):
        read_features(cut, "v1", ENCODER)


def test_a_folder_without_any_readable_video_is_an_error(tmp_path):
    bad = tmp_path / "v0.mp4"
    bad.write_bytes(b"no video")
    with pytest.raises(InputError, match="none of the 1 videos could be read"):
        list(extract_features({"v0": bad}, None, ENCODER))


def test_patches_lie_in_their_cells_and_hold_colour_then_change():
    settings = NetworkSettings()
    pixels = np.full((1, 2, 56, 56, 3), 51, np.uint8)  # 0.2
    pixels[0, 0, 8:12, 20:24] = (102, 51, 51)  # cell (1, 2), its upper right patch
    inputs = patch_inputs(pixels, settings)
    assert inputs.shape == (1, 49, 4, 24)
    values = inputs[0].reshape(49, 4, 4, 6)
    assert torch.allclose(values[0, 0, :, :3], torch.tensor((0.2 - 0.5) * COLOUR_SCALE))
    changed = values[..., 3:].abs().sum((2, 3)) > 0
    assert changed.nonzero().tolist() == [[1 * 7 + 2, 1]]
    assert torch.allclose(values[9, 1, :, 3], torch.tensor(0.2 * COLOUR_SCALE))
    assert (values[9, 1, :, 4:] == 0).all()


def test_pictures_that_do_not_divide_into_cells_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        patch_inputs(np.zeros((1, 2, 50, 56, 3), np.uint8), NetworkSettings())


def test_nothing_mixes_between_the_cells():
    torch.manual_seed(0)
    settings = NetworkSettings()
    backbone = TinyBackbone(settings)
    inputs = torch.randn(2, 49, 4, 24)
    changed = inputs.clone()
    changed[:, 17] += 1
    before, after = backbone(inputs).cells_FNC, backbone(changed).cells_FNC
    differs = (before != after).any(-1)
    assert differs[:, 17].all()
    assert differs.sum() == 2


def test_a_frame_is_the_maximum_of_its_cells_and_a_cell_of_its_patches():
    tokens = TinyBackbone(NetworkSettings())(torch.randn(3, 49, 4, 24))
    assert torch.equal(tokens.cells_FNC, tokens.patches_FNPC.amax(2))
    assert torch.equal(tokens.frames_FC, tokens.patches_FNPC.flatten(1, 2).amax(1))
