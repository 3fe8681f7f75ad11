"""Which values of the settings are possible.

Lower limits keep a run from having nothing to do, upper ones from ending in the middle of it, where
memory or a number's 64 bits are used up. A value below them may still ask for more memory than
there is: then the command says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from stg_model.errors import SettingsError

Values = Mapping[str, Mapping[str, Any]]
"""Settings as plain values: by section, its values by name."""

AT_LEAST_ONE = (
    "network.cell_px",
    "network.patch_px",
    "network.dim",
    "network.token_dim",
    "network.hidden_dim",
    "network.word_dim",
    "network.local_memory_mb",
    "selection.n_frames",
    "selection.max_iterations",
    "training.window_s",
    "training.max_words",
    "training.steps",
    "training.save_every",
    "training.log_every",
    "fine_tuning.steps",
    "fine_tuning.clips",
    "fine_tuning.window_s",
    "inference.window_s",
    "inference.smoothing_s",
)
AT_LEAST_TWO = ("training.batch", "training.local_batch")
"""A clip alone has no negatives: its loss is 0, whatever the weights."""
ABOVE_ZERO = (
    "features.clip_fps",
    "network.word_init_sd",
    "training.learning_rate",
    "training.gradient_clip",
    "training.min_time_s",
    "fine_tuning.learning_rate",
    "fine_tuning.click_sigma",
    "fine_tuning.threshold_rate",
)
DIVISORS = (
    "network.cross_temperature",
    "selection.epsilon",
    "loss.temperature",
    "fine_tuning.threshold_temperature",
)
"""What scores are divided by."""
SMALLEST_DIVISOR = 1e-6
"""Scores over less overflow 32 bits somewhere on the way to a loss and back."""
AT_LEAST_ZERO = (
    "features.sub_frame_s",
    "inference.segment_gap_s",
    "inference.share_blur",
    "loss.margin",
    "selection.tolerance",
    "training.weight_decay",
    "training.word_rate_factor",
    "training.seed",
    "training.data_memory_mb",
    "training.prefetch",
    "fine_tuning.click_weight",
    "fine_tuning.threshold_weight",
)
SHARES = (
    "selection.warmup",
    "training.rate_warmup",
    "inference.mask_threshold",
    "fine_tuning.click_sigma",
)
SIDES = ("inference.box_width", "inference.box_height")
SMALLEST_SIDE = 0.01

AT_MOST: tuple[tuple[tuple[str, ...], float, str], ...] = (
    (
        ("network.dim", "network.token_dim", "network.hidden_dim", "network.word_dim"),
        8192,
        "weights grow with the square; the widest backbone here has 1024",
    ),
    (("features.frame_px",), 1024, "what is read of a second grows with the square"),
    (("features.clip_frames",), 1024, "each is decoded for each second"),
    (("features.sub_frame_s",), 60, "the second picture belongs to its second"),
    (("features.clip_fps",), 1000, "no video has so many frames"),
    (("network.word_init_sd",), 100, "embeddings this large drown all else"),
    (("loss.margin",), 1e6, "it is taken off a score"),
    (
        ("selection.n_frames", "training.window_s", "fine_tuning.window_s", "inference.window_s"),
        3600,
        "an hour round one sentence, whose regions attend to each other",
    ),
    (("inference.smoothing_s",), 3601, "an hour"),
    (("inference.share_blur",), 100, "a frame is some ten patches wide"),
    (("training.batch", "fine_tuning.clips"), 65_536, "its scores grow with the square"),
    (("training.prefetch",), 1000, "each batch made ahead is held in memory"),
    (
        ("training.steps", "fine_tuning.steps", "selection.max_iterations"),
        10**9,
        "no run lasts so long",
    ),
    (("training.max_words",), 10**6, "no sentence has so many"),
    (("network.local_memory_mb", "training.data_memory_mb"), 10**9, "that is a petabyte"),
    (("training.seed",), 2**63 - 1, "a seed has 64 bits"),
)
"""Names, the most that they may be, and why."""

NO_MORE_THAN = (
    ("training.local_batch", "training.batch", "it is a part of it"),
    ("selection.n_frames", "training.window_s", "frames are chosen of the window's"),
)
"""A setting, the one that it must not exceed, and why."""


def refuse_impossible(values: Values) -> None:
    """Refuse values that no run could use.

    Raises:
        SettingsError: there is one; the setting, its limit and the value are named.
    """
    _require(values, _ranges(values))
    _require(values, _relations(values))  # some divide by what must not be 0


def refuse_larger_than_whole(values: Values, names: Collection[str]) -> None:
    """Refuse a part above its whole where one of both is among the settings just given.

    Nothing breaks by it, the part is silently smaller. So checkpoints that have it can be read.

    Raises:
        SettingsError: see `refuse_impossible`.
    """
    for part, whole, why in NO_MORE_THAN:
        most = _value(values, whole)
        holds = _value(values, part) <= most or not {part, whole}.intersection(names)
        _require(values, [(part, holds, f"at most {whole}, {most} ({why})")])


Check = tuple[str, bool, str]
"""A setting, whether it is possible, and what it must be."""


def _ranges(values: Values) -> Iterator[Check]:
    minima: tuple[tuple[tuple[str, ...], float], ...] = (
        (AT_LEAST_ONE, 1),
        (AT_LEAST_TWO, 2),
        (AT_LEAST_ZERO, 0),
        (DIVISORS, SMALLEST_DIVISOR),
    )
    for names, least in minima:
        for name in names:
            yield name, _value(values, name) >= least, f"{least} or more"
    for name in ABOVE_ZERO:
        yield name, _value(values, name) > 0, "above 0"
    for name in SHARES:
        value = _value(values, name)
        yield name, value is None or 0 <= value <= 1, "within 0..1"
    for name in SIDES:
        value = _value(values, name)
        within = value is None or SMALLEST_SIDE <= value <= 1
        yield name, within, f"within {SMALLEST_SIDE}..1"
    for names, most, why in AT_MOST:
        for name in names:
            yield name, _value(values, name) <= most, f"{most:,} or less ({why})"


def _relations(values: Values) -> Iterator[Check]:
    network = values["network"]
    for name, divisor in (
        ("features.frame_px", network["cell_px"]),
        ("network.cell_px", network["patch_px"]),
        ("network.patch_px", 2),  # the backbone averages 2 x 2 pixels first
        ("features.clip_frames", 8),
    ):
        value = _value(values, name)
        yield name, value > 0 and value % divisor == 0, f"a multiple of {divisor}"
    n_places = _value(values, "features.prompt").count("{}")
    yield "features.prompt", n_places == 1, "a text that holds {} once"
    yield "inference.smoothing_s", _value(values, "inference.smoothing_s") % 2 == 1, "odd"


def _require(values: Values, checks: Iterable[Check]) -> None:
    for name, holds, must in checks:
        if not holds:
            raise SettingsError(f"{name} must be {must}, got {_value(values, name)!r}")


def _value(values: Values, name: str) -> Any:
    section, _, key = name.partition(".")
    return values[section][key]
