"""Boxes and clicks as COCO detection JSON, beside the pictures where a frame store is given.

    annotations.json     images, annotations, categories, info, licenses
    images/<video_id>/<second, six digits>.jpg

One image is one second of one video, one annotation the box of one frame; its category is the
action. `bbox` is [x, y, width, height] in pixels of the image, whose size each image states.

More than COCO asks for, and kept by readers that pass unknown fields on: an annotation's `clicks`
([x, y] in pixels), `clip_id`, `second` and `rule`; a category's `action_id`; an image's `video_id`,
`second` and, as in LVIS, `neg_category_ids`, the actions that people looked for there and did not
see. Images of which nothing is known (nobody answered, too few clicked) are left out: COCO would
take them for empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.exporters.pictures import copy_picture
from dataset_builder.exporters.seconds import (
    NOT_VISIBLE,
    LabelledFrame,
    VideoSecond,
    action_numbers,
    picture_name,
    video_seconds,
)
from dataset_builder.geometry import Box
from dataset_builder.release import Release

FILE = "annotations.json"
IMAGES = "images"
_DECIMALS = 3  # of a pixel

Size = tuple[int, int]


def write_coco(release: Release, folder: Path, store: Path | None = None) -> None:
    """Write the file, and the pictures it names where a frame store is given.

    Args:
        release: what to write.
        folder: an existing folder.
        store: frame store to copy the pictures from. Sizes and coordinates are then in the pixels
            of those pictures; without it in those of the video as displayed.

    Raises:
        InputError: the store lacks a picture.
    """
    known = [second for second in video_seconds(release) if second.is_known]
    sizes = [(second.width, second.height) for second in known]
    if store is not None:
        sizes = [copy_picture(second, store, folder / IMAGES) for second in known]
    content = coco_dataset(release, list(zip(known, sizes, strict=True)))
    (folder / FILE).write_text(tables.compact_json(content) + "\n", encoding="ascii", newline="")


def coco_dataset(release: Release, images: Iterable[tuple[VideoSecond, Size]]) -> dict[str, Any]:
    """Return the content of the file: these seconds, each with its width and height in pixels."""
    numbers = action_numbers(release)
    content: dict[str, Any] = {
        "info": {
            "description": release.name,
            "version": release.version,
            "release_sha256": release.digest,
        },
        "licenses": [{"id": 1, "name": release.licence, "url": ""}] if release.licence else [],
        "categories": [
            {"id": numbers[action.action_id], "name": action.description}
            | {"action_id": action.action_id, "supercategory": "action"}
            for action in sorted(release.actions, key=lambda action: action.action_id)
        ],
        "images": [],
        "annotations": [],
    }
    for image_id, (second, size) in enumerate(images, start=1):
        content["images"].append(_image(image_id, second, size, numbers))
        for frame in second.frames:
            if frame.box is not None:
                annotation = _annotation(frame, frame.box, size)
                annotation["id"] = len(content["annotations"]) + 1
                annotation["image_id"] = image_id
                annotation["category_id"] = numbers[frame.clip.action_id]
                content["annotations"].append(annotation)
    return content


def _image(
    image_id: int, second: VideoSecond, size: Size, numbers: dict[str, int]
) -> dict[str, Any]:
    seen = {frame.clip.action_id for frame in second.frames if frame.box}
    unseen = {f.clip.action_id for f in second.frames if f.consensus.reason == NOT_VISIBLE} - seen
    return {
        "id": image_id,
        "file_name": picture_name(second.video_id, second.second),
        "width": size[0],
        "height": size[1],
        "video_id": second.video_id,
        "second": second.second,
        "neg_category_ids": sorted(numbers[action_id] for action_id in unseen),
    }


def _annotation(frame: LabelledFrame, box: Box, size: Size) -> dict[str, Any]:
    width, height = size
    x1, y1 = round(box.x1 * width, _DECIMALS), round(box.y1 * height, _DECIMALS)
    x2, y2 = round(box.x2 * width, _DECIMALS), round(box.y2 * height, _DECIMALS)
    bbox = [x1, y1, round(x2 - x1, _DECIMALS), round(y2 - y1, _DECIMALS)]
    return {
        "bbox": bbox,
        "area": round(bbox[2] * bbox[3], _DECIMALS),
        "iscrowd": 0,
        "clicks": [
            [round(click.x * width, _DECIMALS), round(click.y * height, _DECIMALS)]
            for click in frame.clicks
        ],
        "clip_id": frame.clip.clip_id,
        "second": frame.consensus.second,
        "rule": frame.rule,
    }
