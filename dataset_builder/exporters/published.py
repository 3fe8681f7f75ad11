"""What the card of a release tells that was made from GroundingYouTube's published files."""

from __future__ import annotations

from collections import Counter

from dataset_builder.importers.grounding_youtube import AS_PUBLISHED
from dataset_builder.official.repaired import OTHER_STEP, REPAIRED, UNICODE, ZERO_LENGTH
from dataset_builder.official.repairs import CLIPPED, INVERTED, SIDE_CUT
from dataset_builder.release import Release

_RULES = {
    SIDE_CUT: "the right side, cut at 480 of 640 px, lies as far from the mean click as the left "
    "one; an estimate",
    INVERTED: "comes with `side_cut` where the box was inside out",
    CLIPPED: "cut at its frame, beyond which it reached",
    ZERO_LENGTH: "in a clip of one second, which the public loader leaves out",
    UNICODE: "its step was named with a letter spelt as a code or in two parts",
}

_AS_PUBLISHED = f"""\
Boxes stand as they were published: cut at their frame, left out where nothing remains, otherwise
with every error. Clips are the segments of two seconds or more, as the public loader takes them,
and each gets the box of each of its seconds, whichever step that box was made for. Score on this
release to compare with published numbers, and say so. The `{REPAIRED}` release of the same files
has other boxes and clips.
"""

_LIMITS = """\
## What to know before you use it

- Single clicks are not published, so neither how many people clicked on a frame nor the exact right
  side of a cut box is known.
- A second of a video has one box, though two steps may have been annotated in it.
- No box is not the same as nothing there: `reason` in `frames.parquet` says what is known.
- Names are never merged, so singular and plural (`crack egg`, `crack eggs`) and typos are actions
  of their own, and about half of all actions have one clip: say how an average over actions was
  taken.
- The centre of the frame lies in two of three boxes. Set that baseline beside every number.
- Numbers on the faithful release do not compare with numbers on the repaired one.
"""


def is_published(release: Release) -> bool:
    """Whether a release was made from the published files."""
    return release.settings.get("rule") in (AS_PUBLISHED, REPAIRED)


def is_repaired(release: Release) -> bool:
    """Whether it is the repaired one of them."""
    return release.settings.get("rule") == REPAIRED


def how_it_was_made(release: Release) -> str:
    """Return the card's sections on source, rules and limits."""
    files = "\n".join(
        f"| {name} | {_file(release, name)} | `{digest}` |" for name, digest in _digests(release)
    )
    what = _repaired(release) if is_repaired(release) else _AS_PUBLISHED
    return f"""## How it was made

Nothing here was annotated anew: the boxes are those that the authors of GroundingYouTube published
(`CITATION.cff`). Up to five people clicked on the centre of a named step; a box is the union of
their clicks with 100 px on each side, in whole pixels of a frame stretched to 640x480, and was cut
with width and height swapped. Made by {release.made_with or "an unnamed program"} from

| what | file | SHA-256 |
|---|---|---|
{files}

{what}
{_LIMITS}"""


def changelog_entry(release: Release) -> str:
    """Return what the changelog says of this version."""
    if not is_repaired(release):
        return "- The published boxes and segments as the public loader takes them.\n"
    n_by_rule = _by_rule(release)
    lines = [f"- `{rule}`, {n_by_rule[rule]:,} boxes: {text}." for rule, text in _RULES.items()]
    return (
        "Since 1.0.0, the published boxes as the public loader takes them"
        + " (`reports/diff-from-1.0.0.json` counts what changed):\n\n"
        + "\n".join(lines)
        + f"\n- `{OTHER_STEP}`: clips lose boxes that were made from clicks on another step.\n"
    )


def _repaired(release: Release) -> str:
    n_by_rule = _by_rule(release)
    rows = "\n".join(
        f"| `{rule}` | {text} | {n_by_rule[rule]:,} |" for rule, text in _RULES.items()
    )
    n_same = n_by_rule[AS_PUBLISHED]
    return f"""\
Known errors were put right, each by a named rule. The rules of a box stand in the column `rule` of
`boxes.parquet`, joined by `+`; {n_same:,} of {len(release.boxes):,} boxes stand `{AS_PUBLISHED}`.
A box belongs to the step whose clicks made it, and to no other clip that shares the second.
Segments of one second are clips too. `mean` in `frames.parquet` is the mean click on the clip's own
step.

| rule | what it did | boxes |
|---|---|---:|
{rows}
"""


def _by_rule(release: Release) -> Counter[str]:
    return Counter(rule for rules in release.rules.values() for rule in rules.split("+"))


def _digests(release: Release) -> list[tuple[str, str]]:
    """Return what each source file is and its digest."""
    found = release.settings.items()
    named = {name.removesuffix("_sha256"): v for name, v in found if name.endswith("_sha256")}
    return sorted((name.replace("_", " "), digest) for name, digest in named.items() if digest)


def _file(release: Release, name: str) -> str:
    file = release.settings.get(name)
    return f"`{file}`" if isinstance(file, str) else ""
