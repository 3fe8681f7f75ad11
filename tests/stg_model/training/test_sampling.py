"""Which videos are chosen, and the list of them."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from stg_model.training.transcripts.sampling import (
    SampleSettings,
    read_video_list,
    sample_videos,
    write_video_list,
)

FOOD, CARS = "Food and Entertaining", "Cars & Other Vehicles"
HEADER = "video_id,category_1,category_2,rank,task_id"
ROWS = [f'v{n},"{FOOD if n % 2 else CARS}",Recipes {n % 3},{n},{n}' for n in range(40)]


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "HowTo100M_v1.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return path


def test_a_sample_holds_videos_of_the_category_alone(catalogue):
    chosen = sample_videos(catalogue, SampleSettings(FOOD, 7, seed=3))
    assert (len(chosen.videos), chosen.n_matching) == (7, 20)
    assert all(int(video_id[1:]) % 2 for video_id in chosen.videos)
    by_second = sample_videos(catalogue, SampleSettings("Recipes 1", None))
    assert {int(v[1:]) % 3 for v in by_second.videos} == {1}
    assert len(sample_videos(catalogue, SampleSettings(None, None)).videos) == 40


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(order=st.integers(0, 10**6), count=st.integers(1, 20), seed=st.integers(0, 5))
def test_the_order_of_rows_changes_nothing_and_more_holds_less(catalogue, order, count, seed):
    chosen = sample_videos(catalogue, SampleSettings(FOOD, count, seed)).videos
    rows = random.Random(order).sample([*ROWS, ROWS[1]], len(ROWS) + 1)
    shuffled = catalogue.with_name("other.csv")
    shuffled.write_text("\n".join([HEADER, *rows]) + "\n")
    assert sample_videos(shuffled, SampleSettings(FOOD, count, seed)).videos == chosen
    more = sample_videos(catalogue, SampleSettings(FOOD, min(count + 3, 20), seed)).videos
    assert set(chosen) <= set(more)


def test_another_seed_gives_another_sample(catalogue):
    samples = {sample_videos(catalogue, SampleSettings(FOOD, 7, s)).videos for s in range(5)}
    assert len(samples) == 5


def test_every_video_is_chosen_about_equally_often(catalogue):
    n_seeds = 400
    taken = [
        v
        for s in range(n_seeds)
        for v in sample_videos(catalogue, SampleSettings(FOOD, 5, s)).videos
    ]
    counts = [taken.count(f"v{n}") for n in range(1, 40, 2)]
    assert sum(counts) == 5 * n_seeds
    assert max(abs(count - n_seeds / 4) for count in counts) < 5 * (n_seeds * 0.25 * 0.75) ** 0.5


def test_a_written_list_is_given_back_and_says_how_it_was_made(catalogue, tmp_path):
    chosen = sample_videos(catalogue, SampleSettings(FOOD, 7, seed=3))
    path = tmp_path / "list.json"
    write_video_list(path, chosen)
    assert read_video_list(path) == chosen.videos
    content = json.loads(path.read_text())
    assert content["settings"] == {"category": FOOD, "count": 7, "seed": 3}
    assert content["catalogue_sha256"] == chosen.catalogue_sha256
    text = tmp_path / "list.txt"
    text.write_text("\n".join(chosen.videos))
    assert read_video_list(text) == chosen.videos


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (SampleSettings("Pets", 1), "has no category 'Pets'; it has Cars & Other Vehicles, Food"),
        (SampleSettings(FOOD, 21), "holds 20 such videos, fewer than 21"),
    ],
)
def test_what_a_catalogue_cannot_give_is_refused(catalogue, wanted, message):
    with pytest.raises(InputError, match=message):
        sample_videos(catalogue, wanted)


def test_bad_rows_are_problems_with_their_lines(catalogue):
    catalogue.write_text("\n".join([HEADER, "../up,a,b,1,1", ",a,b,1,1", ROWS[0], "v,a,b,1,1,9"]))
    chosen = sample_videos(catalogue, SampleSettings(None, None))
    assert chosen.videos == ("v0",)
    starts = [problem.split(": ")[0] for problem in chosen.problems]
    assert starts == [f"{catalogue}:{line}" for line in (2, 3, 5)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.json", "{}", "is no grounding-video-list"),
        ("l.json", '{"format": "grounding-video-list"}', "names no video"),
        ("l.json", '{"format": "grounding-video-list", "videos": [1]}', "must be ids, as text"),
        ("l.json", "[", "cannot be read as JSON"),
        ("l.txt", " ", "names no video"),
        ("l.txt", "../up", "must be 1-128 letters"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_video_list(tmp_path / name)
