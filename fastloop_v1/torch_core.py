"""v1's module of tensor and model tools: each is imported from the file named for its concept.

As in v1 the names of `core` stand here too, and names of other packages that legacy code takes from the star
import.
"""

from __future__ import annotations

import gc
import math
import os
import pickle
import random
import re
import shutil
import sys
import warnings
from collections import Counter, OrderedDict, abc, defaultdict, namedtuple
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import InitVar, dataclass, field
from enum import Enum, IntEnum
from functools import partial, reduce
from numbers import Number
from pathlib import Path
from time import sleep
from typing import (  # noqa: UP035  (legacy code takes these names)
    Any,
    AnyStr,
    Callable,
    Collection,
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    Mapping,
    NewType,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)
from warnings import warn

import numpy as np
import torch
import torch.nn.functional as F
from torch import (
    ByteTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    LongTensor,
    ShortTensor,
    Tensor,
    as_tensor,
    nn,
    optim,
)
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, TensorDataset

from .arrays import arange_of, array, arrays_split, index_row, is1d, one_hot, random_split
from .axes_grid import subplots
from .callback import add_metrics
from .checkpoint import torch_save, try_save
from .defaults import defaults, num_cpus
from .downloads import download_url
from .items import Category, EmptyLabel, FloatItem, ItemBase, MultiCategory
from .lazy_modules import pd, plt
from .module_class import Module, ParameterModule, PrePostInitMeta
from .modules import (
    apply_leaf,
    bias_types,
    bn2float,
    bn_types,
    children,
    children_and_parameters,
    first_layer,
    flatten_model,
    get_model,
    get_param_groups,
    has_params,
    in_channels,
    is_pool_type,
    last_layer,
    model2half,
    no_wd_types,
    num_children,
    one_param,
    range_children,
    remove_module_load,
    requires_grad,
    set_bn_eval,
    split_model,
    split_model_idx,
    split_no_wd_params,
    trainable_params,
)
from .names import camel2snake, compose, extract_kwargs, func_args, has_arg, noop, split_kwargs_by_func
from .nested import (
    batch_to_half,
    data_collate,
    flatten_check,
    grab_idx,
    logit,
    logit_,
    model_type,
    np2model_tensor,
    np_address,
    np_func,
    pca,
    tensor,
    to_cpu,
    to_data,
    to_detach,
    to_device,
    to_float,
    to_half,
    to_np,
    trange_of,
    try_int,
)
from .on_cpu import ModelOnCPU, NoneReduceOnCPU
from .optim import AdamW
from .parallel import parallel
from .paths import bunzip, find_classes, get_tmp_file, is_pathlike, join_path, join_paths, working_directory
from .processes import distrib_barrier, num_distrib, rank_distrib
from .progress import master_bar, progress_bar
from .randomness import log_uniform, rand_bool, set_all_seed, uniform, uniform_int
from .sequences import (
    chunks,
    even_mults,
    first_el,
    idx_dict,
    ifnone,
    is_dict,
    is_listy,
    is_tuple,
    listify,
    partition,
    partition_by_cores,
    range_of,
    recurse,
    recurse_eq,
    to_int,
    uniqueify,
)
from .tables import df_names_to_idx, series2cat
from .texts import PrettyString, float_or_x, loadtxt_str, save_texts, show_some, text2html_table
from .type_aliases import (
    AffineFunc,
    AffineMatrix,
    AnnealFunc,
    ArgStar,
    BatchSamples,
    BoolOrTensor,
    DataFrameOrChunks,
    FilePathList,
    FloatOrTensor,
    Floats,
    HookFunc,
    ImgLabel,
    ImgLabels,
    IntOrTensor,
    IntsOrStrs,
    ItemsList,
    KeyFunc,
    KWArgs,
    LambdaFunc,
    LayerFunc,
    LightingFunc,
    ListOrItem,
    ListRules,
    ListSizes,
    LogitTensorImage,
    LossFunction,
    MetricFunc,
    MetricFuncList,
    MetricsList,
    ModuleList,
    NPArray,
    NPArrayableList,
    NPArrayList,
    NPArrayMask,
    NPImage,
    OptDataFrame,
    OptListOrItem,
    OptLossFunc,
    OptMetrics,
    OptOptimizer,
    OptRange,
    OptSplitFunc,
    OptStats,
    OptStrList,
    OptStrTuple,
    ParamList,
    PathLikeOrBinaryStream,
    PathOrStr,
    PBar,
    PixelFunc,
    Point,
    Points,
    Rank0Tensor,
    Sizes,
    SplitArrayList,
    SplitFunc,
    SplitFuncOrIdxList,
    StartOptEnd,
    StrList,
    TensorImage,
    TensorImageSize,
    TensorOrNumber,
    TensorOrNumList,
    Tensors,
    TfmList,
    Tokens,
    Weights,
    fastai_types,
)
from .weight_init import apply_init, cond_init, init_default

# fmt: off
__all__ = [
    "AdamW", "AffineFunc", "AffineMatrix", "AnnealFunc", "Any", "AnyStr", "ArgStar", "BatchSampler",
    "BatchSamples", "BoolOrTensor", "ByteTensor", "Callable", "Category", "Collection", "Counter",
    "DataFrameOrChunks", "DataLoader", "Dataset", "Dict", "DoubleTensor", "EmptyLabel", "Enum", "F",
    "FilePathList", "FloatItem", "FloatOrTensor", "FloatTensor", "Floats", "HalfTensor", "Hashable",
    "HookFunc", "ImgLabel", "ImgLabels", "InitVar", "IntEnum", "IntOrTensor", "IntsOrStrs", "ItemBase",
    "ItemsList", "Iterable", "Iterator", "KWArgs", "KeyFunc", "LambdaFunc", "LayerFunc", "LightingFunc",
    "List", "ListOrItem", "ListRules", "ListSizes", "LogitTensorImage", "LongTensor", "LossFunction",
    "Mapping", "MetricFunc", "MetricFuncList", "MetricsList", "ModelOnCPU", "Module", "ModuleList",
    "MultiCategory", "NPArray", "NPArrayList", "NPArrayMask", "NPArrayableList", "NPImage", "NewType",
    "NoneReduceOnCPU", "Number", "OptDataFrame", "OptListOrItem", "OptLossFunc", "OptMetrics", "OptOptimizer",
    "OptRange", "OptSplitFunc", "OptStats", "OptStrList", "OptStrTuple", "Optional", "OrderedDict", "PBar",
    "ParamList", "ParameterModule", "Path", "PathLikeOrBinaryStream", "PathOrStr", "PixelFunc", "Point",
    "Points", "PrePostInitMeta", "PrettyString", "Rank0Tensor", "Sampler", "Sequence", "ShortTensor", "Sizes",
    "SplitArrayList", "SplitFunc", "SplitFuncOrIdxList", "StartOptEnd", "StrList", "Tensor", "TensorDataset",
    "TensorImage", "TensorImageSize", "TensorOrNumList", "TensorOrNumber", "Tensors", "TfmList", "Tokens",
    "Tuple", "TypeVar", "Union", "Weights", "abc", "add_metrics", "apply_init", "apply_leaf", "arange_of",
    "array", "arrays_split", "as_tensor", "batch_to_half", "bias_types", "bn2float", "bn_types", "bunzip",
    "camel2snake", "children", "children_and_parameters", "chunks", "compose", "cond_init", "contextmanager",
    "copy", "data_collate", "dataclass", "deepcopy", "defaultdict", "defaults", "df_names_to_idx",
    "distrib_barrier", "download_url", "even_mults", "extract_kwargs", "fastai_types", "field",
    "find_classes", "first_el", "first_layer", "flatten_check", "flatten_model", "float_or_x", "func_args",
    "gc", "get_model", "get_param_groups", "get_tmp_file", "grab_idx", "has_arg", "has_params", "idx_dict",
    "ifnone", "in_channels", "index_row", "init_default", "is1d", "is_dict", "is_listy", "is_pathlike",
    "is_pool_type", "is_tuple", "join_path", "join_paths", "last_layer", "listify", "loadtxt_str",
    "log_uniform", "logit", "logit_", "master_bar", "math", "model2half", "model_type", "namedtuple", "nn",
    "no_wd_types", "noop", "np", "np2model_tensor", "np_address", "np_func", "num_children", "num_cpus",
    "num_distrib", "one_hot", "one_param", "optim", "os", "parallel", "partial", "partition",
    "partition_by_cores", "pca", "pd", "pickle", "plt", "progress_bar", "rand_bool", "random", "random_split",
    "range_children", "range_of", "rank_distrib", "re", "recurse", "recurse_eq", "reduce",
    "remove_module_load", "requires_grad", "save_texts", "series2cat", "set_all_seed", "set_bn_eval",
    "show_some", "shutil", "sleep", "split_kwargs_by_func", "split_model", "split_model_idx",
    "split_no_wd_params", "subplots", "sys", "tensor", "text2html_table", "to_cpu", "to_data", "to_detach",
    "to_device", "to_float", "to_half", "to_int", "to_np", "torch", "torch_save", "trainable_params",
    "trange_of", "try_int", "try_save", "uniform", "uniform_int", "uniqueify", "warn", "warnings",
    "working_directory",
]
# fmt: on
