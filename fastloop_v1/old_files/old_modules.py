"""Modules of `torch.nn` pickled by old torch, given the attributes that today's torch reads.

Most of it torch does itself when a module's state is set. What follows is what it leaves out, from torch 1.0
on, with the values that keep the numbers the module gave where it was saved.
"""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["renew"]

# Named by the arguments they came with, and set to what the forward of that time did.
_LATER: tuple[tuple[type[nn.Module], dict[str, Any]], ...] = (
    (nn.AvgPool2d, {"divisor_override": None}),
    (nn.AvgPool3d, {"divisor_override": None}),
    (nn.CTCLoss, {"zero_infinity": False}),
    (nn.CrossEntropyLoss, {"label_smoothing": 0.0}),
    (nn.EmbeddingBag, {"include_last_offset": False, "padding_idx": None}),
    (nn.GELU, {"approximate": "none"}),
    (nn.KLDivLoss, {"log_target": False}),
    (nn.MultiheadAttention, {"batch_first": False}),
    (nn.SmoothL1Loss, {"beta": 1.0}),
    (nn.Transformer, {"batch_first": False}),
    (nn.TransformerDecoderLayer, {"norm_first": False}),
    # 0 stands for an activation that the fast path does not know, so that the layer runs step by step.
    (nn.TransformerEncoderLayer, {"norm_first": False, "activation_relu_or_gelu": 0}),
)


def renew(module: nn.Module) -> None:
    """Give a module what its class has come to read since the module was saved; what it has stays.

    Raises:
        AttributeError, TypeError: the module has not even what its class read then.
    """
    for kind, attributes in _LATER:
        if isinstance(module, kind):
            for name, value in attributes.items():
                module.__dict__.setdefault(name, value)
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        _renew_padding(module)
    if isinstance(module, nn.Upsample) and module.size is not None:
        # torch sets True for old files, which it then refuses beside a size.
        module.recompute_scale_factor = None


def _renew_padding(module: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> None:
    """Let a convolution saved before torch 1.5.1 pad as it did there."""
    attributes = module.__dict__
    if "_reversed_padding_repeated_twice" in attributes:
        return
    # torch 1.5.0 padded by this tuple as it stands.
    sides = attributes.get("_padding_repeated_twice")
    if sides is None:
        sides = _half_padding(module.padding)
        if attributes.get("padding_mode") != "circular":
            attributes["padding_mode"] = "zeros"  # whatever it said, there was no other
    attributes["_reversed_padding_repeated_twice"] = sides


def _half_padding(padding: Any) -> list[int]:
    """Return what torch up to 1.4 padded in circles: half of `padding` a side, and nothing for 1.

    Source: pytorch issues 20981 and 29712.

    Raises:
        TypeError: `padding` is no tuple.
    """
    if type(padding) not in (tuple, list):
        raise TypeError("the padding of a convolution is no tuple")
    sides: list[int] = []
    for size in reversed(padding):
        sides += [(size + 1) // 2, size // 2] if size > 1 else [0, 0]
    return sides
