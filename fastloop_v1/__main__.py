"""`python -m fastloop_v1` is the command `fastloop-v1`."""

from __future__ import annotations

import sys

from .cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
