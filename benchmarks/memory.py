"""Memory of this process, in megabytes of a million bytes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["own_megabytes", "peak_megabytes"]

_STATUS = Path("/proc/self/status")
_KILOBYTE = 1024
_UNIT = 1 if sys.platform == "darwin" else _KILOBYTE  # of `ru_maxrss`


def peak_megabytes(*, of_workers: bool = False) -> float:
    """Return the largest resident size so far, of this process or of the largest of its ended children.

    Pages of mapped files count, which the system takes back when it needs them.
    """
    who = resource.RUSAGE_CHILDREN if of_workers else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * _UNIT / 1e6


def own_megabytes() -> float:
    """Return the resident size without the pages of mapped files; the peak where the system does not tell."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * _KILOBYTE / 1e6
    return peak_megabytes()
