"""The README.md of a checkpoint: on what it was trained, how, for what it is good and what not."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from stg_model.config import names_changed
from stg_model.settings import Settings
from stg_model.training.checkpoint import Checkpoint

CARD_NAME = "README.md"

_USE = """\
Given a video and the names of actions, the model says at which seconds each happens and where in
the frame (`stg-model ground`), or suggests centres to annotators (`stg-model prelabel`)."""

_LIMITS = """\
- It knows what the narration of its training videos spoke of. {words}
- It looks at one frame a second{sees}; shorter events are missed.
- Its cosines are no probabilities. Thresholds hold for videos like those they were found on.
- What speakers do not mention, or mention while something else is shown, is learned badly or not
  at all; what they show while they speak of something else is learned wrongly.
- It was not tested for finding people, and must not decide anything about them."""


def model_card(checkpoint: Checkpoint) -> str:
    """Return the card of a saved checkpoint as Markdown; it holds no clock and no path."""
    return "\n".join(_lines(checkpoint)) + "\n"


def _lines(checkpoint: Checkpoint) -> Iterator[str]:
    data, settings = checkpoint.trained_on, checkpoint.settings
    n_parameters = sum(p.numel() for p in checkpoint.model.parameters())
    yield "# Grounding model"
    yield ""
    yield _filled(
        f"Checkpoint `{checkpoint.digest}`: {n_parameters:,} trained weights on the backbone "
        f"*{checkpoint.encoder.title}*, which reads {checkpoint.encoder.input_size}."
    )
    yield from ("", "## Use", "", _USE, "", "## Training data", "")
    yield _filled(
        f"{data.get('n_videos', '?')} videos with {data.get('n_sentences', '?')} narrated "
        f"sentences (transcripts `{data.get('transcripts_sha256', '?'):.12}`). The SHA-256 of "
        "each video stands in `config.json`."
    )
    if release := data.get("release"):
        yield ""
        yield _filled(
            f"Then clicks of the release {release['name']} {release['version']} "
            f"(`{release['digest']}`): {release['n_clips']} clips of {release['n_videos']} videos, "
            f"{release['n_clicked_frames']} clicked frames and "
            f"{release['n_not_visible_frames']} in which most did not see the action. None of its "
            "validation or benchmark videos was read. It began from checkpoint "
            f"`{data['started_from']}`."
        )
    yield from (
        "",
        "## Thresholds and boxes",
        "",
        *_thresholds(settings, data.get("thresholds", {})),
    )
    if validation := data.get("validation"):
        yield from ("", "## Validation", "", "| figure | value |", "|---|---|")
        yield from (f"| {name} | {value} |" for name, value in _flat(validation))
    yield from (
        "",
        "## Settings",
        "",
        "All stand in `config.json`; these differ from the defaults:",
    )
    yield from ("", *(_changed(settings) or ["- none"]), "", "## Limits", "")
    learned = checkpoint.encoder.backbone == "tiny"
    yield _LIMITS.format(
        words="Other words are dropped." if learned else "The backbone knows more words than that.",
        sees=" (two pictures, a moment apart)" if learned else "",
    )


def _filled(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _thresholds(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    for name, title, default in (
        ("background_threshold", "Background (tau)", "Otsu's, for each video"),
        ("mask_threshold", "Mask (alpha)", "0.5"),
        ("box_width", "Width of a box round a point", "0.35"),
        ("box_height", "Height of a box round a point", "0.35"),
    ):
        value = getattr(settings.inference, name)
        shown = default if value is None else f"{value:.4g}"
        yield f"- {title}: {shown}; source: {sources.get(name, 'unknown')}"
    inference = settings.inference
    yield f"- Read with `point_from = {inference.point_from}`, `box_from = {inference.box_from}`"


def _changed(settings: Settings) -> list[str]:
    values = settings.to_json()
    names = (name.split(".") for name in names_changed(settings))
    return [f"- `{section}.{key} = {values[section][key]}`" for section, key in names]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} by ")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            yield f"{before}{name}", shown
