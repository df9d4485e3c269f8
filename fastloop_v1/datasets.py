"""A small data set that comes with the package, so that examples run without a download."""

from __future__ import annotations

import gzip
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from .basic_data import DataBunch
from .errors import ArgumentError

__all__ = ["digits", "load_digits"]

_MOST_INK = 16


def load_digits() -> tuple[Tensor, Tensor]:
    """Return 1,797 handwritten digits: images (1797, 1, 8, 8) and targets (1797,).

    Images are float32 from 0 to 1, targets int64 from 0 to 9.

    Source: "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning
    Repository, doi 10.24432/C50P49, CC BY 4.0; `data/digits_LICENSE.md` says more.
    """
    packed = files(__package__).joinpath("data", "digits.csv.gz").read_bytes()
    table = np.loadtxt(gzip.decompress(packed).decode("ascii").splitlines(), np.int64, delimiter=",")
    images = torch.from_numpy(table[:, :-1]).reshape(-1, 1, 8, 8)
    return images.float() / _MOST_INK, torch.from_numpy(table[:, -1].copy())


def digits(bs: int = 64, valid_pct: float = 0.2, seed: int = 42) -> DataBunch:
    """Return the digits of `load_digits`, split at random, with `c` 10 and `classes` "0" to "9".

    The same seed gives the same split everywhere; the global random numbers are not touched.

    Args:
        bs: images in a batch, at least 1.
        valid_pct: share kept for validation, above 0 and below 1; both parts get one image at least.
        seed: which split, 0 to 2**32 - 1.

    Raises:
        ArgumentError: a value outside what is allowed.
    """
    _check("bs", bs, "a whole number of at least 1", allowed=isinstance(bs, int) and bs >= 1)
    whole_seed = isinstance(seed, int) and 0 <= seed < 2**32
    _check("seed", seed, "a whole number from 0 to 2**32 - 1", allowed=whole_seed)
    images, targets = load_digits()
    cut = int(len(images) * valid_pct) if isinstance(valid_pct, float) and 0 < valid_pct < 1 else 0
    _check("valid_pct", valid_pct, f"a share from 1/{len(images)} to below 1", allowed=cut > 0)
    # RandomState's numbers are frozen; those of newer generators, torch's too, may change with a version.
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(images)))
    train_ds, valid_ds = (_Digits(images[part], targets[part]) for part in (order[cut:], order[:cut]))
    return DataBunch.create(train_ds, valid_ds, bs=bs, num_workers=0, c=len(_Digits.classes))


class _Digits(TensorDataset):
    """Images with their targets, and what the targets are called."""

    classes: ClassVar[list[str]] = [str(digit) for digit in range(10)]


def _check(name: str, value: Any, allowed_values: str, *, allowed: bool) -> None:
    """Raise the error that names the argument, its value and what is allowed, unless it is allowed."""
    if not allowed:
        raise ArgumentError(f"{name} is {value!r}; it must be {allowed_values}.")
