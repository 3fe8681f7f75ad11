"""Where the files of a frozen backbone lie; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackbonePaths:
    """Paths that the user gives; `docs/weights.md` says where the files come from.

    Attributes:
        weights: CLIP's file or folder, or S3D's file.
        vocabulary: CLIP's list of merges or a folder with its tokenizer (needed where `weights` is
            a file), or S3D's list of words.
        text_weights: word vectors that replace those in S3D's file.
    """

    weights: Path | None = None
    vocabulary: Path | None = None
    text_weights: Path | None = None

    def absolute(self) -> BackbonePaths:
        """Return the same files for processes that stand in other folders."""
        given = (self.weights, self.vocabulary, self.text_weights)
        return BackbonePaths(*(path and path.absolute() for path in given))


NO_PATHS = BackbonePaths()
