import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from dataset_builder.errors import InputError
from stg_model.features.s3d_network import INCEPTION, S3d, pooled, space_to_depth
from stg_model.features.s3d_weights import load_s3d, read_dictionary
from tests.stg_model.features.tiny_weights import WORDS, s3d_tensors, save_s3d

WIDTH = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return save_s3d(tmp_path_factory.mktemp("s3d"))


def test_the_network_has_the_published_names_shapes_and_size():
    with torch.device("meta"):
        model = S3d(66_250, 300)
    tensors = model.state_dict()
    assert len(tensors) == 537
    assert sum(value.numel() for value in model.parameters()) == 31_211_336
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    assert shapes["conv1.conv1.weight"] == (64, 24, 2, 4, 4)
    assert shapes["conv_2c.conv1.weight"] == (192, 64, 1, 3, 3)
    assert shapes["conv_2c.conv2.weight"] == (192, 192, 3, 1, 1)
    assert shapes["gating.fc.weight"] == (192, 192)
    assert shapes["mixed_5c.conv_b1_b.conv2.weight"] == (384, 384, 3, 1, 1)
    assert shapes["fc.weight"] == (512, 1024)
    assert shapes["text_module.fc1.weight"] == (2048, 300)
    assert shapes["text_module.fc2.weight"] == (512, 2048)
    out = [sum(sizes[i] for i in (0, 2, 4, 5)) for _, sizes in INCEPTION.values()]
    assert out == [256, 480, 512, 512, 512, 528, 832, 832, 1024]


@pytest.mark.parametrize(("n_frames", "n_cells"), [(16, 2), (32, 4)])
def test_cells_stand_for_8_frames_and_32_pixels(files, n_frames, n_cells):
    model = load_s3d(*files).model
    with torch.no_grad():
        maps = model(torch.rand(1, 3, n_frames, 224, 224))
    assert maps.shape == (1, 1024 // WIDTH, n_cells, 7, 7)


def test_clips_that_do_not_divide_into_cells_are_refused(files):
    with pytest.raises(ValueError, match="T a multiple of 8"):
        load_s3d(*files).model(torch.rand(1, 3, 12, 32, 32))


def test_a_block_of_pixels_becomes_channels_by_time_row_column_then_colour():
    clip = torch.arange(2 * 3 * 4 * 4 * 4).reshape(2, 3, 4, 4, 4).float()
    cells = space_to_depth(clip)
    assert cells.shape == (2, 24, 2, 2, 2)
    for channel, (t, y, x, colour) in enumerate(np.ndindex(2, 2, 2, 3)):
        assert torch.equal(cells[:, channel], clip[:, colour, t::2, y::2, x::2])


def test_the_first_convolution_leaves_out_what_its_even_kernel_adds(files):
    model = load_s3d(*files).model
    clip = torch.rand(1, 3, 8, 32, 32)
    cells = space_to_depth(clip)
    seen = []
    model.conv_2b.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(clip)
        weight = model.conv1.conv1.weight
        # Cell (t, y, x) sees t..t+1, y-1..y+2, x-1..x+2; zeros beyond the borders.
        padded = F.pad(cells, (1, 2, 1, 2, 0, 1))
        want = torch.relu(model.conv1.bn1(F.conv3d(padded, weight)))
        want = F.max_pool3d(F.pad(want, (0, 1, 0, 1)), (1, 3, 3), (1, 2, 2))
    assert torch.allclose(seen[0], want, atol=1e-5)


def test_pooling_pads_as_tensorflow_does():
    line = torch.arange(1.0, 8).reshape(1, 1, 1, 1, 7).expand(1, 1, 1, 7, 7)
    assert pooled(line, (1, 3, 3), (1, 2, 2))[0, 0, 0, 0].tolist() == [3, 5, 7, 7]
    even = torch.arange(1.0, 5).reshape(1, 1, 4, 1, 1)
    assert pooled(even, (2, 1, 1), (2, 1, 1)).flatten().tolist() == [2, 4]
    below = torch.full((1, 1, 4, 4, 4), -1.0)
    assert pooled(below, (3, 3, 3), (2, 2, 2))[0, 0, :, 0, 0].tolist() == [-1, 0]


def test_a_gate_scales_each_channel_by_what_all_channels_say(files):
    gate = load_s3d(*files).model.gating
    maps = torch.rand(1, 192 // WIDTH, 2, 3, 3)
    share = gate(maps) / maps
    with torch.no_grad():
        want = torch.sigmoid(F.linear(maps.mean((2, 3, 4)), gate.fc.weight, gate.fc.bias))
    assert torch.allclose(share, want[:, :, None, None, None].expand_as(share), atol=1e-5)


def test_words_are_rows_from_one_on(files):
    weights = load_s3d(*files)
    assert weights.words == WORDS
    tensors = torch.load(files[0])
    with torch.no_grad():
        tokens = weights.model.text_module(torch.tensor([[1, 3]]))
    table, fc1 = tensors["text_module.word_embd.weight"], tensors["text_module.fc1.weight"]
    want = torch.relu(table[[1, 3]] @ fc1.T + tensors["text_module.fc1.bias"])
    assert torch.allclose(tokens[0], want, atol=1e-6)


def test_a_word_table_of_its_own_replaces_the_files(files, tmp_path):
    table = torch.randn(len(WORDS) + 1, 6)
    for content in (table, {"weight": table}):
        torch.save(content, tmp_path / "word2vec.pth")
        weights = load_s3d(*files, tmp_path / "word2vec.pth")
        assert torch.equal(weights.model.text_module.word_embd.weight, table)
    assert weights.digest != load_s3d(*files).digest
    torch.save(torch.randn(3, 5), tmp_path / "word2vec.pth")
    with pytest.raises(InputError, match=r"fc1\.weight has the shape \(128, 6\), not \(128, 5\)"):
        load_s3d(*files, tmp_path / "word2vec.pth")
    for content, what in (("text", "a str"), (table * torch.nan, "2 dimensions or NaN")):
        torch.save(content, tmp_path / "word2vec.pth")
        with pytest.raises(InputError, match=rf"word2vec\.pth: holds {what}, no table of numbers"):
            load_s3d(*files, tmp_path / "word2vec.pth")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda t: t.pop("mixed_4c.gating_b2.fc.bias"),
            r"lacks the tensor mixed_4c\.gating_b2\.fc",
        ),
        (lambda t: t.update({"fc.weight": torch.zeros(32, 65)}), r"fc\.weight has the shape"),
        (lambda t: t.update(net=torch.zeros(1)), "holds the tensor net, which has no place"),
        (lambda t: t.pop("conv1.conv1.weight"), r"lacks the tensor conv1\.conv1\.weight"),
        (lambda t: t.update({"conv1.conv1.weight": torch.zeros(5, 24, 2, 4, 4)}), "5 channels"),
    ],
)
def test_other_weights_are_named(files, tmp_path, change, what):
    tensors = s3d_tensors()
    change(tensors)
    torch.save(tensors, tmp_path / "other.pth")
    with pytest.raises(InputError, match=rf"other\.pth: .*{what}.*; expected the S3D of MIL-NCE"):
        load_s3d(tmp_path / "other.pth", files[1])


def test_the_words_must_fit_the_table(files, tmp_path):
    np.save(tmp_path / "short.npy", np.array(WORDS[:3]))
    with pytest.raises(InputError, match="3 words for a table of 7 rows"):
        load_s3d(files[0], tmp_path / "short.npy")
    np.save(tmp_path / "one_more.npy", np.array([*WORDS, "beyond"]))
    assert load_s3d(files[0], tmp_path / "one_more.npy").words == WORDS


class Touch:
    """Pickled code: would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_texts_are_read_from_a_pickled_array_too(tmp_path):
    path = tmp_path / "dict.npy"
    np.save(path, np.array(WORDS, dtype=object), allow_pickle=True)
    assert read_dictionary(path) == WORDS


@pytest.mark.parametrize("how", ["in an array", "as the array"])
def test_code_in_a_dictionary_is_refused_and_never_run(tmp_path, how):
    path, touched = tmp_path / "dict.npy", tmp_path / "touched"
    array = np.array([Touch(touched), "cut"], dtype=object)
    np.save(path, array, allow_pickle=True)
    if how == "as the array":
        header = path.read_bytes()[:128]
        path.write_bytes(header + pickle.dumps(Touch(touched)))
    with pytest.raises(InputError, match=r"dict\.npy: is damaged or no array .*asks for"):
        read_dictionary(path)
    assert not touched.exists()


def test_other_arrays_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "dict.npy"
    twice = np.array(["cut", "egg", "cut"])
    for array in (np.zeros(3), np.array([["a"]]), np.array(["a", 3], dtype=object), twice):
        np.save(path, array, allow_pickle=True)
        what = r"is an array|something else than words|holds 'cut' 2 times"
        with pytest.raises(InputError, match=what):
            read_dictionary(path)
    np.save(path, np.array(WORDS))
    content = path.read_bytes()
    for length in (0, 3, 9, 60, 127, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="is damaged or no array of words"):
            read_dictionary(path)
    path.write_bytes(content.replace(b"(6,)", b"(9" + b"0" * 9 + b",)").replace(b" " * 8, b"", 1))
    with pytest.raises(InputError, match="is damaged or no array of words"):
        read_dictionary(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_dictionary(tmp_path / "none.npy")
