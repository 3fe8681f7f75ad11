"""No export writes beside its folder, and each XML file of one parses."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from dataset_builder.errors import InputError
from dataset_builder.exporters.cvat import write_cvat
from dataset_builder.exporters.label_studio import write_label_studio
from dataset_builder.exporters.paths import below


@pytest.mark.parametrize("name", ["../evil.xml", "a/../../evil", "/etc/evil", "..", "a\\b", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="would not lie in"):
        below(tmp_path, name)


@pytest.mark.parametrize("name", ["-v.xml", "a..b.xml", "images/-v/000012.jpg"])
def test_other_names_are_those_of_files_in_the_folder(tmp_path, name):
    assert below(tmp_path, name) == tmp_path / name


def test_cvat_writes_nothing_beside_its_folder(full_release, tmp_path):
    (tmp_path / "out").mkdir()
    video = replace(full_release.videos[0], video_id="../evil")
    release = replace(full_release, videos=(video,), clips=(), tubes=())
    with pytest.raises(InputError, match="would not lie in"):
        write_cvat(release, tmp_path / "out")
    assert list(tmp_path.rglob("*.xml")) == []


def test_markup_in_a_phrase_is_text_in_every_xml_file(full_release, tmp_path):
    phrase = "crack <b>&\"an\" 'egg' ]]> \U0001f95a"
    actions = tuple(replace(a, description=phrase) for a in full_release.actions)
    release = replace(full_release, actions=actions)
    for name, write in (("cvat", write_cvat), ("label-studio", write_label_studio)):
        (tmp_path / name).mkdir()
        write(release, tmp_path / name)
    labels = [e.text for e in ET.parse(tmp_path / "cvat/video0.xml").iterfind(".//label/name")]
    assert labels == [phrase]
    shown = [e.get("value") for e in ET.parse(tmp_path / "label-studio/videos.xml").iter("Label")]
    assert set(shown) == {phrase}
    assert len([ET.parse(path) for path in tmp_path.rglob("*.xml")]) == len(release.videos) + 2
