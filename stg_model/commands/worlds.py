"""Commands of the narrated world."""

from __future__ import annotations

from pathlib import Path

import click

from stg_model.commands.options import PATH


@click.command("render-world")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, help="Another seed, another world.  [default: 0]")
@click.option("--train", type=int, help="Videos to learn from.  [default: 100]")
@click.option("--validation", type=int, help="Videos to tune thresholds on.  [default: 8]")
@click.option("--held-out", type=int, help="Videos to score on.  [default: 16]")
@click.option("--open", "open_videos", type=int, help="Videos to pre-label.  [default: 8]")
@click.option("--fps", type=int, help="Frames a second, a multiple of 4.  [default: 8]")
@click.option(
    "--narration-shift",
    type=(float, float),
    metavar="MEAN SD",
    help="Seconds by which sentences come late; '5 2' lags.  [default: 0.0, 3.5]",
)
@click.option("--config", type=PATH, help="Settings of the world as TOML.")
@click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change one; may be repeated."
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Videos drawn at once.",
)
@click.option("--force", is_flag=True, help="Replace a world of other settings.")
def render_world(
    out: Path,
    *,
    seed: int | None,
    train: int | None,
    validation: int | None,
    held_out: int | None,
    open_videos: int | None,
    fps: int | None,
    narration_shift: tuple[float, float] | None,
    config: Path | None,
    changes: tuple[str, ...],
    processes: int,
    force: bool,
) -> None:
    """Render narrated videos of named actions, with their exact truth, into the folder OUT.

    The options are short for settings of their names; stg_model/world/settings.py has them all.
    """
    from stg_model.config import load
    from stg_model.world import WorldSettings, render_world

    mean_s, sd_s = narration_shift or (None, None)
    asked = {
        "seed": seed,
        "train": train,
        "validation": validation,
        "held_out": held_out,
        "open": open_videos,
        "frames_per_second": fps,
        "shift_mean_s": mean_s,
        "shift_sd_s": sd_s,
    }
    short = [f"{name}={value}" for name, value in asked.items() if value is not None]
    settings = load(WorldSettings(), config, [*short, *changes])
    render_world(out, settings, force=force, processes=processes)
    click.echo(out)


COMMANDS = (render_world,)
