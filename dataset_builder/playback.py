"""Whether a browser can play a video file as it is, and the media type that says so.

A browser's clock and ours (R15) must agree too: it starts at timestamp 0, ours at the first
presented frame. A file where the two are apart, or of a container or codec that browsers do not
play, has no media type, and what moves is shown as a strip of pictures instead.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dataset_builder.video_survey import open_container, survey_video

CLOCK_TOLERANCE_S = 0.1

Codecs = Callable[[bytes], str]


def browser_mime(path: Path) -> str | None:
    """Return a file's media type with its codec, such as `video/mp4; codecs="avc1.64001f"`.

    The browser has the last word: it is asked with this text whether it plays the file.

    Returns:
        None where browsers are not known to play such a file at its right times.

    Raises:
        VideoError: the file cannot be read as a video.
    """
    survey = survey_video(path)
    container = _container_type(survey.container, path.suffix.lower())
    starts_at_s = float(survey.origin_pts * survey.time_base)
    if container is None or abs(starts_at_s) > CLOCK_TOLERANCE_S:
        return None
    with open_container(path) as opened:
        header = bytes(opened.streams.best("video").codec_context.extradata or b"")
    codec = _codec(container, survey.codec, header)
    return None if codec is None else f'{container}; codecs="{codec}"'


def _container_type(name: str, suffix: str) -> str | None:
    if "mp4" in name:
        return "video/mp4"
    # One reader opens both; browsers ask for the part of Matroska that is WebM.
    return "video/webm" if "webm" in name and suffix == ".webm" else None


def _codec(container: str, codec: str, header: bytes) -> str | None:
    """Return a codec as RFC 6381 writes it, from the file's own decoder configuration."""
    is_configured = len(header) >= 4 and header[0] in (1, 0x81)
    if codec == "h264" and container == "video/mp4" and is_configured:
        return f"avc1.{header[1:4].hex()}"
    if codec == "av1" and is_configured:
        profile, level = header[1] >> 5, header[1] & 0x1F
        tier = "H" if header[2] & 0x80 else "M"
        depth = "10" if header[2] & 0x40 else "08"
        return f"av01.{profile}.{level:02}{tier}.{depth}"
    if codec in ("vp8", "vp9") and container == "video/webm":
        return codec
    return None
