"""The image nets that `fastai.vision.models` took from torchvision, which loads when one is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import NotOfferedError

__all__ = ["TORCHVISION_NETS", "torchvision_net"]

# fmt: off
TORCHVISION_NETS = frozenset((
    "alexnet", "densenet121", "densenet161", "densenet169", "densenet201", "mobilenet_v2", "resnet101",
    "resnet152", "resnet18", "resnet34", "resnet50", "squeezenet1_0", "squeezenet1_1", "vgg16_bn", "vgg19_bn",
))
# fmt: on
"""Names of the functions that make a net."""


@cache
def torchvision_net(name: str) -> Callable[..., Any]:
    """Return a function that loads torchvision and calls its function of this name.

    The function raises NotOfferedError where torchvision is not installed.
    """

    def make(*args: Any, **kwargs: Any) -> Any:
        if find_spec("torchvision") is None:
            raise NotOfferedError(
                f"`models.{name}` is torchvision's, which is not here: `python -m pip install torchvision`."
            )
        return getattr(import_module("torchvision.models"), name)(*args, **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__module__ = "fastai.vision.models"
    return make
