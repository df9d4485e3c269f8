"""v1's names for the callbacks that watch values, losses and epochs."""

from __future__ import annotations

from .early_stopping import EarlyStoppingCallback
from .reduce_lr_on_plateau import ReduceLROnPlateauCallback
from .save_model import SaveModelCallback
from .terminate_on_nan import TerminateOnNaNCallback
from .track_epoch import TrackEpochCallback
from .tracker_callback import TrackerCallback

__all__ = [
    "EarlyStoppingCallback",
    "ReduceLROnPlateauCallback",
    "SaveModelCallback",
    "TerminateOnNaNCallback",
    "TrackEpochCallback",
    "TrackerCallback",
]
