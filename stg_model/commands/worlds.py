"""Commands of the narrated world."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("render-world")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=0, show_default=True, help="Another seed, another world.")
@click.option("--train", default=100, show_default=True, help="Videos to learn from.")
@click.option("--validation", default=8, show_default=True, help="Videos to tune thresholds on.")
@click.option("--held-out", default=16, show_default=True, help="Videos to score on.")
@click.option("--open", "open_videos", default=8, show_default=True, help="Videos to pre-label.")
@click.option("--fps", default=8, show_default=True, help="Frames a second, a multiple of 4.")
@click.option(
    "--narration-shift",
    type=(float, float),
    default=(0.0, 3.5),
    show_default=True,
    metavar="MEAN SD",
    help="Seconds by which sentences come late; '5 2' lags.",
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
    seed: int,
    train: int,
    validation: int,
    held_out: int,
    open_videos: int,
    fps: int,
    narration_shift: tuple[float, float],
    processes: int,
    force: bool,
) -> None:
    """Render narrated videos of named actions, with their exact truth, into the folder OUT."""
    from stg_model.world import WorldSettings, render_world

    settings = WorldSettings(
        seed=seed,
        train=train,
        validation=validation,
        held_out=held_out,
        open=open_videos,
        frames_per_second=fps,
        shift_mean_s=narration_shift[0],
        shift_sd_s=narration_shift[1],
    )
    render_world(out, settings, force=force, processes=processes)
    click.echo(out)


COMMANDS = (render_world,)
