"""Processes whose clock is wrong, by libfaketime (Debian: `faketime`)."""

from pathlib import Path

import pytest

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
MONOTONIC = "FAKETIME_DONT_FAKE_MONOTONIC"
"""Nobody sets a machine's monotonic clock; the tool does, unless it is told not to."""


class Clock:
    """The clock of a process: `environment` is what the process is started with."""

    def __init__(self, file: Path, seconds: float = 0) -> None:
        if not LIBRARIES:
            pytest.skip("faketime is not installed")
        self.file = file
        self.set(seconds)
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            MONOTONIC: "1",
        }

    def set(self, seconds: float) -> None:
        """Be so many seconds ahead, within a second, in processes that run as well."""
        # By a rename: who reads while it is written would find an empty file, and another time.
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+}\n")
        beside.replace(self.file)
