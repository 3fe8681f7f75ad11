"""Label Studio's own SDK: every task fits its labelling configuration."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def interface(exported):
    from label_studio_sdk.label_interface import LabelInterface

    folder = exported("label-studio")

    def load(name):
        config = LabelInterface((folder / f"{name}.xml").read_text())
        return config, json.loads((folder / f"{name}.json").read_text())

    return load


@pytest.mark.parametrize("name", ["videos", "frames"])
def test_every_task_and_region_fits_the_configuration(interface, name):
    config, tasks = interface(name)
    config.validate()
    regions = 0
    for task in tasks:
        assert config.validate_task({"data": task["data"]})
        for annotation in task["annotations"]:
            regions += len(annotation["result"])
            assert config.validate_annotation(annotation), annotation
        for prediction in task.get("predictions", ()):
            assert config.validate_prediction(prediction, return_errors=True) == []
    assert regions > 20


def test_a_label_that_the_configuration_lacks_is_an_error(interface):
    config, tasks = interface("frames")
    prediction = next(task["predictions"][0] for task in tasks if task["predictions"])
    prediction["result"][0]["value"]["rectanglelabels"] = ["another"]
    assert config.validate_prediction(prediction, return_errors=True)
