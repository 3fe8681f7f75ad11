"""The report of `comparison` as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WHICH = ("faithful", "repaired")
_NAME = 44


def text_of(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines."""
    yield f"Repairs of {report['boxes']}"
    yield ""
    yield _line("", *_WHICH)
    yield from _sizes(report["releases"])
    for name, key in (
        ("centre point in the box", "centre_point"),
        ("fixed box, IoU > 0.3", "fixed_box_iou_over_0.3"),
    ):
        yield _line(name, *(_percent(report[key][which]) for which in _WHICH))
    means = report["mean_click_in_box"]
    yield _line("mean click of its people in the box", *map(_percent, means.values()))
    yield ""
    yield from _rules(report["rules"])
    yield ""
    estimate = report["estimate_on_uncut_boxes"]
    yield (
        f"The estimate of side_cut on the {estimate['boxes']:,} boxes whose sides are both known:"
    )
    yield (
        f"off by {_number(estimate['median_px'], 1)} px in the median, "
        f"by {_number(estimate['p95_px'], 1)} px or less for 95 of 100."
    )
    yield ""
    yield from _reasons(report["releases"])


def _sizes(releases: Mapping[str, Any]) -> Iterator[str]:
    for name in releases["faithful"]["counts"]:
        yield _line(name, *(f"{releases[which]['counts'][name]:,}" for which in _WHICH))
    for side in ("width", "height"):
        cells = (_number(releases[which][f"median_{side}"], 3) for which in _WHICH)
        yield _line(f"median {side}, share of the frame", *cells)


def _rules(rules: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'rule':<14}{'boxes':>8}{'left out':>10}{'mean IoU':>10}{'median':>8}{'lowest':>8}"
    for rule, row in rules.items():
        mean, median, lowest = (
            _number(row[name], 3) for name in ("mean_iou", "median_iou", "lowest_iou")
        )
        yield f"{rule:<14}{row['boxes']:>8,}{row['left_out']:>10,}{mean:>10}{median:>8}{lowest:>8}"


def _reasons(releases: Mapping[str, Any]) -> Iterator[str]:
    for which in _WHICH:
        for reason, n in releases[which]["left_out"].items():
            yield f"{which}, left out: {n:,} {reason}"
        for reason, n in releases[which]["frames_without_box"].items():
            yield f"{which}, frames without a box: {n:,} {reason}"


def _line(name: str, *cells: str) -> str:
    return f"{name:<{_NAME}}" + "".join(f"{cell:>28}" for cell in cells)


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def _percent(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "-"
    low, high = share["interval"]
    return f"{share['share']:.2%} ({low:.2%}..{high:.2%})"
