"""A world of a few small videos, rendered once for the tests of the study."""

import pytest

from stg_model.world import WorldSettings, render_world

TINY = WorldSettings(
    seed=7,
    train=4,
    validation=1,
    held_out=2,
    open=0,
    train_size=(128, 96),
    annotated_size=(128, 96),
    frames_per_second=4,
    video_s=(30.0, 45.0),
    segment_s=(4.0, 6.0),
    gap_s=(2.0, 4.0),
)


@pytest.fixture(scope="session")
def tiny_study_world(tmp_path_factory):
    """The settings of the world and its folder."""
    folder = tmp_path_factory.mktemp("study") / "world"
    render_world(folder, TINY, processes=1)
    return TINY, folder
