"""What is here is run in a process of its own: importing it would leave stand-ins for v1 behind."""

from __future__ import annotations

collect_ignore = ["v1_like.py"]
