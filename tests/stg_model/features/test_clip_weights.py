import json

import numpy as np
import pytest
import torch

from dataset_builder.errors import InputError
from tests.stg_model.features.tiny_weights import (
    CONTEXT,
    DIM,
    IMAGE_PX,
    N_TOKENS,
    openai_clip,
    save_folder,
    save_merges,
    save_torchscript,
)

pytest.importorskip("transformers")

from stg_model.features.clip import frame_tokens, text_tokens
from stg_model.features.clip_weights import load_clip
from stg_model.features.clip_words import ClipWords, byte_characters, load_words


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same small CLIP three times: archive, fine-tuned state, Hugging Face folder."""
    folder = tmp_path_factory.mktemp("clip")
    model = openai_clip()
    archive = save_torchscript(openai_clip(), folder / "ViT-B-32.pt")
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, folder / "finetuned.pth.tar")
    merges = save_merges(folder / "bpe.txt.gz")
    loaded = load_clip(archive)
    words = load_words(merges, loaded.n_tokens)
    save_folder(loaded.model, words, folder / "folder")
    return {
        "model": model,
        "merges": merges,
        "archive": archive,
        "state": folder / "finetuned.pth.tar",
        "folder": folder / "folder",
    }


@pytest.mark.parametrize("kind", ["archive", "state", "folder"])
def test_tokens_are_those_of_openais_network(files, kind):
    weights = load_clip(files[kind])
    words = load_words(files["merges"], weights.n_tokens)
    marks = (words.vocabulary["<|startoftext|>"], words.vocabulary["<|endoftext|>"])
    config = weights.model.text_model.config
    assert (config.bos_token_id, config.eos_token_id) == marks  # transformers warns of others
    pixels = torch.randn(3, 3, IMAGE_PX, IMAGE_PX)
    phrases = ["Cut the egg", "stir", "a b c d e f g h i j k l m n"]
    ids = words.ids(phrases, CONTEXT)
    with torch.no_grad():
        want_visual, want_text = files["model"](pixels, ids.ids_JL)
    assert torch.allclose(frame_tokens(weights.model, pixels), want_visual, atol=2e-5)
    texts = text_tokens(weights, words, phrases, 5)
    assert texts.words.shape == (3, 5, DIM)
    for row, end in enumerate(ids.end_J.tolist()):
        n_words = min(5, end - 1)
        assert texts.mask_JK[row].tolist() == [k < n_words for k in range(5)]
        want = want_text[row, 1 : 1 + n_words]
        assert torch.allclose(texts.words[row, :n_words], want, atol=2e-5)
        assert (texts.words[row, n_words:] == 0).all()
        assert torch.allclose(texts.sentences_JC[row], want_text[row, end], atol=2e-5)


def test_the_same_values_have_the_same_digest_whatever_file_they_lie_in(files):
    digests = {load_clip(files[kind]).digest for kind in ("archive", "state", "folder")}
    assert len(digests) == 1
    assert load_clip(files["archive"]).dim == DIM


def test_another_value_is_another_digest(files, tmp_path):
    state = files["model"].state_dict()
    state["logit_scale"] = state["logit_scale"] + 1
    torch.save(state, tmp_path / "other.pt")
    assert load_clip(tmp_path / "other.pt").digest != load_clip(files["state"]).digest


def changed(files, path, change):
    state = {name: value.clone() for name, value in files["model"].state_dict().items()}
    change(state)
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda state: state.pop("visual.transformer.resblocks.1.attn.in_proj_bias"),
            r"lacks the tensor visual\.transformer\.resblocks\.1\.attn\.in_proj_bias \(384,\)",
        ),
        (
            lambda state: state.update(text_projection=torch.zeros(64, DIM + 1)),
            r"visual\.proj has the shape \(128, 32\), not \(128, 33\)",
        ),
        (lambda state: state.pop("visual.conv1.weight"), r"lacks the tensor visual\.conv1\.weight"),
        (
            lambda state: state.update({"visual.layer1.0.conv1.weight": torch.zeros(1)}),
            r"holds the tensor visual\.layer1\.0\.conv1\.weight, which has no place",
        ),
        (
            lambda state: state.update({"ln_final.bias": torch.zeros(64, dtype=torch.long)}),
            r"ln_final\.bias holds torch\.int64",
        ),
        (
            lambda state: state.update({"visual.conv1.weight": torch.zeros(100, 3, 8, 8)}),
            "a width of 100 is no multiple of 64",
        ),
    ],
)
def test_weights_that_are_not_exactly_the_networks_are_named(files, tmp_path, change, what):
    path = changed(files, tmp_path / "other.pt", change)
    with pytest.raises(InputError, match=rf"other\.pt: {what}.*; expected CLIP with a vision"):
        load_clip(path)


def test_a_folder_without_weights_or_of_another_network_is_refused(files, tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.safetensors or pytorch_model\.bin"):
        load_clip(tmp_path)
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((files["folder"] / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["vision_config"]["num_attention_heads"] = 4
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"vision_config\.num_attention_heads is 4, .* 2"):
        load_clip(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="is not of model_type 'clip'"):
        load_clip(tmp_path)


def test_the_merges_and_the_folder_give_the_same_tokens(files, tmp_path):
    from_merges = load_words(files["merges"], N_TOKENS)
    from_folder = load_words(files["folder"], N_TOKENS)
    assert from_merges.vocabulary == from_folder.vocabulary
    assert from_merges.digest == from_folder.digest
    model = {"vocab": from_merges.vocabulary, "merges": [list(p) for p in from_merges.merges]}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    assert load_words(tmp_path, N_TOKENS).digest == from_merges.digest


def test_texts_become_the_ids_of_openais_tokenizer(files):
    words = load_words(files["merges"], N_TOKENS)
    start, end = N_TOKENS - 2, N_TOKENS - 1
    the, cut, egg = (512 + number for number in (5, 1, 3))
    found = words.ids(["The  CUT\negg", "", "egg"], CONTEXT)
    assert found.ids_JL.tolist() == [
        [start, the, cut, egg, end],
        [start, end, end, end, end],
        [start, egg, end, end, end],
    ]
    assert found.end_J.tolist() == [4, 1, 2]
    letters = byte_characters()
    unmerged = words.ids(["ab"], CONTEXT).ids_JL.tolist()
    assert unmerged == [[start, letters.index("a"), 256 + letters.index("b"), end]]
    assert words.ids(["egg " * 50], CONTEXT).ids_JL.tolist() == [[start, *[egg] * 10, end]]


def test_the_byte_alphabet_is_printable_and_begins_with_ascii():
    letters = byte_characters()
    assert len(set(letters)) == 256
    assert letters[:3] == ["!", '"', "#"]
    assert letters[188:190] == ["Ā", "ā"]  # the bytes 0 and 1
    assert all(letter.isprintable() for letter in letters)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"c u\ncu t</w>\n", "cannot be read"),
        (None, "cannot be read"),
        ("three of them", "is no pair of tokens"),
        ("c u", "has 515 tokens where the weights have embeddings for 520"),
    ],
)
def test_a_list_of_merges_that_is_none_is_named(tmp_path, content, what):
    import gzip

    path = tmp_path / "merges.gz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.write_bytes(gzip.compress(f"#version\n{content}".encode()))
    with pytest.raises(InputError, match=what):
        load_words(path, N_TOKENS)


@pytest.mark.parametrize(
    ("vocab", "merges", "what"),
    [
        ("[]", "", "does not map tokens"),
        ('{"a": "b"}', "", "does not map tokens"),
        ('{"a": 0, "b": 1}', "", "has 2 tokens where"),
        ("{", "", "cannot be read as JSON"),
    ],
)
def test_a_folder_whose_tokenizer_is_none_is_named(tmp_path, vocab, merges, what):
    with pytest.raises(InputError, match="holds no tokenizer"):
        load_words(tmp_path, N_TOKENS)
    (tmp_path / "vocab.json").write_text(vocab)
    (tmp_path / "merges.txt").write_text(merges)
    with pytest.raises(InputError, match=what):
        load_words(tmp_path, N_TOKENS)


def test_a_merge_of_tokens_that_do_not_exist_is_named(files):
    vocabulary = dict(load_words(files["merges"], N_TOKENS).vocabulary)
    assert ClipWords(vocabulary, ()).ids(["a"], CONTEXT).end_J.tolist() == [2]
    folder = files["folder"]
    text = (folder / "merges.txt").read_text()
    try:
        (folder / "merges.txt").write_text(text + "zz top\n")
        with pytest.raises(InputError, match="merges 'zz top', which is no token"):
            load_words(folder, N_TOKENS)
    finally:
        (folder / "merges.txt").write_text(text)


def test_tokens_do_not_depend_on_the_other_texts(files):
    weights = load_clip(files["archive"])
    words = load_words(files["merges"], weights.n_tokens)
    alone = text_tokens(weights, words, ["cut"], 20)
    beside = text_tokens(weights, words, ["cut", "cut the egg and stir"], 20)
    assert alone.words.shape[1] == 1
    assert np.allclose(alone.words[0, 0], beside.words[0, 0], atol=1e-5)
    assert np.allclose(alone.sentences_JC[0], beside.sentences_JC[0], atol=1e-5)
