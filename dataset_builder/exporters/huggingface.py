"""The README of a release: a Hugging Face dataset card with a short datasheet.

The YAML block names one configuration a table, so `load_dataset(folder, "boxes")` works offline.
The text is a function of the release alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from dataset_builder.release import Release, funnel

_TABLES = {
    "videos": "source videos: size as displayed, duration, digest of the file",
    "actions": "classes of action with their query text",
    "clips": "one action in one stretch `[start_s, end_s)` of a video",
    "frames": "one row a frame `(clip_id, second)`: counts, mean click, peak, spread, why no box",
    "answers": "one row an answer: a click (`x`, `y` in 0..1) or `not_visible`",
    "boxes": "`x1, y1, x2, y2` in 0..1 for each frame that has one, and the rule that made it",
    "tubes": "the boxes of one clip over its seconds",
}


def write_card(release: Release, path: Path) -> None:
    """Write the card to a file."""
    path.write_text(dataset_card(release), encoding="utf-8", newline="")


def dataset_card(release: Release) -> str:
    """Return the text of a release's README.md."""
    parts = (_front_matter(release), _what(release), _funnel(release), _rules(release), _USE)
    return "\n".join((*parts, _licence(release)))


def _front_matter(release: Release) -> str:
    lines = ["---", f"pretty_name: {json.dumps(f'{release.name} {release.version}')}"]
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", release.licence):
        lines.append(f"license: {release.licence.lower()}")
    elif release.licence:
        lines += ["license: other", f"license_name: {json.dumps(release.licence)}"]
    lines.append("configs:")
    for table in _TABLES:
        lines += [
            f"- config_name: {table}",
            "  data_files:",
            "  - split: full",
            f"    path: data/{table}.parquet",
        ]
    return "\n".join([*lines, "---", ""])


def _what(release: Release) -> str:
    table_lines = "\n".join(f"- `data/{name}.parquet`: {text}." for name, text in _TABLES.items())
    return f"""# {release.name} {release.version}

Where in a video frame does a named action happen? People clicked the centre of the action on one
frame a second. A frame is `(clip_id, second)`; all coordinates are fractions of the frame as
displayed, origin top-left. Videos are not part of the release.

{table_lines}
- `compat/grounding-youtube/`: the boxes as GroundingYouTube JSON, in whole pixels of a frame
  stretched to 640x480 (480x640 for portrait videos); `id2wh_new.json` states it for each video.
- `manifest.json`: settings, counts, the snapshot's digest. `SHA256SUMS`: the digest of each file.
"""


def _funnel(release: Release) -> str:
    rows = "\n".join(f"| {stage} | {count:,} |" for stage, count in funnel(release))
    return f"""## Counts

| stage | count |
|---|---:|
{rows}
"""


def _rules(release: Release) -> str:
    settings = "\n".join(
        f"| `{name}` | `{json.dumps(value)}` |" for name, value in sorted(release.settings.items())
    )
    return f"""## How it was made

Made by {release.made_with} from snapshot `{release.snapshot.get("snapshot_id", "")}`
(`{release.snapshot.get("digest", "")}`). The same snapshot and settings give the same bytes.

- Clicks are rounded to 1e-6, and everything is derived from the rounded ones.
- A frame has a box when at least `min_clicks` people clicked; else `reason` says `unanswered`,
  `not_visible` (nobody who answered clicked) or `too_few_clicks`.
- Box (`union_margin`): the union of the clicks, plus `margin_x` of the width and `margin_y` of the
  height, each side cut at its own end of the frame.
- `mean` is the mean click; `spread` the mean distance of the clicks to it, as a fraction of the
  frame's diagonal; `peak` the highest cell of the heatmap on a grid of `grid_rows` x `grid_cols`
  cells: the sum of one Gaussian a click, `sigma` of the diagonal wide and round in pixels.
- Tube: the boxes of one clip in time order. A second without a box is unlabelled: it is neither
  filled in nor does it end the tube.
- `benchmark_answers = "blind"`: on benchmark clips, answers of people who were shown a model's
  suggestion do not count and are not part of the release.
- Annotators have pseudonyms that differ from snapshot to snapshot.

| setting | value |
|---|---|
{settings}
"""


_USE = """## Use

`dataset-builder verify FOLDER` checks the digests and derives points, boxes and tubes anew from the
clicks. Numbers from releases with different settings are not comparable.
"""


def _licence(release: Release) -> str:
    stated = release.licence or (
        "Not stated yet. Whoever publishes this release states one with "
        "`dataset-builder build --licence`."
    )
    return f"""## Licence of the data

{stated}
"""
