"""The weights that the paper's authors published, in our model.

`GroundingWeights.pth.tar` is a training state: epoch, state_dict, optimizer, scheduler. Its names
are mapped to ours one by one, old names (of CoMMA) first to new ones, only at their beginning: the
released evaluation replaced them anywhere in a name and, loading loosely, went on without the
self attention of the regions. Here every tensor has its place, or the file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from stg_model.features.weight_files import check_shapes, read_tensors, refuse

RELEASED_SETTINGS = (
    "features.backbone=clip",
    "features.legacy_pixels=true",
    "network.dim=512",
    "network.cross_attention=dot_scaled",
    "network.self_attention_scope=clip",
    "network.second_cross_residual=true",
    "network.normalise_scores=false",
    "network.global_frames=all",
    "selection.n_frames=8",
    "loss.kind=released",
    "loss.temperature=1.0",
    "inference.heatmap_from=rollout",
)
"""How the released code trained; its evaluation left out the division in `dot_scaled`."""

EXPECTED = "the paper's published weights, as GroundingWeights.pth.tar"

THEIR_NAMES = {
    "local_branch.region_projection.": "vis_proj_mat.0.",
    "local_branch.word_projection.": "lang_proj_mat.0.",
    "local_branch.region_attention.query_key_value.": "sa_layer.vis_attn_mat.in_proj_",
    "local_branch.region_attention.out.": "sa_layer.vis_attn_mat.out_proj.",
    "local_branch.word_attention.query_key_value.": "sa_layer.text_attn_mat.in_proj_",
    "local_branch.word_attention.out.": "sa_layer.text_attn_mat.out_proj.",
    "global_branch.frame_projection.linear.": "vis_proj_mat_g.fc.",
    "global_branch.frame_projection.gate.": "vis_proj_mat_g.cg.fc.",
    "global_branch.frame_projection.": "vis_proj_mat_g.0.",
    "global_branch.word_projection.linear.": "lang_proj_mat_g.fc.",
    "global_branch.word_projection.gate.": "lang_proj_mat_g.cg.fc.",
    "global_branch.word_projection.": "lang_proj_mat_g.0.",
}
"""Beginnings of our names and of theirs; a longer one stands before the shorter."""

OLD_NAMES = {
    "key_mat.": ("vis_proj_mat.",),
    "lang_key_mat.": ("lang_proj_mat.",),
    "vis_attn_mat.": ("sa_layer.vis_attn_mat.", "sa_layer.text_attn_mat."),
}
"""Beginnings of CoMMA's names; its one self attention served regions and words."""

GLOBAL_NAMES = ("vis_proj_mat_g.", "lang_proj_mat_g.")

WORD_NAMES = {
    "text_word_embd.": "word_embd.",
    "text_fc1.": "fc1.",
}
"""Frozen words that files of the S3D variant hold too, and their names in S3D's own file."""


def load_released(
    path: Path,
    model: nn.Module,
    words: Mapping[str, Tensor] | None = None,
    *,
    without_global: bool = False,
) -> None:
    """Load the published weights into a model whose backbone holds no weights of its own.

    Args:
        path: the file.
        model: takes all of them or none.
        words: tensors of S3D's text module by name; those in the file must be the same.
        without_global: a file without any global projection (CoMMA's) leaves the model's alone.

    Raises:
        InputError: not such a file; or a tensor is missing, not expected, or of another shape.
    """
    tensors = _renamed(path, read_tensors(path, EXPECTED))
    for theirs, ours in WORD_NAMES.items():
        for name in [name for name in tensors if name.startswith(theirs)]:
            _compare(path, name, tensors.pop(name), (words or {}).get(ours + name[len(theirs) :]))
    names = {name: _their_name(path, name) for name in model.state_dict()}
    if without_global and not any(name.startswith(GLOBAL_NAMES) for name in tensors):
        names = {name: t for name, t in names.items() if not t.startswith(GLOBAL_NAMES)}
    values = model.state_dict()
    shapes = {theirs: tuple(values[name].shape) for name, theirs in names.items()}
    check_shapes(path, tensors, shapes, EXPECTED)
    loaded = {name: tensors[theirs] for name, theirs in names.items()}
    model.load_state_dict(values | loaded, strict=True)


def _their_name(path: Path, name: str) -> str:
    for ours, theirs in THEIR_NAMES.items():
        if name.startswith(ours):
            return theirs + name[len(ours) :]
    refuse(path, f"has nothing like {name}: its backbone is a frozen one", EXPECTED)


def _renamed(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for name, value in tensors.items():
        old = next((old for old in OLD_NAMES if name.startswith(old)), "")
        for new in OLD_NAMES.get(old, ("",)):
            if new + name[len(old) :] in renamed:
                refuse(path, f"holds {name} twice, by an old and a new name", EXPECTED)
            renamed[new + name[len(old) :]] = value
    return renamed


def _compare(path: Path, name: str, value: Tensor, frozen: Tensor | None) -> None:
    if frozen is None:
        refuse(path, f"holds {name}: is it of the S3D variant? set features.backbone=s3d", EXPECTED)
    same = value.shape == frozen.shape and torch.allclose(value.float(), frozen.cpu(), atol=1e-6)
    if not same:
        refuse(path, f"{name} is not what S3D's own file holds; were its words trained?", EXPECTED)
