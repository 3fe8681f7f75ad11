"""What docs/releases.md says is so: its example gives the digest that the manifest states."""

from __future__ import annotations

import re
from pathlib import Path

from dataset_builder import tables, verify
from dataset_builder.build import build_release, write_built_release
from dataset_builder.settings import BuildSettings

PAGE = (Path(__file__).parents[2] / "docs/releases.md").read_text(encoding="utf-8")


def test_the_example_gives_the_content_digest_of_the_manifest(make_snapshot, tmp_path):
    release = build_release(make_snapshot(), name="demo", version="1.0.0")
    write_built_release(tmp_path / "OUT", release)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    *lines, last = code.replace("OUT/", f"{tmp_path / 'OUT'}/").strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join([*lines, f"found = {last}"]), names)
    manifest = tables.read_json(tmp_path / "OUT/manifest.json")
    assert names["found"] == manifest["tables"]["boxes"]["content_sha256"]


def test_every_code_and_setting_that_it_names_exists():
    _, table, _ = (verify.__doc__ or "").split("\n\n")[1:4]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.split("## What verify finds")[1]))
    codes = {name for name in named if name not in BuildSettings().to_mapping()}
    assert codes
    assert codes <= set(re.findall(r"[a-z]+(?:_[a-z]+)+", table))
    for setting in ("splits", "split_salt", "benchmark_splits", "benchmark_answers"):
        assert setting in PAGE
        assert setting in BuildSettings().to_mapping()
