from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Segment
from dataset_builder.errors import InputError
from dataset_builder.importers.clip_csv import clip_of, read_clip_csv, write_clip_csv
from dataset_builder.importers.found_clips import FoundClip, FoundClips
from dataset_builder.importers.mining_youtube import Classes, read_classes, read_mining_youtube

GOOD = "1\n00:00:19,120 --> 00:00:23,400\ncrack_egg\n\n"
LATER = "2\n01:02:03,004 --> 01:02:05,000\npour_egg_whites\n\n"
EGG = Segment(19.12, 23.4)
CLASSES = Classes(frozenset({"crack_egg", "pour_egg", "roll_omelette", "cut_asparagu"}), {})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(text: str, name: str = "v1.srt", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


def facts(found: FoundClips) -> list[tuple[str, float, float, str]]:
    return [(c.video_id, c.segment.start_s, c.segment.end_s, c.description) for c in found.clips]


def test_a_block_is_a_clip_of_the_video_that_the_file_is_named_after(write):
    path = write(GOOD + LATER, "qeWv9-YqBXA.srt")
    assert read_mining_youtube(path) == FoundClips(
        (
            FoundClip(f"{path}:1", "qeWv9-YqBXA", EGG, "crack egg"),
            FoundClip(f"{path}:5", "qeWv9-YqBXA", Segment(3723.004, 3725.0), "pour egg whites"),
        )
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GOOD.replace("\n", "\r\n"), "utf-8-sig"),
        ("\n\n" + GOOD.strip(), "utf-8"),
        (GOOD.replace(" --> ", "-->").replace(",", "."), "utf-8"),
        (GOOD.removeprefix("1\n").replace("\n\n", "\n \t\n\n"), "utf-8"),
    ],
)
def test_marks_spaces_and_line_ends_make_no_difference(write, text, encoding):
    assert facts(read_mining_youtube(write(text, encoding=encoding))) == [
        ("v1", 19.12, 23.4, "crack egg")
    ]


def test_a_folder_is_read_file_by_file_in_the_order_of_names(write, tmp_path):
    for name in ("b.srt", "a.srt"):
        write(GOOD, name)
    write("no subtitles", "notes.txt")
    assert [clip.video_id for clip in read_mining_youtube(tmp_path).clips] == ["a", "b"]


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (
            "2\n00:00:05,000 --> 00:00:05,000\na\n",
            "must satisfy 0 <= start_s < end_s, got 5.0..5.0",
        ),
        ("2\n00:00:05 --> 00:00:06,000\na\n", "expected times such as 00:00:19,120 --> 00:00:23,4"),
        ("2\n00:61:05,000 --> 00:62:06,000\na\n", "expected times such as"),
        ("2\n", "expected times such as 00:00:19,120 --> 00:00:23,400, got '2'"),
        ("2\n00:00:05,000 --> 00:00:06,000\n", "one line, the label, not 0"),
        ("2\n00:00:05,000 --> 00:00:06,000\na\nb\n", "one line, the label, not 2"),
        ("2\n00:00:05,000 --> 00:00:06,000\n???\n", "action '???' has no letter or digit"),
        ("2\n00:00:19,120 --> 00:00:23,400\nCrack egg\n", "v1.srt:1; delete one"),
    ],
)
def test_a_bad_block_is_named_by_its_line_and_the_rest_goes_in(write, block, problem):
    path = write(GOOD + block + "\n" + LATER)
    found = read_mining_youtube(path)
    assert [fact[3] for fact in facts(found)] == ["crack egg", "pour egg whites"]
    (refused,) = found.problems
    assert refused.startswith(f"{path}:5: ")
    assert problem in refused


def test_a_video_whose_name_cannot_be_an_id_is_refused(write):
    path = write(GOOD + LATER, "a b.srt")
    found = read_mining_youtube(path)
    assert found.clips == ()
    (refused,) = found.problems
    assert refused.startswith(f"{path}: video_id 'a b' must be")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("crack_egg", "crack_egg"),
        ("cracks_eggs_now", "crack_egg"),
        ("roll_omelettes", "roll_omelette"),
        ("roll_omellete", "roll_omelette"),
        ("cut_asparagus", "cut_asparagu"),
        ("roll_egg", None),
        ("crack", None),
    ],
)
def test_a_label_is_mapped_to_a_class_that_exists_or_to_none(label, name):
    assert CLASSES.of(label) == name


def test_the_label_itself_goes_before_overrides_and_those_before_the_rule():
    names = frozenset({"pour_egg", "pour_eggs", "tip_egg"})
    overrides = {"pour_eggs": "tip_egg", "pour_egg_whites": "tip_egg"}
    classes = Classes(names, overrides)
    assert classes.of("pour_eggs") == "pour_eggs"
    assert classes.of("pour_egg_whites") == "tip_egg"
    assert classes.of("pour_egg_yolks") == "pour_egg"


def test_labels_without_a_class_are_refused_by_line_and_counted(write):
    other = "00:00:0{0},000 --> 00:00:0{0},500\ncrush_chili\n\n"
    rare = "00:00:07,000 --> 00:00:08,000\nrun\n\n"
    path = write(GOOD + rare + other.format(1) + other.format(2) + LATER)
    found = read_mining_youtube(path, CLASSES)
    assert [fact[3] for fact in facts(found)] == ["crack egg", "pour egg"]
    assert found.problems[1] == (f"{path}:8: label 'crush_chili' is of no class; see --overrides")
    assert found.notes == ("labels of no class: 'crush_chili' (2), 'run' (1)",)


def test_classes_are_read_from_lines_and_overrides_from_a_table(write):
    names = write("crack_egg \npour_egg \n\nbackground\n", "classes.txt", "utf-8-sig")
    table = write("label,class\nbreak_eggs,crack_egg\n", "overrides.csv")
    assert read_classes(names, table) == Classes(
        frozenset({"crack_egg", "pour_egg"}), {"break_eggs": "crack_egg"}
    )


def test_an_override_of_no_class_is_refused(write):
    names = write("crack_egg\n", "classes.txt")
    table = write("label,class\nbreak_eggs,break_egg\n", "overrides.csv")
    with pytest.raises(InputError, match=r"overrides.csv:2: class 'break_egg' is not in"):
        read_classes(names, table)


def test_what_cannot_be_read_at_all_is_refused(write, tmp_path):
    with pytest.raises(InputError, match=r"holds no \.srt file"):
        read_mining_youtube(tmp_path)
    with pytest.raises(InputError, match=r"v1\.srt: is not UTF-8 text"):
        read_mining_youtube(write(GOOD + "sauté", encoding="utf-16"))
    with pytest.raises(InputError, match=r"none\.srt: cannot be opened"):
        read_mining_youtube(tmp_path / "none.srt")
    with pytest.raises(InputError, match=r"classes\.txt: holds no class"):
        read_classes(write("background\n", "classes.txt"))


lines = st.lists(
    st.sampled_from(GOOD.split("\n")) | st.text(st.characters(codec="utf-8"), max_size=9)
)


@given(lines)
def test_any_lines_become_clips_or_problems_and_the_clips_read_back(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "v1.srt"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = read_mining_youtube(path)
    write_clip_csv(folder / "clips.csv", found.clips)
    table = read_clip_csv(folder / "clips.csv")
    assert table.problems == ()
    assert [clip_of(row, "test", False).clip_id for row in table.rows] == [
        clip.clip_id for clip in found.clips
    ]
    assert len(found.clips) + len(found.problems) <= len(lines)
