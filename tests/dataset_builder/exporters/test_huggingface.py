from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.build import build_release, write_built_release
from dataset_builder.exporters.huggingface import dataset_card, write_huggingface
from dataset_builder.fusion.tubes import GAP_RULES
from dataset_builder.release import read_release
from dataset_builder.settings import BuildSettings


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


@pytest.mark.parametrize("gap", GAP_RULES)
@pytest.mark.parametrize(("mode", "rule"), [("paper", "union_margin"), ("robust", "robust_union")])
def test_the_card_tells_the_rules_of_its_own_mode_and_gaps(release, mode, rule, gap):
    settings = BuildSettings(mode=mode, tube_gap=gap).to_mapping()
    card = dataset_card(replace(release, settings=settings))
    assert f"ox (`{rule}`)" in card
    assert ("min_p_visible`; else" in card) == (mode == "robust")
    assert f'(`tube_gap = "{gap}"`)' in card
    assert ("filled_seconds" in card) == (gap == "filled_linearly")


def test_the_card_tells_how_far_people_agree_where_there_are_answers(release):
    share = release.agreement["share_unimodal"]
    assert f"| `share_unimodal` | {share} |" in dataset_card(release)
    assert "## Agreement" not in dataset_card(replace(release, agreement={}))


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


def test_boxes_are_loaded_where_no_configuration_is_named(release):
    lines = front_matter(dataset_card(release))
    before = lines[lines.index("  default: true") - 1]
    assert before == "- config_name: boxes"


@pytest.mark.parametrize(("n_frames", "size"), [(999, "n<1K"), (1000, "1K<n<10K")])
def test_the_card_says_how_large_the_release_is(release, n_frames, size):
    frames = (release.frames * n_frames)[:n_frames]
    assert f"- {size}" in front_matter(dataset_card(replace(release, frames=frames)))


def test_the_card_counts_every_split(release):
    first, *others = release.clips
    card = dataset_card(replace(release, clips=(replace(first, split="train"), *others)))
    rows = [line for line in card.splitlines() if line.startswith(("| test |", "| train |"))]
    counts = [[int(cell) for cell in row.split("|")[2:-1]] for row in rows]
    assert [sum(column) for column in zip(*counts, strict=True)] == [
        len(release.clips),
        sum(clip.is_benchmark for clip in release.clips),
        len(release.frames),
        len(release.boxes),
    ]
    assert counts[1][0] == 1


def test_every_setting_of_the_build_stands_in_the_card(make_snapshot):
    settings = BuildSettings(mode="robust", tube_gap="ends_the_tube")
    built = build_release(make_snapshot(), name="demo", version="1.0.0", settings=settings)
    card = dataset_card(built)
    for name in settings.to_mapping():
        assert f"| `{name}` |" in card
    assert "robust_union" in card
    assert "each run of seconds" in card


def test_a_release_that_was_given_says_so_and_speaks_of_no_crowd(release):
    given = replace(release, derivation="means", answers=(), settings={}, agreement={})
    card = dataset_card(given)
    assert "`derivation` is `means`" in card
    assert "How it was collected" not in card
    assert "crowdsourced" not in card


def test_the_folder_for_the_hub_is_the_built_release_but_for_the_sums(release, tmp_path):
    write_built_release(tmp_path / "release", release)
    (tmp_path / "hub").mkdir()
    write_huggingface(read_release(tmp_path / "release"), tmp_path / "hub")
    found = {p.relative_to(tmp_path / "hub") for p in (tmp_path / "hub").rglob("*.*")}
    for path in found:
        ours = (tmp_path / "release" / path).read_bytes()
        assert (tmp_path / "hub" / path).read_bytes() == ours, path
    built = {p.relative_to(tmp_path / "release") for p in (tmp_path / "release").rglob("*.*")}
    assert built == found
