"""Errors of the ground floor.

    DatasetError
    |-- GeometryError    a point or box outside the frame, or inside out
    |-- InputError       a file, row or record that somebody gave us is wrong
    |   `-- VideoError   a video cannot be opened, decoded or trusted
    |-- OutputError      we would overwrite or cannot write
    `-- WorkersError     the processes or the cluster that should do the work broke down

Messages say where (file:line or id), what is wrong with which value, and what to do.
Callers who only want "did it work" catch `DatasetError`.
"""


class DatasetError(Exception):
    """Base of every error that this package raises on purpose; its message is one line."""

    def __str__(self) -> str:
        """Return the message, also where a library or a file put line breaks into it."""
        return one_line(super().__str__())


class GeometryError(DatasetError):
    """A point or box that cannot exist inside a frame."""


class InputError(DatasetError):
    """A file, row or record from outside that is not what its format says."""


class VideoError(InputError):
    """A video that cannot be opened, decoded or trusted."""


class OutputError(DatasetError):
    """Something that we refuse to overwrite or cannot write."""


class WorkersError(DatasetError):
    """Processes or a cluster broke down over the work that they should do."""


def one_line(text: str) -> str:
    r"""Return a text on one line, its control characters as codes.

    >>> one_line("bad\n  page\x00 header\n")
    'bad page\\x00 header'
    """
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
