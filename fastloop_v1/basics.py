"""`from fastai.basics import *` as v1 gave it: the training layer, and other packages' names.

Which of those there are stands in `migrate/star_names.py`; pandas, matplotlib and scipy load when first used.
"""

from __future__ import annotations

# fmt: off
# isort: off
import bz2
import collections
import concurrent
import csv
import functools
import gzip
import hashlib
import html
import importlib
import inspect
import io
import itertools
import json
import mimetypes
import numbers
import operator
import pathlib
import subprocess
import tarfile
import tempfile
import typing
import weakref
from abc import abstractmethod, abstractproperty
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from io import BufferedWriter, BytesIO
from numpy import cos, exp, log, sin, tan, tanh
from operator import attrgetter, itemgetter
from pdb import set_trace
from types import SimpleNamespace

from . import callbacks
from .lazy_modules import DataFrame, Patch, Series, patches, patheffects, scipy
from .progress import MasterBar, ProgressBar
from .torch_core import (
    AdamW, AffineFunc, AffineMatrix, AnnealFunc, Any, AnyStr, ArgStar, BatchSampler, BatchSamples,
    BoolOrTensor, ByteTensor, Callable, Category, Collection, Counter, DataFrameOrChunks, DataLoader,
    Dataset, Dict, DoubleTensor, EmptyLabel, Enum, F, FilePathList, FloatItem, FloatOrTensor, FloatTensor,
    Floats, HalfTensor, Hashable, HookFunc, ImgLabel, ImgLabels, InitVar, IntEnum, IntOrTensor, IntsOrStrs,
    ItemBase, ItemsList, Iterable, Iterator, KWArgs, KeyFunc, LambdaFunc, LayerFunc, LightingFunc, List,
    ListOrItem, ListRules, ListSizes, LogitTensorImage, LongTensor, LossFunction, Mapping, MetricFunc,
    MetricFuncList, MetricsList, ModelOnCPU, Module, ModuleList, MultiCategory, NPArray, NPArrayList,
    NPArrayMask, NPArrayableList, NPImage, NewType, NoneReduceOnCPU, Number, OptDataFrame, OptListOrItem,
    OptLossFunc, OptMetrics, OptOptimizer, OptRange, OptSplitFunc, OptStats, OptStrList, OptStrTuple,
    Optional, OrderedDict, PBar, ParamList, ParameterModule, Path, PathLikeOrBinaryStream, PathOrStr,
    PixelFunc, Point, Points, PrePostInitMeta, PrettyString, Rank0Tensor, Sampler, Sequence, ShortTensor,
    Sizes, SplitArrayList, SplitFunc, SplitFuncOrIdxList, StartOptEnd, StrList, Tensor, TensorDataset,
    TensorImage, TensorImageSize, TensorOrNumList, TensorOrNumber, Tensors, TfmList, Tokens, Tuple, TypeVar,
    Union, Weights, abc, add_metrics, apply_init, apply_leaf, arange_of, array, arrays_split, as_tensor,
    batch_to_half, bias_types, bn2float, bn_types, bunzip, camel2snake, children, children_and_parameters,
    chunks, compose, cond_init, contextmanager, copy, data_collate, dataclass, deepcopy, defaultdict,
    defaults, df_names_to_idx, distrib_barrier, download_url, even_mults, extract_kwargs, fastai_types,
    field, find_classes, first_el, first_layer, flatten_check, flatten_model, float_or_x, func_args, gc,
    get_model, get_param_groups, get_tmp_file, grab_idx, has_arg, has_params, idx_dict, ifnone, in_channels,
    index_row, init_default, is1d, is_dict, is_listy, is_pathlike, is_pool_type, is_tuple, join_path,
    join_paths, last_layer, listify, loadtxt_str, log_uniform, logit, logit_, master_bar, math, model2half,
    model_type, namedtuple, nn, no_wd_types, noop, np, np2model_tensor, np_address, np_func, num_children,
    num_cpus, num_distrib, one_hot, one_param, optim, os, parallel, partial, partition, partition_by_cores,
    pca, pd, pickle, plt, progress_bar, rand_bool, random, random_split, range_children, range_of,
    rank_distrib, re, recurse, recurse_eq, reduce, remove_module_load, requires_grad, save_texts,
    series2cat, set_all_seed, set_bn_eval, show_some, shutil, sleep, split_kwargs_by_func, split_model,
    split_model_idx, split_no_wd_params, subplots, sys, tensor, text2html_table, to_cpu, to_data, to_detach,
    to_device, to_float, to_half, to_int, to_np, torch, torch_save, trainable_params, trange_of, try_int,
    try_save, uniform, uniform_int, uniqueify, warn, warnings, working_directory,
)
from .basic_data import (
    DataBunch, DatasetType, DeviceDataLoader, load_data,
)
from .basic_train import (
    BasicLearner, Callback, CallbackHandler, FakeOptimizer, Learner, LearnerCallback, RecordOnCPU, Recorder,
    fit, get_preds, load_callback, load_learner, loss_batch, loss_func_name2activ, one_batch, one_epoch,
    train_epoch, validate,
)
from .callback import (
    AverageMetric, CallbackList, OptimWrapper, Scheduler, SmoothenValue, annealing_cos, annealing_exp,
    annealing_linear, annealing_no, annealing_poly, do_annealing_poly, metric_name,
)
from .callbacks import (
    AccumulateScheduler, ActivationStats, Autocast, BalancedSampling, BnFreeze, CSVLogger,
    CheckpointCallback, CpuPeakMemMetric,
    EarlyStoppingCallback, FlatCosAnnealScheduler, GANTensorboardWriter, GeneralScheduler, GradientClipping,
    GradientUnscaling, Hook, HookCallback, Hooks, ImageGenTensorboardWriter, LRFinder,
    LearnerTensorboardWriter, LossMetrics, MLFlowTracker, MixUpCallback, MixUpLoss, MixedPrecision,
    OneCycleScheduler, OverSamplingCallback, PeakMemMetric, RNNTrainer, ReduceLROnPlateauCallback,
    SaveModelCallback, ShowGraph, StopAfterNBatches, TerminateOnNaNCallback, TrackEpochCallback,
    TrackerCallback, TrainingPhase, UnderSamplingCallback, dummy_batch, dummy_eval, hook_output,
    hook_outputs, model_sizes, model_summary, num_features_model,
)
from .layers import (
    AdaptiveConcatPool2d, BCEFlat, BCEWithLogitsFlat, BatchNorm1dFlat, CrossEntropyFlat, Debugger, Flatten,
    FlattenedLoss, LabelSmoothingCrossEntropy, Lambda, MSELossFlat, MergeLayer, NoopLoss, NormType,
    PartialLayer, PixelShuffle_ICNR, PoolFlatten, PooledSelfAttention2d, ResizeBatch, SelfAttention,
    SequentialEx, SigmoidRange, View, WassersteinLoss, batchnorm_2d, bn_drop_lin, conv1d, conv2d,
    conv2d_trans, conv_layer, embedding, icnr, relu, res_block, sigmoid_range, simple_cnn, trunc_normal_,
)
from .metrics import (
    AUROC, CMScores, ConfusionMatrix, ExpRMSPE, ExplainedVariance, FBeta, KappaScore, MatthewsCorreff,
    MultiLabelFbeta, Perplexity, Precision, R2Score, RMSE, Recall, RegMetrics, TargetShapeError, accuracy,
    accuracy_thresh, auc_roc_score, dice, error_rate, exp_rmspe, explained_variance, fbeta, foreground_acc,
    mae, mean_absolute_error, mean_squared_error, mean_squared_logarithmic_error, mse, msle, psnr, r2_score,
    rmse, roc_curve, root_mean_squared_error, top_k_accuracy,
)
from .train import (
    ClassificationInterpretation, Interpretation, MultiLabelClassificationInterpretation, clip_grad, fit_fc,
    fit_one_cycle, lr_find, mixup, one_cycle_scheduler, to_amp, to_bf16, to_fp16, to_fp32,
)

__all__ = [
    "AUROC", "RMSE", "AccumulateScheduler", "ActivationStats", "AdamW", "AdaptiveConcatPool2d",
    "AffineFunc", "AffineMatrix", "AnnealFunc", "Any", "AnyStr", "ArgStar", "Autocast", "AverageMetric",
    "BCEFlat", "BCEWithLogitsFlat", "BalancedSampling", "BasicLearner", "BatchNorm1dFlat", "BatchSampler",
    "BatchSamples", "BnFreeze", "BoolOrTensor", "BufferedWriter", "ByteTensor", "BytesIO", "CMScores",
    "CSVLogger", "Callable", "Callback", "CallbackHandler", "CallbackList", "Category", "CheckpointCallback",
    "ClassificationInterpretation", "Collection", "ConfusionMatrix", "Counter", "CpuPeakMemMetric",
    "CrossEntropyFlat", "DataBunch", "DataFrame", "DataFrameOrChunks", "DataLoader", "Dataset",
    "DatasetType", "Debugger", "DeviceDataLoader", "Dict", "DoubleTensor", "EarlyStoppingCallback",
    "EmptyLabel", "Enum", "ExpRMSPE", "ExplainedVariance", "F", "FBeta", "FakeOptimizer", "FilePathList",
    "FlatCosAnnealScheduler", "Flatten", "FlattenedLoss", "FloatItem", "FloatOrTensor", "FloatTensor",
    "Floats", "GANTensorboardWriter", "GeneralScheduler", "GradientClipping", "GradientUnscaling",
    "HalfTensor", "Hashable", "Hook", "HookCallback", "HookFunc", "Hooks", "ImageGenTensorboardWriter",
    "ImgLabel", "ImgLabels", "InitVar", "IntEnum", "IntOrTensor", "Interpretation", "IntsOrStrs",
    "ItemBase", "ItemsList", "Iterable", "Iterator", "KWArgs", "KappaScore", "KeyFunc", "LRFinder",
    "LabelSmoothingCrossEntropy", "Lambda", "LambdaFunc", "LayerFunc", "Learner", "LearnerCallback",
    "LearnerTensorboardWriter", "LightingFunc", "List", "ListOrItem", "ListRules", "ListSizes",
    "LogitTensorImage", "LongTensor", "LossFunction", "LossMetrics", "MLFlowTracker", "MSELossFlat",
    "Mapping", "MasterBar", "MatthewsCorreff", "MergeLayer", "MetricFunc", "MetricFuncList", "MetricsList",
    "MixUpCallback", "MixUpLoss", "MixedPrecision", "ModelOnCPU", "Module", "ModuleList", "MultiCategory",
    "MultiLabelClassificationInterpretation", "MultiLabelFbeta", "NPArray", "NPArrayList", "NPArrayMask",
    "NPArrayableList", "NPImage", "NewType", "NoneReduceOnCPU", "NoopLoss", "NormType", "Number",
    "OneCycleScheduler", "OptDataFrame", "OptListOrItem", "OptLossFunc", "OptMetrics", "OptOptimizer",
    "OptRange", "OptSplitFunc", "OptStats", "OptStrList", "OptStrTuple", "OptimWrapper", "Optional",
    "OrderedDict", "OverSamplingCallback", "PBar", "ParamList", "ParameterModule", "PartialLayer", "Patch",
    "Path", "PathLikeOrBinaryStream", "PathOrStr", "PeakMemMetric", "Perplexity", "PixelFunc",
    "PixelShuffle_ICNR", "Point", "Points", "PoolFlatten", "PooledSelfAttention2d", "PrePostInitMeta",
    "Precision", "PrettyString", "ProcessPoolExecutor", "ProgressBar", "R2Score", "RNNTrainer",
    "Rank0Tensor", "Recall", "RecordOnCPU", "Recorder", "ReduceLROnPlateauCallback", "RegMetrics",
    "ResizeBatch", "Sampler", "SaveModelCallback", "Scheduler", "SelfAttention", "Sequence", "SequentialEx",
    "Series", "ShortTensor", "ShowGraph", "SigmoidRange", "SimpleNamespace", "Sizes", "SmoothenValue",
    "SplitArrayList", "SplitFunc", "SplitFuncOrIdxList", "StartOptEnd", "StopAfterNBatches", "StrList",
    "TargetShapeError", "Tensor", "TensorDataset", "TensorImage", "TensorImageSize", "TensorOrNumList",
    "TensorOrNumber", "Tensors", "TerminateOnNaNCallback", "TfmList", "ThreadPoolExecutor", "Tokens",
    "TrackEpochCallback", "TrackerCallback", "TrainingPhase", "Tuple", "TypeVar", "UnderSamplingCallback",
    "Union", "View", "WassersteinLoss", "Weights", "abc", "abstractmethod", "abstractproperty", "accuracy",
    "accuracy_thresh", "add_metrics", "annealing_cos", "annealing_exp", "annealing_linear", "annealing_no",
    "annealing_poly", "apply_init", "apply_leaf", "arange_of", "array", "arrays_split", "as_tensor",
    "attrgetter", "auc_roc_score", "batch_to_half", "batchnorm_2d", "bias_types", "bn2float", "bn_drop_lin",
    "bn_types", "bunzip", "bz2", "callbacks", "camel2snake", "children", "children_and_parameters",
    "chunks", "clip_grad", "collections", "compose", "concurrent", "cond_init", "contextmanager", "conv1d",
    "conv2d", "conv2d_trans", "conv_layer", "copy", "cos", "csv", "data_collate", "dataclass", "deepcopy",
    "defaultdict", "defaults", "df_names_to_idx", "dice", "distrib_barrier", "do_annealing_poly",
    "download_url", "dummy_batch", "dummy_eval", "embedding", "error_rate", "even_mults", "exp",
    "exp_rmspe", "explained_variance", "extract_kwargs", "fastai_types", "fbeta", "field", "find_classes",
    "first_el", "first_layer", "fit", "fit_fc", "fit_one_cycle", "flatten_check", "flatten_model",
    "float_or_x", "foreground_acc", "func_args", "functools", "gc", "get_model", "get_param_groups",
    "get_preds", "get_tmp_file", "grab_idx", "gzip", "has_arg", "has_params", "hashlib", "hook_output",
    "hook_outputs", "html", "icnr", "idx_dict", "ifnone", "importlib", "in_channels", "index_row",
    "init_default", "inspect", "io", "is1d", "is_dict", "is_listy", "is_pathlike", "is_pool_type",
    "is_tuple", "itemgetter", "itertools", "join_path", "join_paths", "json", "last_layer", "listify",
    "load_callback", "load_data", "load_learner", "loadtxt_str", "log", "log_uniform", "logit", "logit_",
    "loss_batch", "loss_func_name2activ", "lr_find", "mae", "master_bar", "math", "mean_absolute_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "metric_name", "mimetypes", "mixup",
    "model2half", "model_sizes", "model_summary", "model_type", "mse", "msle", "namedtuple", "nn",
    "no_wd_types", "noop", "np", "np2model_tensor", "np_address", "np_func", "num_children", "num_cpus",
    "num_distrib", "num_features_model", "numbers", "one_batch", "one_cycle_scheduler", "one_epoch",
    "one_hot", "one_param", "operator", "optim", "os", "parallel", "partial", "partition",
    "partition_by_cores", "patches", "patheffects", "pathlib", "pca", "pd", "pickle", "plt", "progress_bar",
    "psnr", "r2_score", "rand_bool", "random", "random_split", "range_children", "range_of", "rank_distrib",
    "re", "recurse", "recurse_eq", "reduce", "relu", "remove_module_load", "requires_grad", "res_block",
    "rmse", "roc_curve", "root_mean_squared_error", "save_texts", "scipy", "series2cat", "set_all_seed",
    "set_bn_eval", "set_trace", "show_some", "shutil", "sigmoid_range", "simple_cnn", "sin", "sleep",
    "split_kwargs_by_func", "split_model", "split_model_idx", "split_no_wd_params", "subplots",
    "subprocess", "sys", "tan", "tanh", "tarfile", "tempfile", "tensor", "text2html_table", "to_amp",
    "to_bf16", "to_cpu", "to_data", "to_detach", "to_device", "to_float", "to_fp16", "to_fp32", "to_half",
    "to_int", "to_np", "top_k_accuracy", "torch", "torch_save", "train_epoch", "trainable_params",
    "trange_of", "trunc_normal_", "try_int", "try_save", "typing", "uniform", "uniform_int", "uniqueify",
    "validate", "warn", "warnings", "weakref", "working_directory",
]
# isort: on
# fmt: on
