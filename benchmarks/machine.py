"""What was measured with: date, processor, memory, versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import datetime
from importlib import metadata
from pathlib import Path

__all__ = ["machine"]

_CPUINFO = Path("/proc/cpuinfo")


def machine(distributions: Iterable[str]) -> dict[str, str]:
    """Return the facts, one a line of the results; versions of the distributions that are installed.

    The load is the mean number of processes that wanted a processor in the minute before: what else the
    machine had to do, if it was read before anything was run.
    """
    load, cores = os.getloadavg()[0], os.cpu_count()
    versions = {name: _version(name) for name in ("torch", "numpy", *distributions)}
    named = [f"{name} {found}" for name, found in versions.items() if found]
    return {
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "processor": f"{_processor()}, {cores} cores, one thread used",
        "load before": f"{load:.1f} processes on {cores} cores",
        "system": platform.platform(),
        "versions": ", ".join([f"Python {platform.python_version()}", *named]),
    }


def _processor() -> str:
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
