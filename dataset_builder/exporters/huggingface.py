"""The README of a release: a Hugging Face dataset card with a short datasheet.

The YAML block names one configuration a table, so `load_dataset(folder, "boxes")` works offline;
`boxes` is what it loads where none is named. A table without rows has no configuration, since
`datasets` cannot load one. The text is a function of the release alone.
`write_huggingface` writes tables, card and papers as they stand in a release's folder; `hub` writes
a folder for the Hub whose splits can be loaded one by one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from dataset_builder import tables
from dataset_builder.exporters.citation import write_papers
from dataset_builder.exporters.croissant import write_croissant
from dataset_builder.exporters.grounding_youtube import FOLDER, write_grounding_youtube
from dataset_builder.exporters.published import how_it_was_made, is_published, is_repaired
from dataset_builder.release import Release, funnel, write_release_tables

DEFAULT_TABLE = "boxes"
WHOLE = "full"
"""The split that a table has which is not dealt to splits."""
_TABLES = {
    "videos": "source videos: size as displayed, duration, digest of the file",
    "actions": "classes of action with their query text",
    "clips": "one action in one stretch `[start_s, end_s)` of a video",
    "frames": "one row a frame `(clip_id, second)`: counts, points, agreement, why no box",
    "answers": "one row an answer: a click (`x`, `y` in 0..1) or `not_visible`",
    "annotators": "one row a person under the pseudonym of `answers`, and how reliable they are",
    "boxes": "`x1, y1, x2, y2` in 0..1, the rule that made it, whether it is the frame's main box",
    "tubes": "the boxes of one clip over its seconds",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def write_huggingface(release: Release, folder: Path) -> None:
    """Write tables, compatible files, card, papers and `croissant.json` into an existing folder."""
    write_release_tables(folder, release)
    write_beside_tables(release, folder)


def write_beside_tables(release: Release, folder: Path) -> None:
    """Write all that `write_huggingface` does but the tables, which lie in the folder already."""
    write_texts(release, folder)
    write_card(release, folder / "README.md")
    write_croissant(release, folder)


def write_texts(release: Release, folder: Path) -> None:
    """Write what lies beside tables and card: compatible files and papers."""
    if _has_compat(release):
        write_grounding_youtube(release, folder / FOLDER)
    write_papers(release, folder)


def write_card(
    release: Release, path: Path, splits: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write the card to a file; `splits` as for `dataset_card`."""
    path.write_text(dataset_card(release, splits), encoding="utf-8", newline="")


def dataset_card(release: Release, splits: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the text of README.md.

    Args:
        release: what the card is about.
        splits: the splits of each table where it has a file for each (`hub`); without it the card
            is that of the release's own folder, a file a table.
    """
    parts = [_front_matter(release, splits), _what(release, splits), _counts(release)]
    if release.derivation == "clicks":
        parts += [_COLLECTION, _rules(release)]
        parts += [_agreement(release)] if release.agreement else []
        parts.append(_USE)
    else:
        parts.append(how_it_was_made(release) if is_published(release) else _given(release))
        parts.append(_USE_GIVEN)
    return "\n".join((*parts, _licence(release)))


def _front_matter(release: Release, splits: Mapping[str, Sequence[str]] | None) -> str:
    lines = ["---", f"pretty_name: {json.dumps(f'{release.name} {release.version}')}"]
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", release.licence):
        lines.append(f"license: {release.licence.lower()}")
    elif release.licence:
        lines += ["license: other", f"license_name: {json.dumps(release.licence)}"]
    if release.derivation == "clicks":
        lines += ["annotations_creators:", "- crowdsourced"]
    lines += ["task_categories:", "- object-detection", "- keypoint-detection"]
    lines += ["tags:", "- spatio-temporal-grounding", "- action-localization", "- video"]
    size = next((name for limit, name in _SIZES if len(release.frames) < limit), "1M<n<10M")
    lines += ["size_categories:", f"- {size}", "configs:"]
    for table in _TABLES:
        if not getattr(release, table):
            continue
        lines.append(f"- config_name: {table}")
        if table == DEFAULT_TABLE:
            lines.append("  default: true")
        lines.append("  data_files:")
        for split in splits[table] if splits else (WHOLE,):
            path = f"{table}/{split}" if splits else table
            lines += [f"  - split: {split}", f"    path: data/{path}.parquet"]
    return "\n".join([*lines, "---", ""])


def _what(release: Release, splits: Mapping[str, Sequence[str]] | None) -> str:
    place = "`data/{}/`" if splits else "`data/{}.parquet`"
    table_lines = "\n".join(
        f"- {place.format(name)}: {text}{'' if getattr(release, name) else '; empty here'}."
        for name, text in _TABLES.items()
    )
    return f"""# {release.name} {release.version}

Where in a video frame does a named action happen? Each row is about one action in one video, on one
frame a second. A frame is `(clip_id, second)`; all coordinates are fractions of the frame as
displayed, origin top-left. Videos are not part of the release.

{table_lines}
{_COMPAT if _has_compat(release) else ""}\
- `croissant.json`: the tables and the digest of each file, for tools that read Croissant.
- `manifest.json`: settings, counts, the snapshot's digest.{_SUMS if splits is None else ""}
- `CITATION.cff`: how to cite it. `CHANGELOG.md`: what this version brought.
{"" if splits is None else _hub(release)}"""


def _hub(release: Release) -> str:
    digest = f" (digest `{release.digest}`)" if release.digest else ""
    return f"""
Rows lie in one file a split, by the split of their video; `actions` and `annotators` have one for
all, `{WHOLE}`. Exported from a release folder{digest}: `dataset-builder verify` takes that folder,
not this one.
"""


def _has_compat(release: Release) -> bool:
    """Whether the folder holds GroundingYouTube's JSON: not beside files of those names."""
    return not is_published(release) or is_repaired(release)


_SUMS = " `SHA256SUMS`: the digest of each file."
_COMPAT = """\
- `compat/grounding-youtube/`: the boxes as GroundingYouTube JSON, in whole pixels of a frame
  stretched to 640x480 (480x640 for portrait videos); `id2wh_new.json` states it for each video.
"""


def _counts(release: Release) -> str:
    stages = funnel(release) if release.derivation == "clicks" else _given_stages(release)
    rows = "\n".join(f"| {stage} | {count:,} |" for stage, count in stages)
    return f"""## Counts

| stage | count |
|---|---:|
{rows}

| split | clips | of them benchmark | frames | with a box |
|---|---:|---:|---:|---:|
{_splits(release)}
"""


def _given_stages(release: Release) -> list[tuple[str, int]]:
    """Return `(stage, count)` of a release without answers."""
    reasons = Counter(frame.reason for frame in release.frames if frame.reason)
    return [
        ("frames", len(release.frames)),
        ("frames with a box", len(release.boxes)),
        *((f"without a box: {reason}", n) for reason, n in reasons.most_common()),
        ("clips", len(release.clips)),
        ("clips with a tube", len({tube.clip_id for tube in release.tubes})),
        *((f"left out: {reason}", n) for reason, n in sorted(release.left_out.items())),
    ]


def _splits(release: Release) -> str:
    split_of = {clip.clip_id: clip.split for clip in release.clips}
    clips = Counter(clip.split for clip in release.clips)
    benchmark = Counter(clip.split for clip in release.clips if clip.is_benchmark)
    frames = Counter(split_of[clip_id] for clip_id in tables.texts_of(release.frames, "clip_id"))
    boxes = Counter(split_of[clip_id] for clip_id, _ in release.boxes)
    return "\n".join(
        f"| {split} | {clips[split]:,} | {benchmark[split]:,} "
        f"| {frames[split]:,} | {boxes[split]:,} |"
        for split in sorted(clips)
    )


_COLLECTION = """## How it was collected

- Each frame was shown to several people (`redundancy`), each of whom answered it once: a click on
  the centre of the named action, or "not visible". Whoever could not tell skipped it, which is no
  answer.
- People looked for one named action a clip. Nothing is said of other actions in the same picture:
  a frame without a box is no proof that nothing happens there.
- `prelabel_shown` marks answers given while a model's suggestion was in sight.
- Annotators have pseudonyms that differ from snapshot to snapshot; no names or addresses are here.
"""


def _given(release: Release) -> str:
    return f"""## How it was made

Boxes were given from outside (`derivation` is `{release.derivation}`); there are no clicks to
derive them from. Made by {release.made_with or "an unnamed program"}.
"""


def _rules(release: Release) -> str:
    settings = "\n".join(
        f"| `{name}` | `{json.dumps(value)}` |" for name, value in sorted(release.settings.items())
    )
    gap = str(release.settings.get("tube_gap", "unlabelled"))
    is_robust = release.settings.get("mode") == "robust"
    robust = _ROBUST if is_robust else ""
    and_visible = " and `p_visible` is at least `min_p_visible`" if is_robust else ""
    or_probably = ", `probably_not_visible`" if is_robust else ""
    return f"""## How it was made

Made by {release.made_with} from snapshot `{release.snapshot.get("snapshot_id", "")}`
(`{release.snapshot.get("digest", "")}`). The same snapshot and settings give the same bytes.

- Clicks are rounded to 1e-6, and everything is derived from the rounded ones.
- A frame has a box when at least `min_clicks` people clicked{and_visible}; else `reason` says
  `unanswered`, `not_visible` (nobody who answered clicked){or_probably} or
  `too_few_clicks`.
- Box (`union_margin`): the union of the clicks, plus `margin_x` of the width and `margin_y` of the
  height, each side cut at its own end of the frame.
{robust}- `mean` is the mean click; `spread` the mean distance of the clicks to it, as a
  fraction of the frame's diagonal; `peak` the highest cell of the heatmap on a grid of `grid_rows`
  x `grid_cols` cells: the sum of one Gaussian a click, round in pixels, `sigma` of the diagonal
  wide.
- `p_visible` is the probability that the action can be seen, from who said so and how often they
  agree with the others; `visibility_accuracy` is a person's share of right answers in that model.
- `agreement`: `unimodal` (three clicks or more within 0.05 of the diagonal, more than half of all,
  and the others single), `split` (two groups of clicks or more) or `scattered`; empty below three
  clicks. `n_agreeing` counts the clicks of the largest component.
- Tubes (`tube_gap = "{gap}"`): {_GAPS.get(gap, "see the program's documentation.")}
- `benchmark_answers = "blind"`: on benchmark clips, answers of people who were shown a model's
  suggestion do not count and are not part of the release.

| setting | value |
|---|---|
{settings}
"""


_ROBUST = """\
- Robust mode: people and frames are fitted together. `robust_x`, `robust_y` is the frame's point
  by `robust_rule`, `scale` how far one click lies from it, as a fraction of the diagonal (in
  `annotators.parquet`: how many times as far as the middle person's).
- Box (`robust_union`): the union of the clicks that lie near that point, plus `robust_margin` of
  the diagonal in both directions; it is the main one, the `union_margin` box stands beside it.
- The heatmap weighs people by their scale, and its `sigma` is the frame's, from `sigma_floor` to
  `sigma_cap`.
"""
_GAPS = {
    "unlabelled": "one a clip, its boxes in time order. A second without a box is\n"
    "  unlabelled: it is neither filled in nor does it end the tube.",
    "ends_the_tube": "each run of seconds with boxes is a tube of its own.",
    "filled_linearly": "one a clip; between two boxes each corner moves evenly\n"
    "  from one to the next, and `filled_seconds` names the seconds that were filled so.",
}


def _agreement(release: Release) -> str:
    rows = "\n".join(f"| `{name}` | {value} |" for name, value in sorted(release.agreement.items()))
    return f"""## Agreement

`distance_mean` is the mean distance between two clicks of a frame in diagonals, the shares are of
frames with three clicks or more (`share_visibility_agreed`: of frames with two answers or more).
Alpha and ICC(1) are near 1 wherever frames differ more than people do; read the distances first.

| measure | value |
|---|---:|
{rows}
"""


_USE = """## Use

`dataset-builder verify FOLDER` checks the digests and derives points, boxes and tubes anew from the
clicks; `dataset-builder export` writes the same in other projects' formats. Numbers from releases
with different settings are not comparable. Splits are by clip (`clips.parquet`); score systems on
clips with `is_benchmark` only, where no answer was given with a suggestion in sight.
"""


_USE_GIVEN = """## Use

`dataset-builder verify FOLDER` checks the digests, every reference between tables, and derives the
tubes anew from the boxes; `dataset-builder export` writes the same in other projects' formats,
`dataset-builder diff` tells what differs from another release.
"""


def _licence(release: Release) -> str:
    if release.licence:
        stated = release.licence
    elif is_published(release):
        stated = (
            "Not stated. The annotation is its authors'; ask them before you publish it.\n"
            "`dataset-builder import-official --licence` states what they answer."
        )
    else:
        stated = (
            "Not stated yet. Whoever publishes this release states one with "
            "`dataset-builder build --licence`."
        )
    return f"""## Licence of the data

{stated}
"""
