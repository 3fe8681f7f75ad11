"""Every setting of the model: default, unit and reason.

The defaults are the configuration of the tiny trainable backbone (R31), under which a model learns
from narration alone in CPU minutes. `FROZEN` has those that differ on CLIP and S3D (R30). The
resolved settings stand in every checkpoint; `limits` says which are possible. "Paper" is "What,
When and Where?" (CVPR 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dataset_builder import tables
from stg_model.limits import refuse_impossible

CALIBRATED = ("background_threshold", "mask_threshold", "box_width", "box_height")
"""Of `[inference]`, what a validation set fills in where it is None."""

FROZEN_BACKBONES = ("clip", "s3d")
FROZEN: Mapping[str, Any] = {
    "network.dim": 512,
    "network.cross_attention": "dot_scaled",
    "network.self_attention_scope": "clip",
    "network.second_cross_residual": True,
    "network.normalise_scores": False,
    "selection.n_frames": 8,
    "selection.readout": "max",
    "selection.epsilon": 0.05,
    "selection.max_iterations": 100,
    "loss.temperature": 1.0,
    "training.batch": 64,
    "training.local_batch": 16,
    "training.learning_rate": 1e-4,
    "training.weight_decay": 0.01,
    "fine_tuning.learning_rate": 2.5e-5,
    "inference.heatmap_from": "rollout",
    "inference.box_from": "mask",
}
"""Defaults on a frozen backbone, where they differ: the layers, sizes and rates of the released
training code, the paper's boxes, and a Sinkhorn sharp enough for cosines that were not trained
here. The local batch is ours: 16 is a second on one core; on a GPU take the whole batch, as the
paper does."""


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """What is read from a video, once a second."""

    backbone: Literal["tiny", "clip", "s3d"] = "tiny"
    """Who reads: the small network trained along, or frozen CLIP or S3D from a file (paper 4.1)."""
    frame_px: int = 56
    """Side of the square that `tiny` squeezes a frame to, pixels; 7 x 7 cells of 8 px."""
    sub_frame_s: float = 0.25
    """The second picture of a second is this much later: two pictures make motion visible."""
    crop: Literal["squeeze", "square", "native"] = "squeeze"
    """What `clip` and `s3d` see: the whole frame squeezed (released evaluation; the only one under
    which a heat map covers the frame), its middle square, or the square in its middle unscaled.
    The released training takes the latter two at random places."""
    legacy_pixels: bool = False
    """`clip` without its mean and standard deviation, as in the released code; for its weights."""
    prompt: str = "{}"
    """What CLIP reads for a text, which stands in place of {}; such as "a photo of {}"."""
    clip_frames: int = 16
    """Frames that `s3d` sees round each second, a multiple of 8: each 8 make one cell in time."""
    clip_fps: float = 5.0
    """Their rate, 1/s; 16 at 5 are 3.2 s round the second's begin (released code)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the frozen backbone's matrix products; bfloat16 is faster where the processor has it."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Shapes of the network and forms of its attention."""

    cell_px: int = 8
    """Side of one region of the frame, pixels; nothing mixes across cells in the backbone."""
    patch_px: int = 4
    """Side of the square that the backbone sees at once, pixels; a cell takes the maximum of its
    patches."""
    token_dim: int = 64
    """Size of the backbone's tokens."""
    hidden_dim: int = 64
    """Size of the backbone's hidden layer."""
    word_dim: int = 64
    """Size of a word's embedding."""
    word_init_sd: float = 0.1
    """Standard deviation of fresh word embeddings; small, so that no word begins loud."""
    dim: int = 32
    """D, the size of the space in which regions and words are compared."""
    cross_attention: Literal["dot_scaled", "cosine", "dot_unscaled"] = "cosine"
    """Logits of the cross attention; the paper says cosine (section 3.2)."""
    cross_temperature: float = 0.07
    """Divides cosine logits; at 1 the softmax over [-1, 1] is almost flat."""
    attention_order: Literal["cross_self_cross", "self_cross", "cross_self", "cross_cross"] = (
        "cross_self_cross"
    )
    """Layers of the local branch from its tokens to the pooling (paper section 3.2 and table 4)."""
    self_attention_scope: Literal["clip", "frame"] = "frame"
    """What a region attends to: all regions of the clip (released code) or of its own frame."""
    second_cross_residual: bool = False
    """Add its input to a cross attention that does not begin the stack (released training code);
    off by default on the tiny backbone, whose scores are normalised."""
    normalise_scores: bool = True
    """Cosine between the pooled vectors instead of their dot product (paper and released code)."""
    global_frames: Literal["selected", "all"] = "selected"
    """Frames averaged for the global score: the selected ones (paper figure 2c) or the window."""
    projection: Literal["linear", "gated"] = "linear"
    """Maps into the global space: y = Wx + b (paper), or y * sigmoid(Vy + c) (option of the
    released code)."""
    global_start: Literal["random", "backbone"] = "random"
    """Where these maps begin: at random (paper), or as a frozen backbone's own maps into its common
    space: S3D's `fc` and `fc2`, for CLIP the identity; `dim` is then that space's."""
    form: Literal["cheap", "plain"] = "cheap"
    """How the local scores are computed; equal but for rounding, `plain` is the readable one."""
    local_memory_mb: int = 2000
    """Above this estimate of the local scores' memory, MB, videos are scored in groups and once
    more in the backward pass: a third more time for less memory (cheap form only)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products in training; bfloat16 is for GPUs and for CPUs made for it."""
    compile: bool = False
    """Let `torch.compile` fuse the cheap form in training. A CPU spends more on compiling than a
    short run wins (benchmarks/README.md)."""


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """How T of the U candidate frames are chosen (paper section 3.3)."""

    method: Literal["none", "random", "global", "local", "word_max", "sinkhorn"] = "sinkhorn"
    """`none` takes the frames nearest the sentence's middle; the rest rank all U frames."""
    n_frames: int = 6
    """T, frames kept of a window."""
    readout: Literal["max", "qp", "sum", "round_robin"] = "qp"
    """How a frame's score is read from the plan Q; row sums of a converged plan are all equal."""
    epsilon: float = 0.2
    """Entropic regularisation of the transport; smaller is sharper and slower to converge."""
    max_iterations: int = 20
    """Upper bound on Sinkhorn iterations."""
    tolerance: float = 1e-4
    """Iterations end when the word marginals are this close, summed over the words."""
    warmup: float = 0.3
    """Share of the steps without selection: untrained projections would choose at random."""


@dataclass(frozen=True, slots=True)
class LossSettings:
    """The contrastive losses (paper section 3.4, equation 4)."""

    which: Literal["both", "local", "global"] = "both"
    """Losses whose sum is trained on (paper table 4). With `local` alone nothing trains the global
    projections: then select by `none` or `random`, or start from trained ones."""
    kind: Literal["mms", "milnce", "released"] = "mms"
    """Masked margin softmax (paper equation 4), MIL-NCE (both directions in one denominator), or
    the released code's form of that, which counts the positive twice."""
    temperature: float = 0.1
    """Divides normalised scores; 1 for unnormalised dot products."""
    margin: float = 0.001
    """Delta of `mms`, taken off the positive's score before the temperature; the paper gives no
    value, this one is of its authors' earlier code."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Data schedule and optimiser."""

    window_s: int = 16
    """U, candidate seconds round a sentence; narration seldom matches the picture's time."""
    window_from: Literal["middle", "start"] = "middle"
    """Where the window lies: centred on the sentence (`early_start` of the released code), or from
    its start on, at random within a sentence that is longer than the window."""
    min_time_s: float = 5.0
    """A shorter sentence counts as this long, seconds, widened on both sides (released code); it
    matters to windows that begin at its start."""
    max_words: int = 20
    """K at most; later words of a sentence are dropped."""
    steps: int = 500
    """Optimiser steps; the local loss is still at chance after 130."""
    batch: int = 48
    """B, clips of as many different videos; fewer when there are fewer videos."""
    local_batch: int = 10
    """Clips of the batch that also enter the local loss, whose cost grows with the square."""
    learning_rate: float = 4e-3
    """Peak rate of AdamW."""
    word_rate_factor: float = 3.0
    """Word embeddings learn this much faster: each is touched by few sentences of a batch."""
    weight_decay: float = 1.0
    """Strong: a hundred videos are soon learned by heart, each by its backdrop."""
    rate_warmup: float = 0.1
    """Share of the steps in which the rate rises, before half a cosine takes it to 0."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    seed: int = 0
    """Seeds the weights and, with the step's number, each batch."""
    save_every: int = 100
    """Steps between the states that a cut run goes on from."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    tensorboard: bool = True
    """Write the same figures for TensorBoard, into the run's folder `tensorboard`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network computes; `auto` takes a GPU where torch sees one."""
    data_memory_mb: int = 2000
    """Videos are held ready in memory, MB, until they fill this; of the rest only the seconds of
    each batch are read from the store. A video of the tiny backbone takes 19 kB a second."""
    prefetch: int = 2
    """Batches that a thread makes ahead while the network computes; 0 makes each when needed."""


@dataclass(frozen=True, slots=True)
class FineTuningSettings:
    """Learning from a release's clicks, besides the narration (`fine-tune`)."""

    steps: int = 150
    """Optimiser steps; a release is small beside the narration and is soon learned by heart."""
    learning_rate: float = 1e-3
    """Peak rate of AdamW; a quarter of training's, so that what narration taught is kept."""
    clips: int = 8
    """Clips of the release in a batch."""
    window_s: int = 16
    """Seconds of a clip whose regions share one roll-out, as `inference.window_s`."""
    click_sigma: float = 0.03
    """Standard deviation of the Gaussian round each click, as a share of the frame's diagonal (R20,
    the paper's)."""
    click_weight: float = 1.0
    """Weight of the divergence of the roll-out from the clicks; 0 leaves it out."""
    threshold_weight: float = 1.0
    """Weight of the logistic loss of the threshold on visible and not visible frames."""
    threshold_temperature: float = 0.1
    """Cosines this far above tau are visible with odds of e to 1."""
    threshold_rate: float = 0.01
    """Peak learning rate of tau, a cosine."""


@dataclass(frozen=True, slots=True)
class InferenceSettings:
    """How times, points and boxes are read from a trained model (paper section 3.5)."""

    window_s: int = 16
    """Seconds whose regions share one attention roll-out."""
    smoothing_s: int = 1
    """Action scores are averaged over this many seconds (odd); 1 leaves them alone."""
    similarity_from: Literal["global", "local"] = "global"
    """What says when: each second's cosine in the global space (paper), or the local score of the
    second alone, for a model without a trained global branch (CoMMA)."""
    heatmap_from: Literal["rollout", "global_patches", "global_shares", "product"] = "global_shares"
    """The heat map: the paper's attention roll-out, each patch's own global similarity, each
    patch's share in its frame's global score (tiny backbone with a linear projection; elsewhere
    the roll-out), or roll-out times similarity."""
    rollout: Literal["released", "residual"] = "released"
    """The product of attentions behind `rollout`: the released code's, or Abnar and Zuidema's
    (2020), in which a layer with a residual also hands on what it got."""
    share_blur: float = 0.7
    """Standard deviation of the blur of `global_shares`, in patches; shares are ragged."""
    segment_gap_s: int = 0
    """Seconds over which a segment goes on though they do not name its action; the paper has
    none."""
    background_threshold: float | None = None
    """Tau: below this best cosine a second is background. None: `train` finds it on a validation
    set; without one Otsu chooses per video (R26)."""
    mask_threshold: float | None = None
    """Alpha: share of a frame's heat range from which a place belongs to the mask. None: `train`
    finds it on a validation set; without one it is 0.5 (R26)."""
    point_from: Literal["peak", "mask_centroid"] = "peak"
    """The point: the hottest place (paper), or the middle of the mask round it. With shares of the
    global score the peak hits more often, with the ragged roll-out the middle (docs/study.md)."""
    box_from: Literal["mask", "point"] = "point"
    """The box: what bounds the mask (paper), or one of a fixed size round the point. A mask follows
    cells of a seventh of the frame; the fixed size overlaps the truth more (docs/study.md)."""
    box_width: float | None = None
    """Of a box round the point, as a share of the frame's width. None: `train` takes the true
    boxes' mean on a validation set; without one it is 0.35."""
    box_height: float | None = None
    """The same of the frame's height."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections."""

    features: FeatureSettings = field(default_factory=FeatureSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    fine_tuning: FineTuningSettings = field(default_factory=FineTuningSettings)
    inference: InferenceSettings = field(default_factory=InferenceSettings)

    def __post_init__(self) -> None:
        """Refuse values that no run could use."""
        refuse_impossible(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the sections as plain JSON values."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """SHA-256 of all values: two runs with the same digest had the same settings."""
        return digest_of(self)


def digest_of(settings: Any) -> str:
    """Return the SHA-256 of a settings record or section."""
    return tables.sha256_bytes(tables.canonical_json(asdict(settings)).encode())
