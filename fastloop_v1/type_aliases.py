"""v1's names for types in annotations; `Any` where the type is of an optional package or a dropped layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from io import BufferedWriter, BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = [
    "AffineFunc",
    "AffineMatrix",
    "AnnealFunc",
    "ArgStar",
    "BatchSamples",
    "BoolOrTensor",
    "DataFrameOrChunks",
    "FilePathList",
    "FloatOrTensor",
    "Floats",
    "HookFunc",
    "ImgLabel",
    "ImgLabels",
    "IntOrTensor",
    "IntsOrStrs",
    "ItemsList",
    "KWArgs",
    "KeyFunc",
    "LambdaFunc",
    "LayerFunc",
    "LightingFunc",
    "ListOrItem",
    "ListRules",
    "ListSizes",
    "LogitTensorImage",
    "LossFunction",
    "MetricFunc",
    "MetricFuncList",
    "MetricsList",
    "ModuleList",
    "NPArray",
    "NPArrayList",
    "NPArrayMask",
    "NPArrayableList",
    "NPImage",
    "OptDataFrame",
    "OptListOrItem",
    "OptLossFunc",
    "OptMetrics",
    "OptOptimizer",
    "OptRange",
    "OptSplitFunc",
    "OptStats",
    "OptStrList",
    "OptStrTuple",
    "PBar",
    "ParamList",
    "PathLikeOrBinaryStream",
    "PathOrStr",
    "PixelFunc",
    "Point",
    "Points",
    "Rank0Tensor",
    "Sizes",
    "SplitArrayList",
    "SplitFunc",
    "SplitFuncOrIdxList",
    "StartOptEnd",
    "StrList",
    "TensorImage",
    "TensorImageSize",
    "TensorOrNumList",
    "TensorOrNumber",
    "Tensors",
    "TfmList",
    "Tokens",
    "Weights",
    "fastai_types",
]

AnnealFunc = Callable[[Any, Any, float], Any]
ArgStar = Collection[Any]
BatchSamples = Collection[tuple[Collection[int], int]]
DataFrameOrChunks = Any
FilePathList = Collection[Path]
Floats = float | Collection[float]
ImgLabel = str
ImgLabels = Collection[ImgLabel]
IntsOrStrs = int | Collection[int] | str | Collection[str]
KeyFunc = Callable[[int], int]
KWArgs = dict[str, Any]
ListOrItem = Collection[Any] | int | float | str
ListRules = Collection[Callable[[str], str]]
ListSizes = Collection[tuple[int, int]]
NPArrayableList = Collection[NDArray[Any] | list[Any]]
NPArrayList = Collection[NDArray[Any]]
NPArrayMask = NDArray[np.bool_]
NPImage = NDArray[Any]
OptDataFrame = Any
OptListOrItem = ListOrItem | None
OptRange = tuple[float, float] | None
OptStrTuple = tuple[str, str] | None
OptStats = tuple[NDArray[Any], NDArray[Any]] | None
PathOrStr = Path | str
PathLikeOrBinaryStream = str | os.PathLike[str] | BufferedWriter | BytesIO
PBar = Any
Point = tuple[float, float]
Points = Collection[Point]
Sizes = list[list[int]]
SplitArrayList = list[tuple[NDArray[Any], NDArray[Any]]]
StartOptEnd = float | tuple[float, float]
StrList = Collection[str]
OptStrList = StrList | None
Tokens = Collection[Collection[str]]
TfmList = Callable[..., Any] | Collection[Callable[..., Any]]

AffineMatrix = Tensor
BoolOrTensor = bool | Tensor
FloatOrTensor = float | Tensor
IntOrTensor = int | Tensor
ItemsList = Collection[Any]
LambdaFunc = Callable[[Tensor], Tensor]
LayerFunc = Callable[[nn.Module], None]
ModuleList = Collection[nn.Module]
NPArray = NDArray[Any]
OptOptimizer = Optimizer | None
ParamList = Collection[nn.Parameter]
Rank0Tensor = Tensor
SplitFunc = Callable[[nn.Module], list[nn.Module]]
SplitFuncOrIdxList = Callable[..., Any] | Collection[ModuleList]
TensorOrNumber = Tensor | float | int
TensorOrNumList = Collection[TensorOrNumber]
TensorImage = Tensor
TensorImageSize = tuple[int, int, int]
Tensors = Tensor | Collection[Any]
Weights = dict[str, Tensor]
AffineFunc = Callable[..., AffineMatrix]
HookFunc = Callable[[nn.Module, Tensors, Tensors], Any]
LogitTensorImage = TensorImage
LossFunction = Callable[[Tensor, Tensor], Rank0Tensor]
MetricFunc = Callable[[Tensor, Tensor], TensorOrNumber]
MetricFuncList = Collection[MetricFunc]
MetricsList = Collection[TensorOrNumber]
OptLossFunc = LossFunction | None
OptMetrics = MetricsList | None
OptSplitFunc = SplitFunc | None
PixelFunc = Callable[..., TensorImage]
LightingFunc = Callable[..., LogitTensorImage]

# v1 printed annotations by these names in its documentation.
fastai_types: dict[Any, str] = {globals()[name]: name for name in __all__ if name != "fastai_types"}
