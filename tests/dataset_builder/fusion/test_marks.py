from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from dataset_builder.fusion.marks import (
    components,
    marks_study,
    read_marks,
    targets_of,
)

HEADER = "image_id,user_name,marking,x,y"
SIZE = (800.0, 600.0)


def write(path, rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def volunteers(targets, *, n_people=12, error=2.0, image="a"):
    """Return rows of people who each mark every target once."""
    rng = np.random.default_rng(0)
    return [
        f"{image},person{n},blotch,{x + rng.normal(0, error):.1f},{y + rng.normal(0, error):.1f}"
        for n in range(n_people)
        for x, y in targets
    ]


def study(path):
    return marks_study(path, SIZE, np.random.default_rng(0))


def test_marks_of_the_same_people_are_read_by_image_with_empty_places_passed_over(tmp_path):
    rows = ["b,ann,blotch,1.5,2", "a,bob,fan,3,4", "b,bob,blotch,5,6", "a,ann,none,,"]
    first, second = read_marks(write(tmp_path / "m.csv", rows))
    assert (first.image_id, first.places_m2.tolist()) == ("a", [[3, 4]])
    assert (second.image_id, second.places_m2.tolist()) == ("b", [[1.5, 2], [5, 6]])
    assert second.people_m.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("image,user_name,x,y", ["a,b,1,2"], "has no column image_id or subject_ids or subject_id"),
        ("image_id,user_name,x", ["a,b,1"], "has no column y; found image_id, user_name, x"),
        (HEADER, [], "holds no marks"),
        (HEADER, ["a,b,c,left,2"], "m.csv:2: a place must be a number of pixels, got 'left'"),
        (HEADER, ["a,b,c,1,2", "a,b,c,1,nan"], "m.csv:3: a place must be a number"),
    ],
)
def test_a_file_that_is_no_table_of_marks_is_refused(tmp_path, header, rows, message):
    with pytest.raises(InputError, match=message):
        read_marks(write(tmp_path / "m.csv", rows, header))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "m.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_marks(tmp_path / "m.csv")


def test_two_planted_targets_that_touch_do_not_become_one(tmp_path):
    # 20 px of a 1000 px diagonal apart: one component at a radius of 0.025 and of 0.05.
    path = write(tmp_path / "m.csv", volunteers([(300, 300), (320, 300)]))
    for row in study(path)["targets"][1:]:
        assert (row["components"], row["components_marked_twice"]) == (1, 1)
        assert (row["targets"], row["targets_marked_twice"]) == (2, 0)


def test_one_target_stays_one_although_some_marked_it_twice(tmp_path):
    rows = volunteers([(300, 300)])
    path = write(tmp_path / "m.csv", [*rows, *rows[:2]])
    for row in study(path)["targets"]:
        assert (row["components"], row["targets"]) == (1, 1)
        assert row["marks_in_targets"] == 14


def test_a_component_that_cannot_be_divided_stays_and_is_counted(tmp_path):
    rows = volunteers([(300, 300)], error=0.5)
    row = study(write(tmp_path / "m.csv", [*rows, *rows]))["targets"][-1]
    assert (row["targets"], row["targets_marked_twice"]) == (1, 1)
    # Halving the radius would leave no three marks close together.
    people = range(6)
    sparse = [f"a,p{n},x,{300 + 30 * n}.0,300" for n in people for _ in range(1)]
    doubled = [f"a,p{n},x,{300 + 30 * n}.0,330" for n in people]
    row = study(write(tmp_path / "n.csv", [*sparse, *doubled]))["targets"][-1]
    assert row["targets"] == row["components"] == 1


def test_two_groups_of_exact_people_lie_nowhere_apart_and_of_inexact_ones_as_theory_says(tmp_path):
    exact = study(write(tmp_path / "m.csv", volunteers([(300, 300)], error=0.0)))["split_half"]
    assert exact["targets"] == 1
    assert {row["median_px"] for row in exact["methods"].values()} == {0.0}
    many = [(100 + 150 * n, 100 + 120 * m) for n in range(5) for m in range(4)]
    rows = volunteers(many, n_people=30, error=3.0)
    split = study(write(tmp_path / "n.csv", rows))["split_half"]
    # Means of five differ by a Rayleigh variable of scale 3 sqrt(2 / 5): median 1.177 of that.
    assert split["targets"] == 20
    assert split["methods"]["mean"]["median_px"] == pytest.approx(2.23, rel=0.15)


def test_targets_of_few_people_have_no_halves(tmp_path):
    found = study(write(tmp_path / "m.csv", volunteers([(300, 300)], n_people=5)))
    assert found["targets"][0]["targets"] == 1
    assert found["split_half"] == {"targets": 0, "methods": {}}


def test_without_a_size_the_largest_coordinates_are_taken(tmp_path):
    path = write(tmp_path / "m.csv", volunteers([(300, 200)], error=0.0))
    assert marks_study(path, None, np.random.default_rng(0))["size"] == [300, 200]
    origin = write(tmp_path / "n.csv", volunteers([(0, 0)], error=0.0))
    with pytest.raises(InputError, match="name the images' size"):
        marks_study(origin, None, np.random.default_rng(0))


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=12, unique=True
    )
)
def test_components_are_those_of_scikit_learn_but_for_marks_at_two_edges(places):
    cluster = pytest.importorskip("sklearn.cluster")
    array = np.array(places, dtype=np.float64)
    expected = cluster.DBSCAN(eps=2.0, min_samples=3).fit(array)
    cores = set(expected.core_sample_indices_.tolist())
    found = components(array, 2.0)
    assert {frozenset(cores & set(c.tolist())) for c in found} == {
        frozenset(i for i in cores if expected.labels_[i] == label)
        for label in set(expected.labels_) - {-1}
    }
    members = [index for component in found for index in component.tolist()]
    assert sorted(members) == np.flatnonzero(expected.labels_ >= 0).tolist()


@pytest.mark.parametrize("name", ["planet4_test_db.csv", "andromeda_markings.csv"])
def test_real_marks_of_volunteers_are_studied(shared_data, name):
    path = shared_data / "crowd_points" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    found = marks_study(path, None, np.random.default_rng(0))
    images = read_marks(path)
    assert found["images"] == len(images) > 1
    for row in found["targets"]:
        assert row["targets"] >= row["components"] > 0
        assert row["targets_marked_twice"] <= row["components_marked_twice"]
    # No mark belongs to two targets.
    for image in images:
        members = np.concatenate([np.zeros(0, int), *targets_of(image, 50.0, 5.0)])
        assert len(set(members.tolist())) == len(members)
