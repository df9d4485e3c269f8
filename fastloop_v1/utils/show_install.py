"""`python -m fastloop_v1.utils.show_install`: versions, devices and system."""

from __future__ import annotations

from typing import Annotated

from ..script import Param, call_parse
from .collect_env import show_install

__all__ = ["main"]


@call_parse
def main(
    show_nvidia_smi: Annotated[bool, Param("whether to show the output of nvidia-smi too")] = False,
) -> None:
    """Write versions, devices and system."""
    show_install(show_nvidia_smi)
