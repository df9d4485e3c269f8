"""Old exported learners written in the new form, which is read back and compared before it is."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..checkpoint import RefusedFileError
from ..errors import ArgumentError
from ..exports.learner_folder import described_learner, load_folder, save_folder
from .safe_pickle import load_export

__all__ = ["convert_export"]

_UNFIT = (AttributeError, IndexError, RuntimeError, TypeError, ValueError)


def convert_export(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    trust: Literal[True] | Collection[str] = (),
) -> tuple[Path, str]:
    """Write an exported learner, v1's or ours, as a folder; return the folder and what was compared.

    Args:
        source: the file.
        target: the folder; by default one beside the file, of its name without the ending.
        trust: as for `load_export`.

    Raises:
        RefusedFileError: the file cannot be read, or holds no learner, or what was written is not the same.
        UnwritablePathError: the folder cannot be written.
    """
    path = Path(source)
    if path.is_dir():
        raise ArgumentError(f"{path} is a folder; a file of Learner.export can be converted.")
    folder = path.with_suffix("") if target is None else Path(target)
    if folder == path:
        raise ArgumentError(f"{path} has no ending to leave out; give the folder to write.")
    state = load_export(path, trust=trust)
    if not isinstance(state.get("model"), nn.Module):
        raise RefusedFileError(f"{path} was not converted: it holds no learner whose model is offered here.")
    save_folder(state, folder)
    again = load_folder(folder, trust=trust)
    if _parts(state) != _parts(again):
        raise RefusedFileError(f"{folder} was written and is not the same as {path}; keep the file.")
    # As old as what it holds, so that it is not taken for a later export.
    os.utime(folder / "learner.json", (path.stat().st_atime, path.stat().st_mtime))
    return folder, _compared(state["model"], again["model"], folder)


def _parts(state: dict[str, Any]) -> list[Any]:
    """Return what describes a learner, tensors as bytes, in a form that can be compared."""
    description, tensors, _ = described_learner(state).values()
    return [json.loads(description)["learner"], tensors]


def _compared(model: nn.Module, again: nn.Module, folder: Path) -> str:
    """Return what was compared, a prediction among it if the first layer tells what it takes.

    Raises:
        RefusedFileError: the predictions differ.
    """
    tensors = len(model.state_dict())
    for x in _inputs(model):
        try:
            with torch.no_grad():
                one, other = (_flat(each.eval()(x)) for each in (model, again))
        except _UNFIT:
            continue
        if len(one) != len(other) or not all(
            torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, other, strict=True)
        ):
            raise RefusedFileError(f"{folder} was written and predicts other numbers; keep the old file.")
        return f"{tensors} tensors and the prediction for an input of shape {tuple(x.shape)} are equal"
    return f"{tensors} tensors and all descriptions are equal"


def _inputs(model: nn.Module) -> list[Tensor]:
    """Return inputs of two items that the first layer with parameters may take."""
    first = next(
        (each for each in model.modules() if next(each.parameters(recurse=False), None) is not None), None
    )
    draw = torch.Generator().manual_seed(0)
    if isinstance(first, nn.Linear):
        return [torch.randn(2, first.in_features, generator=draw)]
    if isinstance(first, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        sizes = [[side] * len(first.kernel_size) for side in (32, 64, 224)]
        return [torch.randn(2, first.in_channels, *size, generator=draw) for size in sizes]
    if isinstance(first, nn.Embedding):
        return [torch.randint(first.num_embeddings, (2, 5), generator=draw)]
    if isinstance(first, nn.RNNBase):
        return [torch.randn(2, 3, first.input_size, generator=draw)]
    return []


def _flat(found: Any) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    return [tensor for each in found for tensor in _flat(each)] if isinstance(found, (list, tuple)) else []
