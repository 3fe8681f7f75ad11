"""Places beside a file or folder where it is written before it takes its name.

`.NAME.0.unfinished` is locked (flock) by the run that writes it. The system unlocks it when that
run ends, however it ends, so the next run of the same target finds what a killed one left, empties
it and takes it. A run that finds it locked leaves it alone and takes the next number.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What a file system without locks answers."""


@contextlib.contextmanager
def unfinished(target: Path, *, is_folder: bool) -> Iterator[Path]:
    """Yield an empty file or folder beside `target`; remove it if the block fails.

    Where the file system has no locks its name is random, and nobody clears it up after a kill.
    """
    place, lock = _claim(target, is_folder=is_folder)
    try:
        yield place
    except BaseException:
        if is_folder:
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _claim(target: Path, *, is_folder: bool) -> tuple[Path, int | None]:
    for number in itertools.count():
        place = target.with_name(f".{target.name}.{number}.unfinished")
        try:
            lock = _lock_empty(place, is_folder=is_folder)
        except BlockingIOError:
            continue
        if lock is not None:
            return place, lock
        prefix = f".{target.name}."
        if is_folder:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent)), None
        handle, name = tempfile.mkstemp(prefix=prefix, dir=target.parent)
        os.close(handle)
        return Path(name), None
    raise AssertionError("numbers do not end")


def _lock_empty(place: Path, *, is_folder: bool) -> int | None:
    """Return the lock of an emptied place, None where there are no locks.

    Raises:
        BlockingIOError: a living run has it.
    """
    if fcntl is None:
        return None
    while True:
        if is_folder:
            place.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = os.open(place, os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:  # another run has cleared it up meanwhile
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno not in NO_LOCKS:
                raise
            with contextlib.suppress(OSError):
                (place.rmdir if is_folder else place.unlink)()
            return None
        if _is_named(lock, place):
            if not is_folder:
                os.ftruncate(lock, 0)
                return lock
            if not any(place.iterdir()):
                return lock
            shutil.rmtree(place)
        os.close(lock)


def _is_named(lock: int, place: Path) -> bool:
    """Whether what is locked still has its name, which the run before may have taken away."""
    try:
        return os.path.samestat(os.fstat(lock), place.stat())
    except FileNotFoundError:
        return False
