"""Boxes as the files of AVA Actions.

    ava.csv                      video_id,second (four digits),x1,y1,x2,y2,action number
    ava_actions.pbtxt            the actions by number, as a label map
    ava_excluded_timestamps.csv  video_id,second of which nothing is known

Coordinates are fractions of the frame with six decimals. No person id: a box is where an action
happens, nobody's. Nothing is known of a second where no clip has a box and of some frame nobody has
said that its action cannot be seen; scorers leave detections there out.
"""

from __future__ import annotations

from pathlib import Path

from dataset_builder.exporters.seconds import action_numbers, video_seconds
from dataset_builder.release import Release


def write_ava(release: Release, folder: Path) -> None:
    """Write the three files into an existing folder."""
    for name, text in ava_files(release).items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def ava_files(release: Release) -> dict[str, str]:
    """Return the text of each file by its name; rows by video, second and clip id."""
    numbers = action_numbers(release)
    boxes, excluded = [], []
    for second in video_seconds(release):
        key = f"{second.video_id},{second.second:04d}"
        if not second.is_known:
            excluded.append(f"{key}\n")
        for frame in second.frames:
            if frame.box is not None:
                box = frame.box
                corners = ",".join(f"{side:.6f}" for side in (box.x1, box.y1, box.x2, box.y2))
                boxes.append(f"{key},{corners},{numbers[frame.clip.action_id]}\n")
    phrases = {action.action_id: action.description for action in release.actions}
    items = [
        f'item {{\n  name: "{_quoted(phrases[action_id])}"\n  id: {number}\n}}\n'
        for action_id, number in numbers.items()
    ]
    return {
        "ava.csv": "".join(boxes),
        "ava_actions.pbtxt": "".join(items),
        "ava_excluded_timestamps.csv": "".join(excluded),
    }


def _quoted(text: str) -> str:
    r"""Return a text as it stands inside the quotes of protobuf's text format (UTF-8 stays).

    >>> print(_quoted('say "when"'))
    say \"when\"
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
