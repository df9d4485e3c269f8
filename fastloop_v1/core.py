"""v1's module of small tools: each is imported from the file named for its concept.

Names of other packages stand here too where legacy code takes them from v1's star import; `pd` and `plt`
load pandas and matplotlib when first used.
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

from .arrays import arange_of, array, arrays_split, index_row, is1d, one_hot, random_split
from .axes_grid import subplots
from .defaults import defaults, num_cpus
from .downloads import download_url
from .items import Category, EmptyLabel, FloatItem, ItemBase, MultiCategory
from .lazy_modules import pd, plt
from .module_class import PrePostInitMeta
from .names import camel2snake, compose, extract_kwargs, func_args, has_arg, noop, split_kwargs_by_func
from .parallel import parallel
from .paths import bunzip, find_classes, get_tmp_file, is_pathlike, join_path, join_paths, working_directory
from .progress import master_bar, progress_bar
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
    AnnealFunc,
    ArgStar,
    BatchSamples,
    DataFrameOrChunks,
    FilePathList,
    Floats,
    ImgLabel,
    ImgLabels,
    IntsOrStrs,
    KeyFunc,
    KWArgs,
    ListOrItem,
    ListRules,
    ListSizes,
    NPArrayableList,
    NPArrayList,
    NPArrayMask,
    NPImage,
    OptDataFrame,
    OptListOrItem,
    OptRange,
    OptStats,
    OptStrList,
    OptStrTuple,
    PathLikeOrBinaryStream,
    PathOrStr,
    PBar,
    Point,
    Points,
    Sizes,
    SplitArrayList,
    StartOptEnd,
    StrList,
    TfmList,
    Tokens,
)

# fmt: off
__all__ = [
    "AnnealFunc", "Any", "AnyStr", "ArgStar", "BatchSamples", "Callable", "Category", "Collection", "Counter",
    "DataFrameOrChunks", "Dict", "EmptyLabel", "Enum", "FilePathList", "FloatItem", "Floats", "Hashable",
    "ImgLabel", "ImgLabels", "InitVar", "IntEnum", "IntsOrStrs", "ItemBase", "Iterable", "Iterator", "KWArgs",
    "KeyFunc", "List", "ListOrItem", "ListRules", "ListSizes", "Mapping", "MultiCategory", "NPArrayList",
    "NPArrayMask", "NPArrayableList", "NPImage", "NewType", "Number", "OptDataFrame", "OptListOrItem",
    "OptRange", "OptStats", "OptStrList", "OptStrTuple", "Optional", "OrderedDict", "PBar", "Path",
    "PathLikeOrBinaryStream", "PathOrStr", "Point", "Points", "PrePostInitMeta", "PrettyString", "Sequence",
    "Sizes", "SplitArrayList", "StartOptEnd", "StrList", "TfmList", "Tokens", "Tuple", "TypeVar", "Union",
    "abc", "arange_of", "array", "arrays_split", "bunzip", "camel2snake", "chunks", "compose",
    "contextmanager", "copy", "dataclass", "deepcopy", "defaultdict", "defaults", "df_names_to_idx",
    "download_url", "even_mults", "extract_kwargs", "field", "find_classes", "first_el", "float_or_x",
    "func_args", "gc", "get_tmp_file", "has_arg", "idx_dict", "ifnone", "index_row", "is1d", "is_dict",
    "is_listy", "is_pathlike", "is_tuple", "join_path", "join_paths", "listify", "loadtxt_str", "master_bar",
    "math", "namedtuple", "noop", "np", "num_cpus", "one_hot", "os", "parallel", "partial", "partition",
    "partition_by_cores", "pd", "pickle", "plt", "progress_bar", "random", "random_split", "range_of", "re",
    "recurse", "recurse_eq", "reduce", "save_texts", "series2cat", "show_some", "shutil", "sleep",
    "split_kwargs_by_func", "subplots", "sys", "text2html_table", "to_int", "uniqueify", "warn", "warnings",
    "working_directory",
]
# fmt: on
