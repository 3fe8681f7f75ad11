from __future__ import annotations

import pytest

from dataset_builder.errors import InputError
from dataset_builder.settings import BuildSettings, parse_settings, read_settings


def test_the_defaults_are_the_paper_s():
    settings = BuildSettings()
    assert (settings.mode, settings.min_clicks, settings.sigma) == ("paper", 3, 0.03)
    assert (settings.margin_x * 640, settings.margin_y * 480) == pytest.approx((100, 100))
    assert settings.benchmark_answers == "blind"


def test_settings_survive_the_manifest():
    settings = BuildSettings(min_clicks=2, margin_x=0.1, benchmark_answers="all")
    assert read_settings(settings.to_mapping()) == settings


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(InputError, match="'min_click'; did you mean 'min_clicks'"):
        parse_settings(["min_click=3"])


def test_a_setting_without_a_value_is_refused():
    with pytest.raises(InputError, match="name=value"):
        parse_settings(["min_clicks"])


@pytest.mark.parametrize(
    "assignment",
    [
        "mode=median",
        "tube_gap=none",
        "min_p_visible=1.1",
        "robust_margin=0",
        "sigma_floor=0",
        "sigma_cap=0.01",
        "benchmark_answers=assisted",
        "min_clicks=0",
        "min_clicks=2.5",
        "min_clicks=true",
        "min_clicks=three",
        "margin_x=0",
        "margin_y=NaN",
        "sigma=-0.1",
        "sigma=null",
        "grid_rows=1",
        "grid_cols=1e9",
    ],
)
def test_a_value_that_no_build_can_use_is_refused(assignment):
    name = assignment.partition("=")[0]
    with pytest.raises(InputError, match=f"setting {name} must be"):
        parse_settings([assignment])
