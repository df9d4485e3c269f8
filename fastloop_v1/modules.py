"""Modules as lists of layers: flattening, layer groups, splitting, freezing, parameters without decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .errors import ArgumentError
from .module_class import ParameterModule
from .sequences import listify, uniqueify

__all__ = [
    "apply_leaf",
    "bias_types",
    "bn2float",
    "bn_types",
    "children",
    "children_and_parameters",
    "evaluation_mode",
    "first_layer",
    "flatten_model",
    "get_model",
    "get_param_groups",
    "has_params",
    "in_channels",
    "is_pool_type",
    "last_layer",
    "model2half",
    "no_wd_types",
    "num_children",
    "one_param",
    "range_children",
    "remove_module_load",
    "requires_grad",
    "set_bn_eval",
    "split_model",
    "split_model_idx",
    "split_no_wd_params",
    "trainable_params",
]

bn_types = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
bias_types = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
no_wd_types = (*bn_types, nn.LayerNorm)


def is_pool_type(l: Callable[..., Any]) -> bool:  # noqa: E741  (v1's name)
    """Whether `l` is a pooling layer, by its class name: `MaxPool2d`, `AdaptiveAvgPool1d`, ..."""
    return type(l).__name__.rstrip("123d").endswith("Pool")


@contextmanager
def evaluation_mode(m: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, where it stays; after an error each part has the mode it had."""
    modes = [(part, part.training) for part in m.modules()]
    m.eval()
    try:
        yield
    except BaseException:
        for part, training in modes:
            part.training = training
        raise


def children(m: nn.Module) -> list[nn.Module]:
    """Return the direct children of a module."""
    return list(m.children())


def num_children(m: nn.Module) -> int:
    """Return the number of direct children."""
    return len(children(m))


def range_children(m: nn.Module) -> range:
    """Return the indices of the direct children."""
    return range(num_children(m))


def children_and_parameters(m: nn.Module) -> list[nn.Module]:
    """Return the direct children, then each parameter that is in none of them as a `ParameterModule`."""
    found = children(m)
    held = {id(p) for child in found for p in child.parameters()}
    return found + [ParameterModule(p) for p in m.parameters() if id(p) not in held]


def flatten_model(m: nn.Module) -> list[nn.Module]:
    """Return the leaves of a model in order; parameters beside children follow these as `ParameterModule`."""
    if not num_children(m):
        return [m]
    return [leaf for part in children_and_parameters(m) for leaf in flatten_model(part)]


def first_layer(m: nn.Module) -> nn.Module:
    """Return the first leaf of a model."""
    return flatten_model(m)[0]


def last_layer(m: nn.Module) -> nn.Module:
    """Return the last leaf of a model."""
    return flatten_model(m)[-1]


def apply_leaf(m: nn.Module, f: Callable[[nn.Module], Any]) -> None:
    """Call `f` on the module and on everything in it, parents before children."""
    f(m)
    for child in m.children():
        apply_leaf(child, f)


def one_param(m: nn.Module) -> nn.Parameter:
    """Return the first parameter of a module.

    Raises:
        StopIteration: the module has none.
    """
    return next(m.parameters())


def has_params(m: nn.Module) -> bool:
    """Whether the module has any parameter."""
    return any(True for _ in m.parameters())


def trainable_params(m: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are not frozen."""
    return [p for p in m.parameters() if p.requires_grad]


def requires_grad(m: nn.Module, b: bool | None = None) -> bool | None:
    """Freeze or thaw all parameters, or, without `b`, tell whether the first one takes gradients.

    Returns:
        None if `b` is given or the module has no parameters.
    """
    parameters = list(m.parameters())
    if b is None:
        return parameters[0].requires_grad if parameters else None
    for p in parameters:
        p.requires_grad = b
    return None


def set_bn_eval(m: nn.Module) -> None:
    """Put every frozen batch norm inside `m` in eval mode, so that its running statistics stay."""
    for layer in m.modules():
        if layer is not m and isinstance(layer, bn_types) and requires_grad(layer) is False:
            layer.eval()


def bn2float(module: nn.Module) -> nn.Module:
    """Put every batch norm of a module back in 32-bit floats, and return the module."""
    for layer in module.modules():
        if isinstance(layer, bn_types):
            layer.float()
    return module


def model2half(model: nn.Module) -> nn.Module:
    """Put a model in 16-bit floats, save its batch norms, and return it."""
    return bn2float(model.half())


def in_channels(m: nn.Module) -> int:
    """Return how many channels or features the first layer with a weight takes.

    Raises:
        ArgumentError: no layer has a weight of two or more dimensions.
    """
    for layer in flatten_model(m):
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() > 1:
            channels = getattr(layer, "in_channels", None)
            return weight.shape[1] if channels is None else int(channels)
    raise ArgumentError("No weight layer")


def get_model(model: nn.Module) -> nn.Module:
    """Return the model inside a data-parallel wrapper, or the model itself."""
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return model.module if isinstance(model, wrappers) else model


def remove_module_load(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights saved from a data-parallel wrapper under the names the bare model has."""
    return {name.removeprefix("module."): weight for name, weight in state_dict.items()}


def split_model_idx(model: nn.Module, idxs: Iterable[int]) -> list[nn.Sequential]:
    """Split the leaves of a model into layer groups that begin at `idxs`; 0 may be left out."""
    layers = flatten_model(model)
    cuts = list(idxs)
    if not cuts or cuts[0] != 0:
        cuts.insert(0, 0)
    if cuts[-1] != len(layers):
        cuts.append(len(layers))
    return [nn.Sequential(*layers[i:j]) for i, j in zip(cuts, cuts[1:], strict=False)]


def split_model(model: nn.Module | None = None, splits: Any = None) -> list[nn.Sequential]:
    """Split a model into layer groups.

    Args:
        model: the model; not needed if `splits` are lists.
        splits: modules of the model with which groups begin, or lists of modules, a group each; an
            `nn.Sequential` or `nn.ModuleList` counts as the list of what is in it.

    Raises:
        ArgumentError: nothing to split by, or a module that does not begin anywhere in the model.
    """
    splits = listify(splits)
    if not splits:
        raise ArgumentError("splits is empty: allowed are modules of the model or lists of modules.")
    if not isinstance(splits[0], nn.Module):
        return [nn.Sequential(*group) for group in splits]
    if model is None:
        raise ArgumentError("model=None: splitting at modules needs the model they are in.")
    places = {id(layer): i for i, layer in reversed(list(enumerate(flatten_model(model))))}
    starts = [places.get(id(first_layer(split))) for split in splits]
    if None in starts:
        lost = type(splits[starts.index(None)]).__name__
        raise ArgumentError(f"splits has a {lost} that is not in the model.")
    return split_model_idx(model, [start for start in starts if start is not None])


def get_param_groups(layer_groups: Sequence[nn.Module]) -> list[list[nn.Parameter]]:
    """Return, for each layer group, the trainable parameters of its layers one after the other."""
    return [[p for layer in _layers_of(group) for p in trainable_params(layer)] for group in layer_groups]


def split_no_wd_params(layer_groups: Sequence[nn.Module]) -> list[list[nn.Parameter]]:
    """Return two lists of parameters for each layer group: those that decay, and those that do not.

    No decay for batch norms, layer norms, and biases of linear and convolution layers; everything else
    decays. A parameter shared inside a list stands there once.
    """
    split: list[list[nn.Parameter]] = []
    for group in layer_groups:
        decay: list[nn.Parameter] = []
        no_decay: list[nn.Parameter] = []
        for layer in _layers_of(group):
            exempt = _exempt_params(layer)
            no_decay += exempt
            decay += [p for p in trainable_params(layer) if not any(p is other for other in exempt)]
        split += [uniqueify(decay), uniqueify(no_decay)]
    return split


def _exempt_params(layer: nn.Module) -> list[nn.Parameter]:
    if isinstance(layer, no_wd_types):
        return trainable_params(layer)
    # v1: the bias of a listed layer stays in the list even when it is frozen.
    bias = getattr(layer, "bias", None) if isinstance(layer, bias_types) else None
    return [bias] if isinstance(bias, nn.Parameter) else []


def _layers_of(group: nn.Module) -> list[nn.Module]:
    """Return what a group is made of: its children and lone parameters, or itself if it is a leaf."""
    return children_and_parameters(group) if num_children(group) else [group]
