from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.build import build_release, write_built_release
from dataset_builder.exporters.huggingface import dataset_card


@pytest.fixture(scope="module")
def release(make_snapshot):
    return build_release(make_snapshot(), name="demo", version="1.0.0")


def front_matter(card: str) -> list[str]:
    opening, block, _ = card.split("---\n", 2)
    assert opening == ""
    return block.splitlines()


def test_the_card_names_one_configuration_for_each_table_that_exists(release, tmp_path):
    write_built_release(tmp_path / "release", release)
    lines = front_matter((tmp_path / "release/README.md").read_text())
    paths = {line.split("path: ")[1] for line in lines if "path: " in line}
    tables = {p.relative_to(tmp_path / "release").as_posix() for p in tmp_path.rglob("*.parquet")}
    assert paths == tables


def test_without_a_licence_the_card_says_what_to_do(release):
    card = dataset_card(release)
    assert "--licence" in card
    assert not any(line.startswith("license") for line in front_matter(card))


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-4.0", ["license: cc-by-4.0"]),
        ('Ask "us" first', ["license: other", 'license_name: "Ask \\"us\\" first"']),
    ],
)
def test_a_stated_licence_stands_in_the_card(release, licence, expected):
    lines = front_matter(dataset_card(replace(release, licence=licence)))
    assert [line for line in lines if line.startswith("license")] == expected
    assert licence in dataset_card(replace(release, licence=licence))
