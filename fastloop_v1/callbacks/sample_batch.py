"""A batch to look at that training does not notice."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["sample_batch"]


def sample_batch(data: Any, ds_type: Any) -> Any:
    """Return the next batch `(x, y)` of a loader, on its device; torch's random numbers are as before.

    Args:
        data: a DataBunch.
        ds_type: which loader.
    """
    generator = getattr(data.dl(ds_type), "generator", None)
    before = None if generator is None else generator.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            return data.one_batch(ds_type, detach=True, denorm=False, cpu=False)
    finally:
        if generator is not None:
            generator.set_state(before)
