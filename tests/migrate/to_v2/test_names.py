"""The names are those that callbacks, learners and models have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from fastloop_v1 import v2
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.migrate.to_v2.names import RESERVED, STEERING, learner_names, v2_names
from fastloop_v1.v2.learner_view import LearnerView


def test_all_names_of_a_v2_callback_are_reserved():
    names = {name for name in dir(v2.Callback) if not name.startswith("__")}
    assert names - {"__call__"} <= RESERVED | {"order"}


def test_public_names_of_learners_and_models_are_known():
    names = {*dir(Learner), *Learner.__dataclass_fields__, *dir(torch.nn.Module)}
    assert {name for name in names if not name.startswith("_")} <= learner_names()


def test_what_v2_shows_on_the_learner_is_known():
    dataset = TensorDataset(torch.ones(2, 1), torch.ones(2, 1))
    bunch = DataBunch.create(dataset, dataset, bs=2, num_workers=0)
    learn = Learner(bunch, torch.nn.Linear(1, 1), loss_func=F.mse_loss, silent=True, cbs=[v2.Callback()])
    learn.fit(1)
    shown = {name for name in dir(LearnerView(learn)) if not name.startswith("_")} | set(vars(learn))
    assert {name for name in shown if not name.startswith("_")} - {"callback"} <= learner_names()
    assert {"training", "loss_grad", "n_iter", "smooth_loss"} <= v2_names()


def test_names_that_v1_learners_have_are_not_of_v2():
    assert v2_names().isdisjoint({"model", "opt", "recorder", "path", "metrics", "layer_groups", "loss_func"})
    assert STEERING.isdisjoint(v2_names())
