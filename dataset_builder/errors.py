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
    """Base of every error that this package raises on purpose."""


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
