"""Train a small convolutional net on the handwritten digits that come with the package."""

from __future__ import annotations

import torch
from torch import nn

from fastloop_v1.basic_train import Learner
from fastloop_v1.datasets import digits
from fastloop_v1.layers import PoolFlatten, conv_layer
from fastloop_v1.metrics import accuracy
from fastloop_v1.torch_core import set_all_seed

set_all_seed(42)
torch.set_num_threads(1)  # batches this small are faster in one thread

data = digits(bs=64, valid_pct=0.2, seed=42)
net = nn.Sequential(
    conv_layer(1, 16),
    conv_layer(16, 32),
    nn.MaxPool2d(2),
    conv_layer(32, 64),
    PoolFlatten(),
    nn.Linear(64, 10),
)
learn = Learner(data, net, loss_func=nn.CrossEntropyLoss(), metrics=[accuracy])

learn.lr_find()
print("lr_find suggests", learn.recorder.suggestions())

learn.fit_one_cycle(6, 1e-2)
print("accuracy", float(learn.recorder.metrics[-1][0]))
print("saved", learn.save("digits", return_path=True))
