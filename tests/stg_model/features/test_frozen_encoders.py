from dataclasses import replace

import av
import numpy as np
import pytest
import torch

from dataset_builder import frames
from dataset_builder.errors import InputError, VideoError
from stg_model.errors import CheckpointError, SettingsError
from stg_model.features import pictures, streaming
from stg_model.features.encoder import StoredFrames, StoredTexts
from stg_model.features.encoders import encoder_for, encoder_from, whole_frames
from stg_model.features.paths import NO_PATHS, BackbonePaths
from stg_model.features.pictures import CLIP_MEAN, CLIP_SD, clip_values, unit_values
from stg_model.settings import FeatureSettings, Settings
from tests.stg_model.features.tiny_weights import (
    DIM,
    IMAGE_PX,
    WORDS,
    openai_clip,
    save_merges,
    save_s3d,
    save_torchscript,
)

pytest.importorskip("transformers")

N_SECONDS = 5


def settings_of(backbone, **changes):
    return Settings(features=FeatureSettings(backbone=backbone, **changes))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    archive = save_torchscript(openai_clip(), folder / "ViT-B-32.pt")
    other = save_torchscript(openai_clip(seed=1), folder / "other.pt")
    merges = save_merges(folder / "bpe.txt.gz")
    return {
        "clip": BackbonePaths(archive, merges),
        "other": BackbonePaths(other, merges),
        "s3d": BackbonePaths(*save_s3d(folder)),
    }


@pytest.fixture(scope="module")
def encoders(files):
    return {name: encoder_for(settings_of(name), files[name]) for name in ("clip", "s3d")}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Five seconds at 4 fps, 64 x 32 pixels, the brightness a step at each frame."""
    path = tmp_path_factory.mktemp("videos") / "v1.mp4"
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 120, (32, 64, 3))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv444p"
        for number in range(4 * N_SECONDS):
            image = (picture + 6 * number).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_clip_reads_the_frame_of_each_second_with_its_own_mean_and_deviation(encoders, video):
    found = encoders["clip"].read(video, np.arange(N_SECONDS), 5.0)
    assert found.dtype == np.float16
    assert found.shape == (N_SECONDS, 1 + (IMAGE_PX // 8) ** 2, DIM)
    squares = frames.read_frames_at(video, list(range(N_SECONDS)), (IMAGE_PX, IMAGE_PX))
    pixels = (squares / 255 - np.array(CLIP_MEAN)) / np.array(CLIP_SD)
    pixels = torch.from_numpy(pixels).float().permute(0, 3, 1, 2)
    with torch.no_grad():
        want, _ = openai_clip()(pixels, torch.zeros(1, 2, dtype=torch.long))
    assert np.allclose(found, want.numpy(), atol=0.01)


def test_the_released_codes_pixels_are_a_setting_with_its_own_digest(files, encoders, video):
    legacy = encoder_for(settings_of("clip", legacy_pixels=True), files["clip"])
    assert legacy.digest != encoders["clip"].digest
    seconds = np.arange(2)
    assert not np.allclose(
        legacy.read(video, seconds, 5.0), encoders["clip"].read(video, seconds, 5.0), atol=0.1
    )
    squares = np.full((1, 2, 2, 3), 51, np.uint8)
    assert torch.allclose(clip_values(squares, legacy=True), torch.tensor(0.2))
    red = clip_values(squares, legacy=False)[0, 0]
    assert torch.allclose(red, torch.tensor((0.2 - CLIP_MEAN[0]) / CLIP_SD[0]))


@pytest.mark.parametrize("crop", ["squeeze", "square", "native"])
def test_a_square_is_the_whole_frame_its_middle_or_a_cut_of_it(video, crop):
    times_s, side = np.array([1.0, 2.0]), 16
    (found,) = pictures.squares_in_blocks(video, times_s, side, crop)
    whole = frames.read_frames_at(video, [1.0, 2.0])
    want = {
        "squeeze": frames.read_frames_at(video, [1.0, 2.0], (side, side)),
        "square": frames.read_frames_at(video, [1.0, 2.0], (2 * side, side))[:, :, 8:24],
        "native": whole[:, 8:24, 24:40],
    }
    assert np.array_equal(found, want[crop])


def test_a_frame_smaller_than_its_native_cut_is_scaled_up(video):
    (found,) = pictures.squares_in_blocks(video, np.array([1.0]), 48, "native")
    want = frames.read_frames_at(video, [1.0], (96, 48))[:, :, 24:72]
    assert np.array_equal(found, want)


@pytest.mark.parametrize("reader", ["decord", "pyav"])
def test_blocks_are_the_frames_whoever_reads(video, monkeypatch, reader):
    if reader == "pyav":
        monkeypatch.setattr(
            "dataset_builder.video_readers._decord", lambda: None
        )  # as where it has no build
    times_s = np.arange(0, 5, 0.25)
    blocks = list(streaming.frames_in_blocks(video, times_s, (64, 32), 6))
    assert [len(block) for block in blocks] == [6, 6, 6, 2]
    want = frames.read_frames_at(video, times_s.tolist(), (64, 32))
    assert np.array_equal(np.concatenate(blocks), want)
    with pytest.raises(VideoError, match=r"v1\.mp4: ends at 5\.00 s, so it shows nothing at 9 s"):
        list(streaming.frames_in_blocks(video, np.array([1.0, 9.0]), (64, 32)))


def test_s3d_reads_the_clip_round_each_second(encoders, video):
    encoder = encoders["s3d"]
    seconds = np.array([0, 3])
    found = encoder.read(video, seconds, 5.0)
    assert found.dtype == np.float16
    assert found.shape == (2, 1 + 49 * 2, 64)
    times_s = np.clip(3 + (np.arange(16) - 7.5) / 5, 0, 5)
    clip = unit_values(frames.read_frames_at(video, times_s.tolist(), (224, 224)))
    with torch.no_grad():
        maps = encoder.weights.model(clip.transpose(0, 1)[None])[0]
    assert np.allclose(found[1, 0], maps.mean((1, 2, 3)), atol=0.01)
    for row, column, t in ((0, 0, 0), (2, 5, 1), (6, 6, 0)):
        token = found[1, 1 + (row * 7 + column) * 2 + t]
        assert np.allclose(token, maps[:, t, row, column], atol=0.01)


def test_clips_are_the_same_however_the_video_is_read(encoders, video, monkeypatch):
    seconds = np.arange(3)
    want = encoders["s3d"].read(video, seconds, 5.0)
    in_blocks = pictures.squares_in_blocks

    def small_blocks(path, times_s, side, crop):
        return in_blocks(path, times_s, side, crop, n_block=3)

    monkeypatch.setattr("stg_model.features.s3d.squares_in_blocks", small_blocks)
    assert np.array_equal(encoders["s3d"].read(video, seconds, 5.0), want)


def test_a_region_is_the_mean_of_its_patches():
    inputs = torch.randn(2, 5, 1 + 3 * 2, 4, dtype=torch.float16)
    tokens = StoredFrames(2)(inputs)
    assert tokens.frames_FC.dtype == torch.float32
    assert torch.equal(tokens.frames_FC, inputs[:, :, 0].float())
    assert tokens.patches_FNPC.shape == (2, 5, 3, 2, 4)
    assert torch.equal(tokens.patches_FNPC[0, 0, 1, 0], inputs[0, 0, 3].float())
    assert torch.allclose(tokens.cells_FNC, tokens.patches_FNPC.mean(-2))
    alone = StoredFrames()(inputs)
    assert torch.equal(alone.cells_FNC, inputs[:, :, 1:].float())


def test_words_of_s3d_are_lower_case_and_unknown_ones_are_dropped(encoders):
    encoder = encoders["s3d"]
    texts = encoder.texts(["Cut THE carrot_egg", "nothing", "don't stir"])
    assert texts.mask_JK.tolist() == [[True] * 3, [False] * 3, [True, True, False]]
    numbers = [1 + WORDS.index(word) for word in ("cut", "the", "egg")]
    with torch.no_grad():
        want = encoder.weights.model.text_module(torch.tensor([numbers]))[0]
    assert torch.allclose(texts.words[0], want, atol=1e-6)
    assert torch.allclose(texts.sentences_JC[0], want.amax(0), atol=1e-6)
    assert (texts.sentences_JC[1] == 0).all()
    assert encoder.knows("an Egg")
    assert not encoder.knows("nothing")


def test_texts_are_cut_at_the_most_words(files):
    for name in ("clip", "s3d"):
        settings = settings_of(name)
        short = replace(settings, training=replace(settings.training, max_words=2))
        texts = encoder_for(short, files[name]).texts(["cut the egg stir"])
        assert texts.mask_JK.tolist() == [[True, True]]


def test_the_prompt_stands_round_every_text(files, encoders):
    plain, prompted = (
        encoders["clip"],
        encoder_for(settings_of("clip", prompt="the {}"), files["clip"]),
    )
    assert torch.equal(prompted.texts(["cut_egg"]).words, plain.texts(["the cut egg"]).words)
    with pytest.raises(SettingsError, match=r"prompt must be a text that holds \{\} once"):
        settings_of("clip", prompt="a photo")


def test_every_character_says_something_to_clip(encoders):
    assert encoders["clip"].knows("ß")
    assert not encoders["clip"].knows(" ")


def test_texts_of_training_are_encoded_once_and_kept(encoders, tmp_path, monkeypatch):
    phrases = ["cut the egg", "stir", "cut the egg", "", "the soup"]
    encoder = encoders["clip"]
    want = encoder.texts(phrases)
    heard = encoder.listen(phrases, tmp_path)
    (file,) = tmp_path.glob("texts-*.safetensors")
    monkeypatch.setattr("stg_model.features.clip.text_tokens", None)  # would be called
    again = encoder.listen(reversed(phrases), tmp_path)
    for listened in (heard, again):
        found = listened.texts(phrases)
        assert torch.equal(found.mask_JK, want.mask_JK)
        assert torch.allclose(found.words, want.words, atol=0.01)
        assert torch.allclose(found.sentences_JC, want.sentences_JC, atol=0.01)
        assert listened.texts(["stir"]).words.shape[1] == want.mask_JK[1].sum()
    monkeypatch.undo()
    assert torch.equal(heard.texts(["egg"]).words, encoder.texts(["egg"]).words)
    encoder.listen(["stir"], tmp_path)
    longer = replace(encoder.settings, features=FeatureSettings("clip", prompt="a {}"))
    replace(encoder, settings=longer).listen(phrases, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    file.write_bytes(b"damaged")
    assert torch.equal(
        encoder.listen(phrases, tmp_path).texts(["stir"]).mask_JK, want.mask_JK[1:2, :4]
    )


def test_no_text_at_all_is_no_error(encoders):
    for encoder in encoders.values():
        texts = encoder.texts([])
        assert texts.words.shape[:2] == (0, 1)
        assert texts.sentences_JC.shape == (0, encoder.word_dim)
    assert len(encoders["clip"].listen([]).texts([]).words) == 0


@pytest.mark.parametrize("name", ["clip", "s3d"])
def test_a_frozen_model_has_no_weights_of_the_backbone(encoders, name):
    from stg_model.training.checkpoint import build_model

    encoder = encoders[name]
    model = build_model(encoder.settings, encoder)
    assert all(key.startswith(("local_branch.", "global_branch.")) for key in model.state_dict())
    visual, textual = encoder.modules()
    assert isinstance(textual, StoredTexts)
    assert not list(visual.state_dict())


@pytest.mark.parametrize("name", ["clip", "s3d"])
def test_a_checkpoint_names_the_files_that_it_needs(files, encoders, name):
    description = encoders[name].describe()
    settings = settings_of(name, crop="native")
    again = encoder_from(description, settings, files[name])
    assert again.describe() == description
    assert again.settings.features.crop == "squeeze"
    for other in ("weights_digest", "words_digest"):
        with pytest.raises(CheckpointError, match=f"trained with other files .{other} 123, "):
            encoder_from({**description, other: "123"}, settings, files[name])


def test_a_crop_is_for_training_alone(files, encoders):
    cropped = encoder_for(settings_of("clip", crop="square"), files["clip"])
    assert cropped.digest != encoders["clip"].digest
    assert whole_frames(cropped).digest == encoders["clip"].digest
    tiny = encoder_for(Settings())
    assert whole_frames(tiny) is tiny


def test_other_weights_have_another_digest_and_other_features(files, encoders):
    other = encoder_for(settings_of("clip"), files["other"])
    assert other.digest != encoders["clip"].digest
    with pytest.raises(CheckpointError, match="--weights: the checkpoint was trained with other"):
        encoder_from(encoders["clip"].describe(), settings_of("clip"), files["other"])


def test_missing_and_superfluous_files_are_named(files):
    for backbone, paths, what in (
        ("clip", NO_PATHS, r"backbone clip needs --weights \(ViT-B-32\.pt"),
        ("clip", replace(files["clip"], vocabulary=None), r"needs --vocabulary \(bpe_simple"),
        ("clip", replace(files["clip"], text_weights=files["s3d"].weights), "no --text-weights"),
        ("s3d", NO_PATHS, r"backbone s3d needs --weights \(s3d_howto100m\.pth"),
        ("s3d", replace(files["s3d"], vocabulary=None), r"needs --vocabulary \(s3d_dict\.npy"),
        ("tiny", files["clip"], "backbone tiny takes no --weights; set features.backbone"),
    ):
        with pytest.raises(InputError, match=what):
            encoder_for(settings_of(backbone), paths)


def test_features_that_are_no_numbers_are_refused(video):
    with pytest.raises(InputError, match="the backbone gives no numbers"):
        pictures.in_16_bits(torch.tensor([1e6]), video)


def test_a_clip_has_a_multiple_of_eight_frames():
    with pytest.raises(SettingsError, match=r"features\.clip_frames must be a multiple of 8"):
        settings_of("s3d", clip_frames=12)


@pytest.mark.parametrize("name", ["clip", "s3d"])
def test_the_global_projections_may_begin_as_the_backbones_own(encoders, name):
    from stg_model.training.checkpoint import build_model

    encoder = encoders[name]

    def settings(**network):
        start = replace(encoder.settings.network, global_start="backbone", **network)
        return replace(encoder.settings, network=start)

    branch = build_model(settings(dim=DIM), encoder).global_branch
    frame, text = torch.randn(3, encoder.token_dim), torch.randn(3, encoder.word_dim)
    model = encoder.weights.model
    with torch.no_grad():
        want = (frame, text) if name == "clip" else (model.fc(frame), model.text_module.fc2(text))
        assert torch.allclose(branch.frames(frame), want[0], atol=1e-5)
        assert torch.allclose(branch.words(text), want[1], atol=1e-5)
    for network in ({"dim": DIM + 1}, {"dim": DIM, "projection": "gated"}):
        with pytest.raises(SettingsError, match=r"network\.projection = linear and .*dim = 32"):
            build_model(settings(**network), encoder)


def test_the_tiny_backbone_has_no_heads_to_begin_with():
    from stg_model.training.checkpoint import build_model

    settings = Settings()
    settings = replace(settings, network=replace(settings.network, global_start="backbone"))
    with pytest.raises(SettingsError, match="the backbone tiny has no space of its own"):
        build_model(settings, encoder_for(settings))
