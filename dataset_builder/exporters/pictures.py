"""Pictures of a release's frames, out of the store they were cut into."""

from __future__ import annotations

import shutil
from pathlib import Path

import PIL.Image

from dataset_builder.errors import InputError
from dataset_builder.exporters.paths import below
from dataset_builder.exporters.seconds import VideoSecond, picture_name
from dataset_builder.frames import image_path


def picture_path(store: Path, image_sha256: str, where: str) -> Path:
    """Return where the store keeps a picture.

    Raises:
        InputError: it holds none of that digest; `where` names the frame.
    """
    path = image_path(store, image_sha256)
    if not path.is_file():
        raise InputError(f"{store}: holds no picture of {where}; is it the right frame store?")
    return path


def copy_picture(second: VideoSecond, store: Path, folder: Path) -> tuple[int, int]:
    """Copy a second's picture to the name that exports know it by; return its width and height.

    Raises:
        InputError: the store lacks the picture, or it cannot be read as one.
    """
    frame = second.frames[0].consensus
    source = picture_path(store, frame.image_sha256, f"{second.video_id} at {second.second} s")
    target = below(folder, picture_name(second.video_id, second.second))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    try:
        with PIL.Image.open(target) as picture:
            return picture.size
    except OSError as error:
        raise InputError(f"{source}: cannot be read as a picture ({error})") from error
