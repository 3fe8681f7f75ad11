"""Do the people agree? A label for each frame, and a few numbers for all of them.

The label comes from groups of clicks, DBSCAN's (M. Ester et al., KDD 1996) with a radius of 0.05 of
the diagonal: a *component* needs three clicks close together, a *group* two.

- `unimodal`: one component holds more than half of the clicks, and the others are single.
- `split`: two groups or more; there may be two targets.
- `scattered`: neither. Less than three clicks have no label.

Alpha (K. Krippendorff, "Content Analysis", interval metric with squared Euclidean distance for
places, nominal for visibility) and ICC(1) (P. E. Shrout and J. L. Fleiss, Psychological Bulletin
86, 1979, with the usual mean group size where sizes differ) are close to 1 wherever frames differ
more than people do; read the distances first.
"""

from __future__ import annotations

import numpy as np

from dataset_builder.fusion.answer_table import (
    AnswerTable,
    Bools,
    Clicks,
    Floats,
    Ints,
    clicks_of,
    sums,
)

RADIUS = 0.05
"""Two clicks are close within this share of the diagonal (40 px of a 640x480 frame)."""
COMPONENT_CLICKS = 3
"""Clicks within the radius, itself among them, that make a click the core of a component."""
UNIMODAL, SPLIT, SCATTERED, TOO_FEW = "unimodal", "split", "scattered", ""
LABELS = (UNIMODAL, SPLIT, SCATTERED)
_DECIMALS = 6


def agreement_labels(clicks: Clicks) -> tuple[list[str], Ints]:
    """Return each frame's label, and how many clicks its largest component has (F,)."""
    labels = [TOO_FEW] * clicks.n_frames
    agreeing_f = np.zeros(clicks.n_frames, dtype=np.int64)
    for frames, rows in clicks.by_count():
        if rows.shape[1] < COMPONENT_CLICKS:
            continue
        is_close_fnn = _close(clicks.places_c2[rows], RADIUS)
        largest_f = _largest_components(is_close_fnn).sum(axis=1)
        agreeing_f[frames] = largest_f
        groups_f = _number_of_groups(is_close_fnn)
        for frame, n_groups, largest in zip(frames, groups_f, largest_f, strict=True):
            if n_groups > 1:
                labels[frame] = SPLIT
            else:
                labels[frame] = UNIMODAL if 2 * largest > rows.shape[1] else SCATTERED
    return labels, agreeing_f


def largest_component(places_fn2: Floats, radius: float) -> Bools:
    """Return which of N clicks are in their frame's largest component, (F, N).

    >>> places = np.array([[[0.0, 0.0], [0.9, 0.0], [0.0, 0.1], [0.1, 0.0]]])
    >>> largest_component(places, radius=0.2).tolist()
    [[True, False, True, True]]
    """
    return _largest_components(_close(places_fn2, radius))


def agreement_numbers(table: AnswerTable) -> dict[str, float | int | None]:
    """Return what the manifest says of agreement; None where nothing can be said.

    `distance_mean` is the mean over frames with two clicks or more of the mean distance between
    two of their clicks, in diagonals. The shares are of frames with three clicks or more, but
    `share_visibility_agreed`: frames with two answers or more that all say the same.
    """
    clicks = clicks_of(table)
    labels, agreeing_f = agreement_labels(clicks)
    n_labelled = sum(label != TOO_FEW for label in labels)
    numbers: dict[str, float | int | None] = {
        "frames_of_two_clicks": int((clicks.counts_f() > 1).sum()),
        "frames_of_three_clicks": n_labelled,
        "distance_mean": _mean(_mean_distances(clicks)),
        "share_three_close": _share(int((agreeing_f > 0).sum()), n_labelled),
    }
    for label in LABELS:
        numbers[f"share_{label}"] = _share(labels.count(label), n_labelled)
    answers_f = np.bincount(table.frames_a, minlength=table.n_frames)
    clicked_f = sums(table.frames_a, table.is_click_a, table.n_frames)
    is_asked_f = answers_f > 1
    agreed_f = is_asked_f & ((clicked_f == 0) | (clicked_f == answers_f))
    numbers["share_visibility_agreed"] = _share(int(agreed_f.sum()), int(is_asked_f.sum()))
    numbers["alpha_places"] = alpha(clicks.frames_c, clicks.places_c2)
    # Two classes as numbers 0 and 1: squared distance is the nominal metric.
    numbers["alpha_visibility"] = alpha(
        table.frames_a, table.is_click_a[:, None].astype(np.float64)
    )
    numbers["icc_places"] = icc1(clicks.frames_c, clicks.places_c2)
    return {
        name: round(value, _DECIMALS) if isinstance(value, float) else value
        for name, value in numbers.items()
    }


def alpha(units_v: Ints, values_vd: Floats) -> float | None:
    """Return Krippendorff's alpha with squared Euclidean distance, in closed form.

    Args:
        units_v: which unit (frame) each value belongs to; units with one value do not count.
        values_vd: the values, D numbers each.

    Returns:
        At most 1; None where fewer than two values can be paired or all are alike.

    The interval metric needs no table of pairs, since the squared distances of m values sum up to
    m times their squared distances to the mean.

    >>> alpha(np.array([0, 0, 1, 1]), np.array([[0.0], [0.0], [1.0], [1.0]]))
    1.0
    >>> alpha(np.array([0, 0, 1, 1]), np.array([[0.0], [1.0], [0.0], [1.0]]))
    -0.5
    """
    sizes_u = np.bincount(units_v)
    is_paired_v = sizes_u[units_v] > 1
    units_v, values_vd = units_v[is_paired_v], values_vd[is_paired_v]
    n = len(units_v)
    if n < 2:
        return None
    sizes_u = np.bincount(units_v)
    within_u = _within(units_v, values_vd, sizes_u)
    is_used_u = sizes_u > 1
    observed = (2 * sizes_u[is_used_u] * within_u[is_used_u] / (sizes_u[is_used_u] - 1)).sum() / n
    expected = (
        2 * float(_within(np.zeros(n, dtype=np.int64), values_vd, np.array([n]))[0]) / (n - 1)
    )
    return None if expected <= 0 else float(1 - observed / expected)


def icc1(units_v: Ints, values_vd: Floats) -> float | None:
    """Return the intraclass correlation ICC(1), one-way random effects, of D pooled coordinates.

    Annotators differ from frame to frame, so the two-way forms do not apply.

    Returns:
        At most 1; None for fewer than two units or none with two values.

    >>> icc1(np.array([0, 0, 1, 1]), np.array([[0.0], [0.0], [1.0], [1.0]]))
    1.0
    """
    sizes_u = np.bincount(units_v)
    sizes = sizes_u[sizes_u > 0]
    n, n_units = len(units_v), len(sizes)
    if n_units < 2 or n == n_units:
        return None
    within = float(_within(units_v, values_vd, sizes_u).sum())
    total = float(_within(np.zeros(n, dtype=np.int64), values_vd, np.array([n]))[0])
    mean_within = within / (n - n_units)
    mean_between = (total - within) / (n_units - 1)
    size = (n - float((sizes**2).sum()) / n) / (n_units - 1)
    spread = mean_between + (size - 1) * mean_within
    return None if spread <= 0 else float((mean_between - mean_within) / spread)


def _within(units_v: Ints, values_vd: Floats, sizes_u: Ints) -> Floats:
    """Return each unit's sum of squared distances to its mean."""
    within_u = np.zeros(len(sizes_u))
    for axis in range(values_vd.shape[1]):
        column = values_vd[:, axis]
        means_u = sums(units_v, column, len(sizes_u)) / np.maximum(sizes_u, 1)
        within_u += sums(units_v, (column - means_u[units_v]) ** 2, len(sizes_u))
    return within_u


def _mean_distances(clicks: Clicks) -> Floats:
    """Return the mean distance between two clicks for each frame with two clicks or more."""
    found = [np.zeros(0)]
    for _, rows in clicks.by_count():
        n = rows.shape[1]
        if n > 1:
            distances = np.sqrt(_squared_distances(clicks.places_c2[rows]))
            found.append(distances.reshape(len(rows), -1).sum(axis=1) / (n * (n - 1)))
    return np.concatenate(found)


def _squared_distances(places_fn2: Floats) -> Floats:
    offsets = places_fn2[:, :, None] - places_fn2[:, None]
    squared: Floats = offsets[..., 0] ** 2 + offsets[..., 1] ** 2
    return squared


def _close(places_fn2: Floats, radius: float) -> Bools:
    is_close: Bools = _squared_distances(places_fn2) <= radius * radius
    return is_close


def _connected(is_linked_fnn: Bools) -> Bools:
    """Return which clicks are joined by a path of links, (F, N, N)."""
    joined = is_linked_fnn
    reach = 1
    while reach < is_linked_fnn.shape[1]:
        joined = np.matmul(joined.astype(np.float32), joined.astype(np.float32)) > 0
        reach *= 2
    return joined


def _largest_components(is_close_fnn: Bools) -> Bools:
    """Return which clicks are in each frame's largest component (F, N), none where there is none.

    A click at the edge of two components counts for both, so that no order decides its size. Of
    components of one size the one with the first core is taken.
    """
    is_core_fn = is_close_fnn.sum(axis=2) >= COMPONENT_CLICKS
    joined = _connected(is_close_fnn & is_core_fn[:, :, None] & is_core_fn[:, None])
    # A click belongs to the component of core i when it is close to a core joined with i.
    is_member_fnn = np.matmul(joined.astype(np.float32), is_close_fnn.astype(np.float32)) > 0
    is_member_fnn &= is_core_fn[:, :, None]
    first_f = is_member_fnn.sum(axis=2).argmax(axis=1)
    largest: Bools = is_member_fnn[np.arange(len(first_f)), first_f]
    return largest


def _number_of_groups(is_close_fnn: Bools) -> Ints:
    """Return how many groups of two clicks or more each frame has (F,)."""
    joined = _connected(is_close_fnn)
    is_grouped_fn = joined.sum(axis=2) > 1
    # A group is counted at its first click.
    is_first_fn = joined.argmax(axis=2) == np.arange(joined.shape[1])
    groups: Ints = (is_grouped_fn & is_first_fn).sum(axis=1)
    return groups


def _share(count: int, total: int) -> float | None:
    return count / total if total else None


def _mean(values: Floats) -> float | None:
    return float(values.sum() / len(values)) if len(values) else None
