"""What is changed, one thing at a time: the rows of the study's tables.

The paper's Table 4 changes (a) how frames are selected, (b) which losses are used, (c) the order of
the attentions. Beside its rows stand the read-outs of the transport plan and controls that know no
narration or no picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args, get_type_hints

from stg_model.config import load
from stg_model.settings import NetworkSettings, SelectionSettings, Settings


@dataclass(frozen=True, slots=True)
class Variant:
    """One row: how the model that is trained differs from the one the study is about.

    Attributes:
        name: as the table shows it.
        changes: settings as `section.key=value`.
        narration: `own`; `shuffled` gives each video the sentences of another, so that there is
            nothing to be learnt but what all videos share; `unheard` trains nothing at all.
    """

    name: str
    changes: tuple[str, ...] = ()
    narration: str = "own"

    def settings(self, model: Settings, seed: int) -> Settings:
        """Return the settings of a run; its curves are nobody's to watch."""
        own = (f"training.seed={seed}", "training.tensorboard=false")
        return load(model, None, [*self.changes, *own])


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that differ from the reference in one respect."""

    title: str
    variants: tuple[Variant, ...]


REFERENCE = Variant("as configured")
"""What every row is compared with: the study's model as it is."""


def _selections() -> tuple[Variant, ...]:
    hints = get_type_hints(SelectionSettings)
    plain = (name for name in get_args(hints["method"]) if name != "sinkhorn")
    found = [Variant(name, (f"selection.method={name}",)) for name in plain]
    for readout in get_args(hints["readout"]):
        changes = ("selection.method=sinkhorn", f"selection.readout={readout}")
        found.append(Variant(f"sinkhorn, {readout}", changes))
    return tuple(found)


def _orders() -> tuple[Variant, ...]:
    hints = get_type_hints(NetworkSettings)
    return tuple(
        Variant(order.replace("_", " "), (f"network.attention_order={order}",))
        for order in get_args(hints["attention_order"])
    )


LOSSES = (
    Variant("both", ("loss.which=both",)),
    Variant("global alone", ("loss.which=global",)),
    # Frames are selected by the projections of the global branch, which this one leaves untrained.
    Variant("local alone, none selected", ("loss.which=local", "selection.method=none")),
)

TABLES = {
    "baselines": Table(
        "Against systems that have learnt nothing",
        (
            Variant("narration of other videos", narration="shuffled"),
            Variant("untrained", narration="unheard"),
        ),
    ),
    "selection": Table("(a) Selection of frames", _selections()),
    "losses": Table("(b) Losses", LOSSES),
    "attention": Table("(c) Order of the attentions", _orders()),
}
"""By their names in a study's settings."""
