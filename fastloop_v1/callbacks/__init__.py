"""The callbacks of this package, by their class names."""

from __future__ import annotations

from .accumulate_scheduler import AccumulateScheduler
from .activation_stats import ActivationStats
from .amp import Autocast
from .balanced_sampling import BalancedSampling
from .bn_freeze import BnFreeze
from .checkpointing import CheckpointCallback
from .cpu_mem import CpuPeakMemMetric
from .csv_logger import CSVLogger
from .early_stopping import EarlyStoppingCallback
from .flat_cos_anneal import FlatCosAnnealScheduler
from .fp16 import MixedPrecision
from .general_sched import GeneralScheduler, TrainingPhase
from .gradient_clipping import GradientClipping
from .gradient_unscaling import GradientUnscaling
from .hook import Hook, Hooks, hook_output, hook_outputs
from .hook_callback import HookCallback
from .loss_metrics import LossMetrics
from .lr_finder import LRFinder
from .mem import PeakMemMetric
from .mixup import MixUpCallback, MixUpLoss
from .mlflow import MLFlowTracker
from .model_sizes import dummy_batch, dummy_eval, model_sizes, num_features_model
from .model_summary import model_summary
from .one_cycle import OneCycleScheduler
from .oversampling import OverSamplingCallback
from .record_on_cpu import RecordOnCPU
from .reduce_lr_on_plateau import ReduceLROnPlateauCallback
from .rnn import RNNTrainer
from .save_model import SaveModelCallback
from .show_graph import ShowGraph
from .stop_after_n_batches import StopAfterNBatches
from .tensorboard import GANTensorboardWriter, ImageGenTensorboardWriter, LearnerTensorboardWriter
from .terminate_on_nan import TerminateOnNaNCallback
from .track_epoch import TrackEpochCallback
from .tracker_callback import TrackerCallback
from .undersampling import UnderSamplingCallback

__all__ = [
    "AccumulateScheduler",
    "ActivationStats",
    "Autocast",
    "BalancedSampling",
    "BnFreeze",
    "CSVLogger",
    "CheckpointCallback",
    "CpuPeakMemMetric",
    "EarlyStoppingCallback",
    "FlatCosAnnealScheduler",
    "GANTensorboardWriter",
    "GeneralScheduler",
    "GradientClipping",
    "GradientUnscaling",
    "Hook",
    "HookCallback",
    "Hooks",
    "ImageGenTensorboardWriter",
    "LRFinder",
    "LearnerTensorboardWriter",
    "LossMetrics",
    "MLFlowTracker",
    "MixUpCallback",
    "MixUpLoss",
    "MixedPrecision",
    "OneCycleScheduler",
    "OverSamplingCallback",
    "PeakMemMetric",
    "RNNTrainer",
    "RecordOnCPU",
    "ReduceLROnPlateauCallback",
    "SaveModelCallback",
    "ShowGraph",
    "StopAfterNBatches",
    "TerminateOnNaNCallback",
    "TrackEpochCallback",
    "TrackerCallback",
    "TrainingPhase",
    "UnderSamplingCallback",
    "dummy_batch",
    "dummy_eval",
    "hook_output",
    "hook_outputs",
    "model_sizes",
    "model_summary",
    "num_features_model",
]
