"""Look at a release in FiftyOne: boxes, clicks and whose clip they are, on the frames themselves.

    dataset-builder export release/ coco/ --format coco --frames store/
    pip install fiftyone
    python examples/load_fiftyone.py coco/ --name my-benchmark

FiftyOne needs a MongoDB, which its package brings along on most systems. Everything but `load` is
plain Python, so that what goes into FiftyOne can be tested without it.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Found:
    """One box of an image, in fractions of it: box [x, y, width, height], clicks [x, y]."""

    label: str
    box: list[float]
    clicks: list[list[float]]
    clip_id: str
    rule: str


@dataclass(frozen=True)
class Picture:
    """One image of the export, and what was found on it; `absent` are actions not seen there."""

    path: Path
    video_id: str
    second: int
    found: list[Found]
    absent: list[str]


def read_export(folder: Path) -> list[Picture]:
    """Return what `dataset-builder export --format coco --frames STORE` wrote, image by image."""
    content = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in content["categories"]}
    on_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        on_image.setdefault(annotation["image_id"], []).append(annotation)
    return [
        Picture(
            folder / "images" / image["file_name"],
            image["video_id"],
            image["second"],
            [found_on(image, a, names[a["category_id"]]) for a in on_image.get(image["id"], [])],
            [names[number] for number in image["neg_category_ids"]],
        )
        for image in content["images"]
    ]


def found_on(image: dict[str, Any], annotation: dict[str, Any], label: str) -> Found:
    """Return an annotation with its pixels as fractions of its image."""
    width, height = image["width"], image["height"]
    x, y, box_width, box_height = annotation["bbox"]
    return Found(
        label,
        [round(v, 6) for v in (x / width, y / height, box_width / width, box_height / height)],
        [[round(x / width, 6), round(y / height, 6)] for x, y in annotation["clicks"]],
        annotation["clip_id"],
        annotation["rule"],
    )


def sample_fields(picture: Picture) -> dict[str, Any]:
    """Return the fields of a FiftyOne sample; its labels need FiftyOne to be there."""
    import fiftyone as fo  # noqa: PLC0415  (an example's own dependency)

    boxes = [
        fo.Detection(label=f.label, bounding_box=f.box, clip_id=f.clip_id, rule=f.rule)
        for f in picture.found
    ]
    clicks = [fo.Keypoint(label=f.label, points=f.clicks, clip_id=f.clip_id) for f in picture.found]
    return {
        "filepath": str(picture.path.absolute()),
        "video_id": picture.video_id,
        "second": picture.second,
        "boxes": fo.Detections(detections=boxes),
        "clicks": fo.Keypoints(keypoints=clicks),
        "absent": picture.absent,
    }


def load(pictures: list[Picture], name: str) -> Any:
    """Return a new FiftyOne dataset of these pictures, videos in order of time."""
    import fiftyone as fo  # noqa: PLC0415

    dataset = fo.Dataset(name, persistent=True)
    dataset.add_samples([fo.Sample(**sample_fields(picture)) for picture in pictures])
    return dataset


def main() -> None:
    """Load an export, and open the app unless told not to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, help="what `export --format coco` wrote")
    parser.add_argument("--name", required=True, help="of the new FiftyOne dataset")
    parser.add_argument("--no-app", action="store_true", help="only load it")
    arguments = parser.parse_args()
    dataset = load(read_export(arguments.export), arguments.name)
    print(dataset)
    if not arguments.no_app:
        import fiftyone as fo  # noqa: PLC0415

        fo.launch_app(dataset).wait()


if __name__ == "__main__":
    main()
