import os
import pickle
import random
import re
import tarfile
import warnings
import zipfile

import pytest
import safetensors.torch
import torch

from dataset_builder.errors import InputError
from stg_model.features.torchscript import archive_tensors, is_torchscript
from stg_model.features.weight_files import check_shapes, digest_of_tensors, read_tensors

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}
EXPECTED = "two tensors"


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(3, 2, bias=False)
        self.register_buffer("b", torch.ones(2, dtype=torch.float16))

    def forward(self, x):
        return self.a(x)


def save(kind, path, content=TENSORS):
    if kind == "safetensors":
        safetensors.torch.save_file(content, path)
    elif kind == "torchscript":
        module = Small()
        module.load_state_dict(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch.jit's deprecation
            torch.jit.trace(module, torch.zeros(1, 3)).save(str(path))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    return path


KINDS = ("safetensors", "zip", "old pickle", "torchscript")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_gives_its_tensors(tmp_path, kind):
    found = read_tensors(save(kind, tmp_path / "w.pt"), EXPECTED)
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


def test_a_training_state_is_unwrapped_and_loses_the_prefix_of_parallel_training(tmp_path):
    state = {f"module.{name}": value for name, value in TENSORS.items()}
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))])
    content = {"epoch": 3, "state_dict": state, "optimizer": optimiser.state_dict()}
    assert read_tensors(save("zip", tmp_path / "w", content), EXPECTED).keys() == TENSORS.keys()
    mixed = {"state_dict": {**state, "other": torch.ones(1)}}
    found = read_tensors(save("zip", tmp_path / "m", mixed), EXPECTED)
    assert found.keys() == {*state, "other"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>Not found", "is a web page"),
        (b"<html>", "is a web page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is a Git LFS pointer"),
        (b"PK\x03\x04rest of a zip", "is damaged or holds more than tensors"),
        (b"some text\n", "is damaged or holds more than tensors"),
        (b"\x80\x02}q\x00.", "is damaged or holds more than tensors"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{}", "is damaged or holds more than tensors"),
    ],
)
def test_files_that_hold_no_weights_are_named_with_what_was_expected(tmp_path, content, what):
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"w\.pt: {what}.*; expected two tensors$") as caught:
        read_tensors(path, EXPECTED)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"none\.pt: cannot be read .*; expected two tensors"):
        read_tensors(tmp_path / "none.pt", EXPECTED)


@pytest.mark.parametrize("content", [[torch.ones(1)], {"a": 3}, {3: torch.ones(1)}, {}, 7])
def test_a_file_of_something_else_than_tensors_by_name_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"w: .*(no tensors by name|not a tensor); expected two"):
        read_tensors(save("zip", tmp_path / "w", content), EXPECTED)


def test_a_tensor_that_repeats_few_numbers_is_refused_before_it_takes_memory(tmp_path):
    huge = {"a": torch.ones(1).expand(10**12)}
    with pytest.raises(InputError, match=r"a claims 1000000000000 numbers and holds fewer"):
        read_tensors(save("zip", tmp_path / "w", huge), EXPECTED)


@pytest.mark.parametrize("kind", ["sparse", "rows", "meta", "nested", "negative"])
def test_a_tensor_that_is_no_plain_one_is_refused(tmp_path, kind):
    plain = torch.eye(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layouts in beta
        odd = {
            "sparse": plain.to_sparse,
            "rows": plain.to_sparse_csr,
            "meta": lambda: plain.to("meta"),
            "nested": lambda: torch.nested.nested_tensor([plain]),
            "negative": lambda: torch._neg_view(plain),
        }[kind]()
        path = save("zip", tmp_path / "w", {"a": plain, "b": odd})
    with pytest.raises(InputError, match="w: b is sparse, nested or without its numbers; expected"):
        read_tensors(path, EXPECTED)


def test_a_tar_archive_is_not_unpacked(tmp_path):
    save("zip", tmp_path / "GroundingWeights.pth")
    with tarfile.open(tmp_path / "w.pth.tar", "w") as tar:
        tar.add(tmp_path / "GroundingWeights.pth", "GroundingWeights.pth")
    with pytest.raises(InputError, match="is a tar archive: unpack it first"):
        read_tensors(tmp_path / "w.pth.tar", EXPECTED)


class Touch:
    """Pickled code: would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["zip", "old pickle", "plain pickle", "torchscript"])
def test_code_in_a_pickle_is_refused_and_never_run(tmp_path, kind):
    path, touched = tmp_path / "w.pt", tmp_path / "touched"
    content = {"a": torch.ones(1), "evil": Touch(touched)}
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps({"evil": Touch(touched)}, protocol=2))
    elif kind == "torchscript":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("w/code/__torch__.py", "")
            archive.writestr("w/data.pkl", pickle.dumps(Touch(touched), protocol=2))
    else:
        save(kind, path, content)
    with pytest.raises(InputError, match=r"a pickle that asks for|asks for posix|no pickle of"):
        read_tensors(path, EXPECTED)
    assert not touched.exists()


class Restored(torch.nn.Module):
    """What TorchScript would run on loading: its `__setstate__` writes a file."""

    def __init__(self, path: str):
        super().__init__()
        self.training = False
        self.w = torch.zeros(1)
        self.path = path

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, str]:
        return self.w, self.path

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, str]) -> None:
        self.w, self.path = state
        self.training = False
        torch.save(self.w, self.path)

    def forward(self, x):
        return x


def test_code_of_a_torchscript_archive_is_refused_and_never_run(tmp_path):
    path, written = tmp_path / "w.pt", tmp_path / "written"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Restored(str(written))).save(str(path))
        written.unlink(missing_ok=True)
        with pytest.raises(InputError, match="code of its own to be restored"):
            read_tensors(path, EXPECTED)
        assert not written.exists()
        torch.jit.load(str(path))
    assert written.exists(), "torch.jit.load runs it: the archive would have been dangerous"


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_of_any_kind_is_one_line(tmp_path, kind):
    """Cut off anywhere, or with bytes changed: refused, or read as other numbers, never a crash."""
    path = tmp_path / "w.pt"
    whole = save(kind, path).read_bytes()
    rng = random.Random(0)
    cut = [whole[: len(whole) * n // 12] for n in range(12)]
    changed = []
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(3):
            content[rng.randrange(len(content))] = rng.randrange(256)
        changed.append(bytes(content))
    n_refused = 0
    for content in [*cut, *changed]:
        path.write_bytes(content)
        refusal = refusal_of(path)
        n_refused += bool(refusal)
        assert not refusal or re.fullmatch(r"[^\n]*; expected two tensors", refusal)
    assert n_refused >= len(cut)


def refusal_of(path):
    try:
        read_tensors(path, EXPECTED)
    except InputError as error:
        return str(error)
    return ""


def archive(path, change):
    """Rewrite a TorchScript archive with some entries changed."""
    whole = save("torchscript", path.with_name("whole.pt"))
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            name, content = change(info.filename, source.read(info))
            if name:
                target.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda name, content: (name, content[:-4] if name.endswith("/data/0") else content),
        lambda name, content: ("" if name.endswith("/data/0") else name, content),
        lambda name, content: ("" if name.endswith("data.pkl") else name, content),
        lambda name, content: (f"other/{name}" if name.endswith("0") else name, content),
        lambda name, content: (name, content.replace(b"FloatStorage", b"EvilyStorage")),
        lambda name, content: (name, content.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v9")),
        lambda name, content: (name, content.replace(b"K\x02K\x03", b"K\x02K\x04")),
    ],
)
def test_an_archive_whose_parts_do_not_fit_is_refused(tmp_path, change):
    path = archive(tmp_path / "w.pt", change)
    assert is_torchscript(path)
    with pytest.raises(InputError, match=r"w\.pt: is damaged or holds more than tensors"):
        read_tensors(path, EXPECTED)


def test_an_archive_whose_tensor_repeats_few_numbers_is_refused(tmp_path):
    def repeated(name, content):
        return name, content.replace(b"K\x02K\x03", b"K\x64K\x03").replace(b"K\x03K\x01", b"K\0K\0")

    with pytest.raises(InputError, match=r"a tensor of \(100, 3\) repeats 6 numbers"):
        read_tensors(archive(tmp_path / "w.pt", repeated), EXPECTED)


def test_an_archive_may_come_from_a_gpu(tmp_path):
    def from_gpu(name, content):
        return name, content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")

    found = archive_tensors(archive(tmp_path / "w.pt", from_gpu))
    assert torch.equal(found["a.weight"], TENSORS["a.weight"])


def test_tensors_must_be_exactly_the_wanted_ones(tmp_path):
    path = tmp_path / "w.pt"
    shapes = {"a": (2,), "bn.num_batches_tracked": ()}
    found = {"a": torch.ones(2), "bn.num_batches_tracked": torch.tensor(3)}
    check_shapes(path, found, shapes, EXPECTED)
    for change, what in (
        ({"a": torch.ones(3)}, r"a has the shape \(3,\), not \(2,\)"),
        ({"a": torch.ones(2, dtype=torch.int32)}, r"a holds torch\.int32"),
        ({"a": torch.tensor([1.0, torch.nan])}, "a holds NaN or infinity"),
        ({"a": torch.tensor([1.0, -torch.inf])}, "a holds NaN or infinity"),
        ({"z": torch.ones(1)}, "holds the tensor z, which has no place"),
    ):
        with pytest.raises(InputError, match=what):
            check_shapes(path, {**found, **change}, shapes, EXPECTED)
    del found["a"]
    with pytest.raises(InputError, match=r"lacks the tensor a \(2,\)"):
        check_shapes(path, found, shapes, EXPECTED)


def test_a_digest_is_of_names_shapes_and_values_alone():
    digest = digest_of_tensors(TENSORS)
    turned = {name: TENSORS[name].double() for name in reversed(TENSORS)}
    assert digest_of_tensors(turned) == digest
    for other in (
        {**TENSORS, "b": torch.tensor([1.0, 2.0])},
        {**TENSORS, "b": torch.ones(1, 2)},
        {"a.weight": TENSORS["a.weight"], "c": TENSORS["b"]},
    ):
        assert digest_of_tensors(other) != digest
