from __future__ import annotations

import csv
from dataclasses import replace

from dataset_builder.exporters.ava import ava_files
from dataset_builder.exporters.seconds import action_numbers, video_seconds


def rows_of(release, name):
    return list(csv.reader(ava_files(release)[name].splitlines()))


def test_every_box_is_a_row_of_seven_columns(full_release):
    numbers = action_numbers(full_release)
    clips = {clip.clip_id: clip for clip in full_release.clips}
    expected = sorted(
        [
            (
                clips[clip_id].video_id,
                second,
                *(round(side, 6) for side in (box.x1, box.y1, box.x2, box.y2)),
                numbers[clips[clip_id].action_id],
            )
            for (clip_id, second), box in full_release.boxes.items()
        ]
    )
    found = [
        (video_id, int(second), *map(float, corners), int(number))
        for video_id, second, *corners, number in rows_of(full_release, "ava.csv")
    ]
    assert sorted(found) == expected


def test_seconds_have_four_digits_and_rise_within_a_video(full_release):
    keys = [(row[0], row[1]) for row in rows_of(full_release, "ava.csv")]
    assert keys == sorted(keys)
    assert {len(second) for _, second in keys} == {4}


def test_seconds_of_which_nothing_is_known_are_excluded(full_release):
    boxed = {(row[0], row[1]) for row in rows_of(full_release, "ava.csv")}
    excluded = {tuple(row) for row in rows_of(full_release, "ava_excluded_timestamps.csv")}
    seen = {
        (second.video_id, f"{second.second:04d}"): {f.consensus.reason for f in second.frames}
        for second in video_seconds(full_release)
    }
    assert excluded & boxed == set()
    assert {key for key in excluded if seen[key] == {"not_visible"}} == set()
    negative = {key for key, reasons in seen.items() if reasons == {"not_visible"}}
    assert excluded | boxed | negative == seen.keys()
    assert excluded
    assert negative


def test_the_label_map_names_every_action(full_release):
    odd, *others = full_release.actions
    release = replace(
        full_release, actions=(replace(odd, description='say "sauté" \\ stir'), *others)
    )
    text = ava_files(release)["ava_actions.pbtxt"]
    assert text.count("item {") == len(release.actions)
    number = action_numbers(release)[odd.action_id]
    assert f'  name: "say \\"sauté\\" \\\\ stir"\n  id: {number}\n' in text
