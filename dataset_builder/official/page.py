"""The page on the published files: what is wrong with them, and what the repairs change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dataset_builder.official.drawing import (
    error_diagram,
    example_sets,
    overlap_diagrams,
    pointing_diagram,
    side_diagrams,
)
from dataset_builder.official.repair_table import Repair
from dataset_builder.official.repaired import REPAIRED
from dataset_builder.release import Release
from dataset_builder.report.contents import MAP_SHAPE, FrameMap, box_picture, point_picture
from dataset_builder.report.html import TEMPLATES, fill

NO_BREAK = "\N{NO-BREAK SPACE}"

_RULES = {
    "side_cut": "the right side, cut at 480 of 640 px, goes as far from the mean click as the left "
    "one, at least 100 px; an estimate",
    "inverted": "comes with side_cut where the box was inside out",
    "clipped": "cut at its frame, beyond which it reached",
    "zero_length": "in a clip of one second, which the faithful release leaves out",
    "unicode": "its step was named with a letter spelt as a code or in two parts",
    "other_step": "the clip loses the box, which was made from clicks on another step",
}
"""Rules in the order of the page."""


def render(
    figures: Mapping[str, Any],
    faithful: Release,
    repaired: Release,
    repairs: Sequence[Repair],
    links: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the page as text; equal input gives equal bytes.

    Args:
        figures: as `reported.figures_of` gives them.
        faithful: the release of what the public loader gives.
        repaired: the repaired one.
        repairs: what became of each box.
        links: text and address of the pages beside it.

    Raises:
        OutputError: jinja2 is not installed.
    """
    report = figures["repairs"][figures["boxes"]]
    names = {action.action_id: action.description for action in repaired.actions}
    actions = {clip.clip_id: names[clip.action_id] for clip in repaired.clips}
    estimate = report["estimate_on_uncut_boxes"]
    return fill(
        TEMPLATES / "release",
        "official.html",
        figures=figures,
        report=report,
        rows=_rows(report),
        rules=[(name, text, report["rules"][name]) for name, text in _RULES.items()
               if name in report["rules"]],
        by_file=list(figures["repairs"].items()),
        overlaps=overlap_diagrams(repairs),
        sides=side_diagrams(repairs),
        pointing=pointing_diagram(report),
        error=error_diagram(report) if estimate["boxes"] else None,
        estimate=estimate,
        maps=_maps(faithful, repaired),
        shape=MAP_SHAPE,
        sets=example_sets(repairs, actions),
        defects=_by_code(figures["defects"]),
        made_with=repaired.made_with,
        links=links,
    )  # fmt: skip


def _by_code(defects: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the defects of each code together, in their order."""
    groups: dict[str, dict[str, Any]] = {}
    for row in defects:
        code, meaning = row["code"], row["meaning"]
        group = groups.setdefault(code, {"code": code, "meaning": meaning, "rows": []})
        group["rows"].append(row)
    return list(groups.values())


def _rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return name, the two values and the meaning of each headline figure."""
    sizes = [report["releases"][which] for which in ("faithful", REPAIRED)]
    meanings = {
        "clips": "stretches of video with one step; segments of one second are clips of the "
        "repaired release only",
        "frames": "whole seconds of clips",
        "boxes": "frames with a box; where two clips share a second, the faithful release gives "
        "both the one box, the repaired one the clip whose clicks made it",
        "tubes": "clips with a box",
    }
    rows = [
        (name, *(f"{size['counts'][name]:,}" for size in sizes), meaning)
        for name, meaning in meanings.items()
    ]
    means = report["mean_click_in_box"]
    rows += [
        (
            "mean click in its box",
            *(share_text(means[key]) for key in ("before", "after")),
            "boxes of the repaired release, as they were published and repaired, that hold the "
            "mean click on their step: the score of a system that always points there",
        ),
        (
            "centre point in the box",
            *(share_text(report["centre_point"][which]) for which in ("faithful", REPAIRED)),
            "the baseline that always says the centre of the frame",
        ),
        (
            "fixed box, IoU above 0.3",
            *(
                share_text(report["fixed_box_iou_over_0.3"][which])
                for which in ("faithful", REPAIRED)
            ),
            "the baseline that always says (160, 100, 460, 400) of 640x480 px",
        ),
    ]
    rows += [
        (
            f"median {side} of a box",
            *(number_text(size[f"median_{side}"]) for size in sizes),
            "share of the frame",
        )
        for side in ("width", "height")
    ]
    return rows


def share_text(share: Mapping[str, Any]) -> str:
    """Return a share with its interval, in percent; a line may break between the two."""
    if share["share"] is None:
        return "-"
    low, high = share["interval"]
    text = f"{100 * share['share']:.2f} %", f"[{100 * low:.2f}, {100 * high:.2f}]"
    return " ".join(part.replace(" ", NO_BREAK) for part in text)


def number_text(value: float | None) -> str:
    """Return a number with three decimals."""
    return "-" if value is None else f"{value:.3f}"


def _maps(faithful: Release, repaired: Release) -> list[FrameMap]:
    means = [frame.mean for frame in repaired.frames if frame.mean]
    found = [FrameMap("Where people click on average", point_picture(means))] if means else []
    for title, release in (("as published", faithful), (REPAIRED, repaired)):
        if release.boxes:
            picture = box_picture(list(release.boxes.values()))
            found.append(FrameMap(f"What boxes cover, {title}", picture))
    return found
