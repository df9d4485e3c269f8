"""`python -m fastloop_v1.utils.check_perf`: what there is to know about the speed of training here."""

from __future__ import annotations

from .collect_env import check_perf

__all__ = ["check_perf"]

if __name__ == "__main__":
    check_perf()
