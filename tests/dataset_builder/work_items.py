"""Work for worker processes: functions that they can import by name."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

logger = logging.getLogger(__name__)


def double(number: int) -> int:
    return 2 * number


def process_id(number: int) -> int:
    return os.getpid()


def refuse_three(number: int) -> int:
    if number == 3:
        raise ValueError("three cannot be done")
    return number


def warn(number: int) -> None:
    logger.warning("item %d is odd", number)


def wait_for_ever(number: int, folder: Path) -> None:
    """Leave the number of this process behind, and stay."""
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_two(number: int, marker: Path) -> int:
    """Take down the first process that is given item 2."""
    if number == 2 and not marker.exists():
        marker.touch()
        die(number)
    return number
