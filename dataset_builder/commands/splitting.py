"""Which split a video belongs to, before anybody has answered anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click

from dataset_builder.domain import check_video_id
from dataset_builder.splits import parse_shares, split_of_video


@click.command()
@click.argument("shares")
@click.argument("video_ids", nargs=-1)
@click.option("--salt", default="", help="The build's split_salt.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def split(*, shares: str, video_ids: Sequence[str], salt: str, as_json: bool) -> None:
    """Print which split the build gives each of VIDEO_IDS by SHARES, such as train=0.8,test=0.2.

    So clips can be imported into the splits that `build --set splits=...` will give them, and no
    hint is ever shown on those that are scored. Without VIDEO_IDS they are read from stdin, one a
    line.
    """
    named = parse_shares(shares)
    if not named:
        raise click.UsageError("SHARES must name a split, such as train=0.8,test=0.2")
    wanted = video_ids or sys.stdin.read().split()
    found = {check_video_id(v): split_of_video(v, named, salt) for v in wanted}
    if as_json:
        click.echo(json.dumps(found))
        return
    for video_id, name in found.items():
        click.echo(f"{video_id},{name}")


COMMANDS = (split,)
