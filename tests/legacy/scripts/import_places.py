"Names are taken from wherever they happened to be found."
import fastai.callbacks, fastai.basic_train, fastai.callbacks.hooks as hooks
from fastai.basic_train import (Learner, LearnerCallback, Recorder, Callback, CallbackHandler, OptimWrapper, add_metrics, DatasetType,
                                MetricsList, DataLoader, Dataset, Tensor, Any, torch, load_callback, _loss_func2activ)
from fastai.callback import add_metrics as add2, is_listy, Callback as Callback2, annealing_cos, SmoothenValue
from fastai.metrics import add_metrics as add3, CMScores, RegMetrics, accuracy, error_rate
from fastai.train import Learner as Learner2, LearnerCallback as LC2, DataBunch, DatasetType as DT2, defaults, ifnone, copy, warn
from fastai.torch_core import dataclass, Optional, warn as warn2, TensorDataset, to_np, flatten_model, num_distrib, Rank0Tensor
from fastai.callbacks import csv_logger, EarlyStoppingCallback, SaveModelCallback, CSVLogger
from fastai.callbacks.tracker import TrackerCallback, EarlyStoppingCallback as Early2
from fastai.callbacks.hooks import HookCallback, hook_outputs, model_sizes, num_features_model
from fastai.distributed import OurDistributedSampler, setup_distrib
from fastai.core import PathOrStr, listify, Union, Path, partial, warnings, is_tuple, range_of, ItemBase
from fastai.layers import CrossEntropyFlat, LabelSmoothingCrossEntropy, Flatten, FlattenedLoss
from fastai.basic_data import DataBunch as DataBunch2, load_data, DeviceDataLoader
from fastai.callbacks.mixup import MixUpCallback, MixUpLoss
from fastai.basics import callbacks, np, pd, plt, nn, F, List, Tuple, Collection, Callable, Iterator, math, gc, random, os, sys, re
from fastai import *
import fastai
import warnings

assert add_metrics is add2 is add3 and Learner is Learner2 and LearnerCallback is LC2 and Callback is Callback2
assert DatasetType is DT2 and DataBunch is DataBunch2 and EarlyStoppingCallback is Early2 and warn is warn2 is warnings.warn
assert fastai.callbacks is callbacks and callbacks.SaveModelCallback is SaveModelCallback and csv_logger.CSVLogger is CSVLogger
assert fastai.basic_train.Learner is Learner and hooks.HookCallback is HookCallback
assert issubclass(CMScores, Callback) and issubclass(RegMetrics, Callback) and issubclass(MixUpCallback, LearnerCallback)
assert is_listy([1]) and listify(None) == [] and ifnone(None, 3) == 3 and is_tuple((1,)) and list(range_of([5, 6])) == [0, 1]
assert plt.plot and pd.DataFrame and np.array and F.relu and Path and partial
assert tuple(int(x) for x in fastai.__version__.split('.')[:2]) >= (1, 0)

class Recall2(CMScores):
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, self.cm.diag().sum().item())
class Mean(RegMetrics):
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, (self.preds - self.targs).abs().mean())

xs = torch.randn(32, 3); ys = xs.argmax(1)
data = DataBunch.create(TensorDataset(xs, ys), TensorDataset(xs, ys), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(3, 3), loss_func=LabelSmoothingCrossEntropy(), metrics=[accuracy, Recall2()])
learn.fit(1, 0.1)
acc, right = learn.recorder.metrics[0]
assert abs(float(acc) * 32 - float(right)) < 1e-4
data = DataBunch.create(TensorDataset(xs, xs), TensorDataset(xs, xs), bs=8, num_workers=0)
learn = Learner(data, nn.Linear(3, 3), loss_func=F.mse_loss, metrics=[Mean()])
learn.fit(1, 0.1)
assert learn.recorder.metrics[0][0] > 0
assert [tuple(s) for s in model_sizes(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3, stride=2)), size=(16, 16))] == [(1, 4, 14, 14), (1, 5, 6, 6)]
