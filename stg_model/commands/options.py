"""What several commands take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dataset_builder.errors import OutputError
from stg_model.features.paths import BackbonePaths

PATH = click.Path(path_type=Path)
SETTINGS_FILE = click.option("--config", type=PATH, help="Settings as TOML sections.")
SETTINGS_CHANGES = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change one setting; may be repeated.",
)
FEATURES = click.option(
    "--features",
    type=PATH,
    help="Store of extract-features to read from and add to.",
)


def backbone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a frozen backbone's files; the command takes them as `paths`."""

    @functools.wraps(command)
    def with_paths(
        *,
        weights: Path | None,
        vocabulary: Path | None,
        text_weights: Path | None,
        **others: Any,
    ) -> Any:
        return command(paths=BackbonePaths(weights, vocabulary, text_weights), **others)

    for option in (
        click.option(
            "--text-weights", type=PATH, help="Word vectors in place of S3D's own: word2vec.pth."
        ),
        click.option(
            "--vocabulary",
            type=PATH,
            help="CLIP's bpe_simple_vocab_16e6.txt.gz (not needed with a folder), or s3d_dict.npy.",
        ),
        click.option(
            "--weights",
            type=PATH,
            help="Frozen backbone: ViT-B-32.pt or a Hugging Face folder, or s3d_howto100m.pth.",
        ),
    ):
        with_paths = option(with_paths)
    return with_paths


def refuse_existing(output: Path, *, force: bool) -> None:
    """Refuse an output that is there already, unless the user says `--force`."""
    if output.exists() and not force:
        raise OutputError(f"{output}: exists already; choose another place or pass --force")
