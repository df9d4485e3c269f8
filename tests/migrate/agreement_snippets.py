"""Pieces of v1 code, each with its verdict: a line `#: name, verdict`, then the code.

`PRELUDE` makes data and a model for it.
"""

from __future__ import annotations

import re

PRELUDE = """\
import torch
from torch.utils.data import TensorDataset
from fastai.basic_data import DataBunch as _DataBunch
from fastai.basic_train import Learner as _Learner
def tiny(**kwargs):
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
    loaders = _DataBunch.create(data, data, bs=4, num_workers=0)
    return _Learner(loaders, torch.nn.Linear(2, 1), loss_func=torch.nn.MSELoss(), silent=True, **kwargs)
"""

_SNIPPETS = """
#: star import for torch names only, runs as is
from fastai.vision import *
x = np.zeros(2); y = F.relu(torch.tensor(x)); z = partial(nn.Linear, 2)(1); Path("."); plt
class Net(nn.Module):
    def forward(self, x: Tensor) -> Tensor: return F.relu(x)
tiny(callbacks=[]).fit(1, 1e-2)
#: text star import gives the learner, runs as is
from fastai.text import *
assert Learner and ifnone(None, 3) == 3 and listify(2) == [2]
#: bare package star import, runs as is
from fastai import *
from fastai.callbacks import *
learn = tiny(callback_fns=[CSVLogger]); assert callbacks.CSVLogger is CSVLogger
#: factory is called, needs work
from fastai.vision import *
data = ImageDataBunch.from_folder("nowhere")
#: learner of a layer is called, needs work
from fastai.vision import cnn_learner, models
learn = cnn_learner(None, models.resnet34)
#: factory through the module, needs work
import fastai.vision
fastai.vision.cnn_learner(None, None)
#: factory through a renamed module, needs work
from fastai import vision as v
v.ImageList.from_folder("x")
#: name that is not offered is imported only, runs with remarks
from fastai.vision import ImageList, Learner
assert Learner
#: name that is not offered is subclassed, runs with remarks
from fastai.vision import *
class MyList(ImageList):
    def get(self, i): return i
#: own subclass is called, needs work
from fastai.vision import *
class MyList(ImageList): pass
class Mine(MyList): pass
Mine([1])
#: own subclass is asked for what it has, runs with remarks
from fastai.vision import *
class MyList(ImageList):
    size = 3
assert MyList.size == 3
#: own subclass is asked for what its base had, needs work
from fastai.vision import *
class MyList(ImageList): pass
MyList.from_folder("x")
#: stand-in is named in an annotation, runs with remarks
from fastai.vision import *
def f(data: ImageDataBunch = None) -> ImageList: return data
f()
#: stand-in is asked about by isinstance, runs with remarks
from fastai.vision import *
assert not isinstance(1, (ImageList, int)) or True
#: attribute is set on a stand-in, runs with remarks
from fastai.vision import *
ImageDataBunch.extra = lambda self: 1
#: item of a stand-in, needs work
from fastai.text import *
Vocab["x"]
#: statistics are plain values, runs as is
from fastai.vision import *
assert imagenet_stats[0][0] == 0.485
#: callback that returns dicts, runs as is
from fastai.basic_train import *
class Mine(LearnerCallback):
    _order = -20
    def on_train_begin(self, **kwargs): self.learn.recorder.add_metric_names(["m"])
    def on_batch_begin(self, last_input, last_target, **kwargs): return {"last_input": last_input}
    def on_epoch_end(self, last_metrics, **kwargs): return add_metrics(last_metrics, [1.0])
tiny(callback_fns=[Mine]).fit(1, 1e-2)
#: old return of a flag, runs with remarks
from fastai.callback import Callback
class Mine(Callback):
    def on_batch_end(self, num_batch, **kwargs):
        if num_batch: return True
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: old return of a pair, runs with remarks
from fastai.callback import *
class Mine(Callback):
    def on_batch_begin(self, last_input, last_target, **kwargs): return last_input, last_target
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: old return that meant nothing, needs work
from fastai.callback import *
class Mine(Callback):
    def on_train_begin(self, **kwargs): return True
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: old return of another type, needs work
from fastai.callback import *
class Mine(Callback):
    def on_backward_begin(self, **kwargs): return True
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: number returned where a flag belongs, needs work
from fastai.callback import *
class Mine(Callback):
    def on_epoch_end(self, **kwargs): return 1
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: own argument made a dict, runs as is
from fastai.basics import *
class Mine(Callback):
    def on_epoch_end(self, last_metrics, **kwargs):
        last_metrics = {"last_metrics": last_metrics}
        return last_metrics
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: unknown key, needs work
from fastai.callback import *
class Mine(Callback):
    def on_batch_end(self, **kwargs): return {"loss_dict": 1}
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: key too early, needs work
from fastai.callback import *
class Mine(Callback):
    def on_train_begin(self, **kwargs): return {"stop_training": True}
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: key put into the state by hand, runs as is
from fastai.callback import *
class Mine(Callback):
    def __init__(self, learn): self.learn = learn
    def on_train_begin(self, **kwargs): self.handler.state_dict["loss_dict"] = 0
    def on_batch_end(self, **kwargs): return {"loss_dict": 1}
from fastai import callback
class Handler(CallbackHandler): pass
mine = Mine(None); mine.handler = Handler([mine]); mine.handler.on_train_begin(1, None, [])
mine.handler.on_epoch_begin(); mine.handler.on_batch_begin(torch.zeros(1), torch.zeros(1))
mine.handler.on_batch_end(torch.tensor(0.0))
#: no kwargs, needs work
from fastai.callback import *
class Mine(Callback):
    def on_epoch_end(self, epoch): print(epoch)
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: argument that cannot be there, needs work
from fastai.callback import *
class Mine(Callback):
    def on_epoch_begin(self, last_metrics, **kwargs): print(last_metrics)
tiny(callbacks=[Mine()]).fit(1, 1e-2)
#: post init of an old dataclass, runs with remarks
from dataclasses import dataclass
from fastai.basic_train import Learner, LearnerCallback
@dataclass
class Mine(LearnerCallback):
    learn: Learner
    x: int = 1
    def __post_init__(self): super().__post_init__()
Mine(tiny())
#: post init of an old tracker, needs work
from dataclasses import dataclass
from fastai.callbacks.tracker import TrackerCallback
@dataclass
class Mine(TrackerCallback):
    x: int = 1
    def __post_init__(self):
        super().__post_init__()
        self.operator
Mine(tiny())
#: post init without a dataclass, needs work
from fastai.basic_train import LearnerCallback
class Mine(LearnerCallback):
    def __post_init__(self): self.mine = 1
Mine(tiny()).mine
#: dataclass of a plain callback, runs as is
from dataclasses import dataclass
from fastai.callback import Callback
@dataclass
class Mine(Callback):
    learn: object
    def __post_init__(self): self.n = 0
    def on_batch_end(self, **kwargs): self.n += 1
tiny(callbacks=[Mine(None)]).fit(1, 1e-2)
#: phases of before 1.0.49, needs work
from fastai.callbacks.general_sched import *
TrainingPhase(length=3, lrs=1e-2)
#: phases of now, runs as is
from fastai.callbacks.general_sched import *
from fastai.callback import annealing_cos
learn = tiny()
phases = [TrainingPhase(2).schedule_hp("lr", (1e-2, 1e-3), anneal=annealing_cos)]
learn.fit(1, callbacks=[GeneralScheduler(learn, phases)])
#: metrics added to the recorder, needs work
from fastai.basic_train import *
class Mine(LearnerCallback):
    def on_epoch_end(self, **kwargs): self.learn.recorder.add_metrics([1.0])
tiny(callback_fns=[Mine]).fit(1, 1e-2)
#: unknown argument, needs work
from fastai.basic_train import Learner
Learner(tiny().data, torch.nn.Linear(2, 1), lr=3)
#: argument of v2, runs with remarks
from fastai.basics import *
learn = Learner(tiny().data, nn.Linear(2, 1), loss_func=F.mse_loss, silent=True)
learn.fit(1, cbs=[])
#: method of v2, needs work
from fastai.vision.all import *
#: method names of v2 alone are never called, needs work
from fastai.callback import *
class Mine(Callback):
    def after_batch(self): raise SystemExit("never")
raise NotImplementedError("what it should do is not done")
#: module of 0.7, needs work
from fastai.conv_learner import *
#: guarded import of another version, runs with remarks
try:
    from fastai.callback.core import Callback
except ImportError:
    from fastai.callback import Callback
class Mine(Callback): pass
#: private name of v1 that is here, runs as is
from fastai.basic_train import _loss_func2activ
#: private name of v1 that is gone, needs work
from fastai.torch_core import _pca
#: name that v1 never had, needs work
from fastai.basic_train import Lerner
#: name from a neighbour, runs as is
from fastai.train import Learner, LearnerCallback, defaults, ifnone, warn, partial
from fastai.callbacks import Callback, add_metrics
#: module that v1 never had, needs work
import fastai.trainer
#: unbound name, needs work
from fastai.vision import *
print(never_defined_anywhere)
#: function replaced from outside, runs as is
from fastai import basic_train
import fastai.basic_train as bt
old = bt.loss_batch
def mine(*args, **kwargs): return old(*args, **kwargs)
basic_train.loss_batch = mine
tiny().fit(1, 1e-2)
bt.loss_batch = old
#: method put on the learner, runs as is
from fastai.basic_train import Learner
Learner.cut = lambda self: self.model
assert tiny().cut()
#: what is gone from the learner, needs work
from fastai.basics import *
learn = Learner(tiny().data, nn.Linear(2, 1), loss_func=F.mse_loss)
learn.TTA()
#: net of torchvision is named, runs as is
from fastai.vision import *
arch = models.resnet18
"""


def snippets() -> dict[str, tuple[str, str]]:
    """Code and verdict of each snippet, by its name."""
    parts = re.split(r"^#: (.*), ([\w ]+)\n", _SNIPPETS, flags=re.MULTILINE)[1:]
    return {
        name: (code, verdict)
        for name, verdict, code in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }
