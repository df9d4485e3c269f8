"""The table of a model's layers: output shapes and numbers of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from ..basic_data import DatasetType
from ..errors import ArgumentError
from ..modules import flatten_model, one_param
from ..sequences import is_dict, is_listy, listify
from ..texts import PrettyString
from .hook import Hooks, hook_outputs
from .sample_batch import sample_batch

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = [
    "Layer_Information",
    "get_layer_name",
    "hook_params",
    "layers_info",
    "model_summary",
    "params_size",
    "total_params",
]


class Layer_Information(NamedTuple):
    """What is known of a layer: its class, its output's shape without the batch, its parameters."""

    Layer: str
    OutputSize: Any
    Params: int
    Trainable: bool


def total_params(m: nn.Module) -> tuple[int, bool]:
    """Return the number of parameters of a layer, and whether any of them is trained."""
    parameters = list(m.parameters())
    return sum(p.numel() for p in parameters), any(p.requires_grad for p in parameters)


def hook_params(modules: Iterable[nn.Module]) -> Hooks:
    """Return hooks that keep the `total_params` of modules that are used."""
    return Hooks(modules, lambda m, i, o: total_params(m))


def params_size(
    m: nn.Module | Learner, size: tuple[int, ...] = (3, 64, 64)
) -> tuple[list[Any], list[int], list[bool]]:
    """Return output shape, number of parameters and whether it is trained for each layer of a model.

    Args:
        m: a model, or a learner, which puts in a sample of its own data.
        size: shape of a sample of zeros that a bare model is given.

    Returns:
        Three lists. Shapes are without the batch; a list of them for several outputs, None for a layer
        that is not used.

    Raises:
        ArgumentError: a learner without data.
    """
    model, xb = (m, [one_param(m).new_zeros(1, *size)]) if isinstance(m, nn.Module) else _sample(m)
    layers = flatten_model(model)
    with hook_outputs(layers) as hooks, torch.no_grad():
        # v1: the model stays in evaluation mode.
        model.eval()
        model(*xb)
    params, trained = zip(*map(total_params, layers), strict=True)
    return [_shape(hook.stored) for hook in hooks], list(params), list(trained)


def _sample(learn: Learner) -> tuple[nn.Module, list[Any]]:
    """The model of a learner and the inputs of one sample of its data."""
    data: Any = learn.data
    if data.is_empty:
        raise ArgumentError("data is empty; a summary needs a sample to put through the model.")
    kind = DatasetType.Train if data.train_dl else DatasetType.Valid
    x, _ = sample_batch(data, kind)
    return learn.model, [part[:1] for part in (x if is_listy(x) else [x])]


def _shape(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.shape[1:]
    parts = output if is_listy(output) else list(output.values()) if is_dict(output) else []
    return [_shape(part) for part in parts] or None


def get_layer_name(layer: nn.Module) -> str:
    """Return the class name of a layer."""
    return type(layer).__name__


def layers_info(m: nn.Module | Learner) -> list[Layer_Information]:
    """Return name, output shape, number of parameters and whether it is trained for each layer."""
    model = m if isinstance(m, nn.Module) else m.model
    names = [get_layer_name(layer) for layer in flatten_model(model)]
    return [Layer_Information(*row) for row in zip(names, *params_size(m), strict=True)]


def model_summary(m: nn.Module | Learner, n: int = 70) -> PrettyString:
    """Return the table of a model's layers, and for a learner what it trains with.

    Args:
        m: a learner, or a model that takes an image `(batch, 3, 64, 64)`.
        n: width of the lines between rows.
    """
    infos = layers_info(m)
    total = sum(info.Params for info in infos)
    trained = sum(info.Params for info in infos if info.Trainable)
    double, single = "=" * n, "_" * n
    head = f"{'Layer (type)':<20} {'Output Shape':<20} {'Param #':<10} {'Trainable':<10}"
    rows = [line for info in infos for line in (_row(info), single)]
    lines = [double, head, double, *rows, ""]
    lines += [f"Total params: {total:,}", f"Total trainable params: {trained:,}"]
    lines += [f"Total non-trainable params: {total - trained:,}"]
    if isinstance(m, nn.Module):
        return PrettyString("\n".join([get_layer_name(m), *lines]) + "\n")
    return PrettyString("\n".join([get_layer_name(m.model), *lines, *_training(m, double)]) + "\n")


def _row(info: Layer_Information) -> str:
    size = "" if info.OutputSize is None else str(_plain(info.OutputSize))
    return f"{info.Layer:<20} {size:<20} {info.Params:<10,} {info.Trainable!s:<10}"


def _plain(size: Any) -> list[Any]:
    return [_plain(each) if is_listy(each) else each for each in size]


def _training(learn: Learner, line: str) -> list[str]:
    """Optimizer, weight decay, loss function and callbacks of a learner, a line each."""
    # v1: of what names the optimizer function, the part between the 25th and the last character is shown.
    optimizer = str(learn.opt_func)[25:-1].replace(">", "")
    lines = [f"Optimized with {optimizer}"]
    if learn.true_wd:
        lines.append("Using true weight decay (Loshchilov and Hutter, arXiv:1711.05101)")
    lines += [f"Weight decay: {learn.wd}", f"Loss function : {type(learn.loss_func).__name__}"]
    lines += [line, "Callbacks functions applied"]
    return lines + [f"    {_callback_name(cb)}" for cb in [*learn.callbacks, *listify(learn.callback_fns)]]


def _callback_name(made_by: Any) -> str:
    """The name of a callback, its class, or the class that a partial makes."""
    function = getattr(made_by, "func", made_by)
    return getattr(function, "__name__", None) or type(function).__name__
