"""What a rendered world is made of: how many videos, how long, how noisy.

The defaults make a world that the tiny backbone can learn from narration alone within minutes. All
of a world's settings stand in its `world.json` and in the release of each set's truth.

Whether a baseline does well on a world is no reason for any of them (R32): things lie and actions
happen anywhere in the frame with equal chance, whatever the settings.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from stg_model.errors import SettingsError
from stg_model.world.actions import OBJECTS, VERBS, WorldAction, actions_of

SETS = ("train", "validation", "held-out", "open")
"""The four disjoint sets (R32), as their folders are named."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """What a world is made of.

    Counts of videos by set; sizes as (width, height) in pixels; ranges as (least, most) in seconds,
    drawn uniformly; shares in 0..1.
    """

    seed: int = 0
    """Another seed, another world: nothing of it is shared."""
    train: int = 100
    """Videos to learn from: fewer are soon learned by heart, each by its backdrop."""
    validation: int = 8
    """Videos on which thresholds are tuned."""
    held_out: int = 16
    """Videos to score on; about 500 frames with a box."""
    open: int = 8
    """Videos that get pre-labels."""
    train_size: tuple[int, int] = (320, 240)
    """Nobody looks at the training videos, so they are small and quick."""
    annotated_size: tuple[int, int] = (640, 480)
    """People click on these; things are drawn in the same proportion at any size."""
    frames_per_second: int = 8
    """A multiple of 4: the frames at s and at s + 0.25 s exist exactly."""
    verbs: tuple[str, ...] = VERBS
    """Some of cut, stir, pour, shake; an action is a verb and an object (`actions`)."""
    objects: tuple[str, ...] = OBJECTS
    """Some of salad, pancake, carrot, soup, jam, milk."""
    actions_per_video: int = 4
    """Different actions in a video; fewer make the video's own actions easier to tell apart."""
    video_s: Range = (60.0, 90.0)
    """How long a video runs; several windows of a sentence fit in."""
    segment_s: Range = (4.0, 8.0)
    """How long an action goes on."""
    gap_s: Range = (2.0, 9.0)
    """How long nothing is done between two actions."""
    scene_s: Range = (12.0, 25.0)
    """Time between two cuts: room, clutter and places change within a video."""
    talking_head_share: float = 0.5
    """Share of the gaps that show a talking head."""
    hidden_share: float = 0.15
    """Share of the action seconds in which the action cannot be seen."""
    distractors: bool = True
    """Whether two objects and a tool lie about unused, so that seeing a carrot does not yet mean
    that it is cut."""
    mover_share: float = 0.9
    """Share of the time in which something moves that no sentence is about, so that motion alone
    does not give the place away; 0 for none."""
    narrated_share: float = 0.9
    """Share of the segments that a sentence speaks of."""
    compound_share: float = 0.15
    """Chance that a sentence speaks of the next segment, too."""
    noise_share: float = 1 / 3
    """Share of all sentences that speak of no action."""
    sentence_s: Range = (3.0, 6.0)
    """How long a sentence lasts."""
    shift_mean_s: float = 0.0
    """Seconds by which a sentence comes later than its action; 5.0 is the lagged variant."""
    shift_sd_s: float = 3.5
    """Standard deviation of that shift, seconds: people speak before or after they act; 2.0 in the
    lagged variant."""

    def __post_init__(self) -> None:
        """Refuse settings that no video could follow."""
        if self.frames_per_second < 4 or self.frames_per_second % 4:
            raise SettingsError(
                f"frames_per_second must be a multiple of 4, got {self.frames_per_second}; "
                "the frame a quarter of a second after each whole second has to exist"
            )
        for name in ("video_s", "segment_s", "gap_s", "scene_s", "sentence_s"):
            least, most = getattr(self, name)
            if not 0 < least <= most:
                raise SettingsError(f"{name} must satisfy 0 < least <= most, got {least}..{most}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_share") and not 0 <= value <= 1:
                raise SettingsError(f"{field.name} must lie in 0..1, got {value}")
        if self.noise_share == 1:
            raise SettingsError("noise_share must be less than 1: nothing would be told")
        if self.shift_sd_s < 0:
            raise SettingsError(f"shift_sd_s must be 0 or more, got {self.shift_sd_s}")
        self._check_actions()
        self._check_sets()

    def _check_actions(self) -> None:
        for name, chosen, known in (
            ("verbs", self.verbs, VERBS),
            ("objects", self.objects, OBJECTS),
        ):
            if unknown := [word for word in chosen if word not in known]:
                raise SettingsError(
                    f"{name} must be some of {', '.join(known)}, got {', '.join(unknown)}"
                )
        n_actions = len(self.actions)
        if not 1 <= self.actions_per_video <= n_actions:
            raise SettingsError(
                f"actions_per_video must lie in 1..{n_actions}, got {self.actions_per_video}; "
                "so many pairs do these verbs and objects make"
            )

    def _check_sets(self) -> None:
        for name in SETS:
            if self.n_videos(name) < 0 or self.seed < 0:
                raise SettingsError(f"seed and the number of {name} videos must not be negative")
            if any(side < 64 or side % 2 for side in self.size(name)):
                raise SettingsError(
                    f"videos need even sides of 64 px or more, got {self.size(name)}"
                )

    @property
    def actions(self) -> tuple[WorldAction, ...]:
        """The actions of the world: each object with those of its two verbs that are given."""
        return actions_of(self.verbs, self.objects)

    def n_videos(self, set_name: str) -> int:
        """How many videos a set has."""
        count: int = getattr(self, set_name.replace("-", "_"))
        return count

    def size(self, set_name: str) -> tuple[int, int]:
        """The (width, height) of a set's videos, in pixels."""
        return self.train_size if set_name == "train" else self.annotated_size

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
