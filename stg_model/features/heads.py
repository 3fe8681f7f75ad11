"""Global projections that begin as the backbone's own maps into its common space."""

from __future__ import annotations

import torch
from torch import nn

from stg_model.errors import SettingsError
from stg_model.features.encoder import Encoder
from stg_model.network.global_branch import GlobalBranch


def start_from_backbone(branch: GlobalBranch, encoder: Encoder) -> None:
    """Set the global projections to the backbone's heads, so that training starts where it stands.

    Raises:
        SettingsError: the backbone has no heads, or the projections are gated or of another size.
    """
    heads = encoder.heads()
    if heads is None:
        raise SettingsError(
            f"network.global_start = backbone: the backbone {encoder.backbone} has no space of "
            "its own; choose clip or s3d, or network.global_start = random"
        )
    for projection, head in zip(
        (branch.frame_projection, branch.word_projection), heads, strict=True
    ):
        if not isinstance(projection, nn.Linear) or projection.weight.shape != head.weight.shape:
            raise SettingsError(
                "network.global_start = backbone goes with network.projection = linear and "
                f"network.dim = {len(head.weight)}"
            )
        with torch.no_grad():
            projection.weight.copy_(head.weight)
            projection.bias.copy_(head.bias)
