"""The state of a fit is collected without changing it, and put back into objects of another one."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback, CallbackHandler
from fastloop_v1.resume.state_return import MismatchError
from fastloop_v1.resume.training_state import collect_state, module_modes, put_state_back


class Counts(Callback):
    """Counts batches."""

    def __init__(self):
        self.n = 0

    def on_batch_end(self, **state):
        """One more."""
        self.n += 1


def _learner(tmp_path, width=3):
    torch.manual_seed(width)
    points = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
    data = DataBunch(DataLoader(points, 4), DataLoader(points, 4), path=tmp_path, device="cpu")
    model = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))
    return Learner(
        data, model, loss_func=F.mse_loss, silent=True, opt_func=partial(torch.optim.SGD, momentum=0.9)
    )


def _begun(learn, callbacks):
    learn.create_opt(0.1)
    handler = CallbackHandler(callbacks)
    handler.on_train_begin(2, None, [])
    return handler


def _a_batch(learn, handler):
    xb, yb = next(iter(learn.data.train_dl))
    xb, yb = handler.on_batch_begin(xb, yb)
    loss, _ = handler.on_backward_begin(learn.loss_func(learn.model(xb), yb))
    loss.backward()
    learn.opt.step()
    handler.on_batch_end(loss.detach())


def test_state_of_one_fit_makes_another_one_the_same(tmp_path):
    learn = _learner(tmp_path)
    handler = _begun(learn, [Counts(), Counts()])
    handler.callbacks[1].n = 10
    _a_batch(learn, handler)
    table = collect_state(learn, handler)
    other = _learner(tmp_path)
    again = _begun(other, [Counts(), Counts()])
    assert put_state_back(table, other, again) == []
    assert table.differences(collect_state(other, again)) == []
    assert [cb.n for cb in again.callbacks] == [1, 11]
    assert again.state_dict["iteration"] == 1
    assert again.state_dict["smooth_loss"].item() == handler.state_dict["smooth_loss"].item()
    for ours in (learn, other):
        _a_batch(ours, handler if ours is learn else again)
    for one, two in zip(learn.model.state_dict().values(), other.model.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_collecting_changes_nothing(tmp_path):
    learn = _learner(tmp_path)
    handler = _begun(learn, [Counts()])
    _a_batch(learn, handler)
    table = collect_state(learn, handler)
    assert table.differences(collect_state(learn, handler)) == []
    assert table.not_kept == []


def test_changes_stand_in_the_state_that_is_collected_only(tmp_path):
    learn = _learner(tmp_path)
    handler = _begun(learn, [])
    table = collect_state(learn, handler, changes={"epoch": 7})
    put_state_back(table, learn, handler)
    assert handler.state_dict["epoch"] == 7


def test_state_of_another_model_is_refused(tmp_path):
    learn, other = _learner(tmp_path), _learner(tmp_path, width=4)
    table = collect_state(learn, _begun(learn, []))
    handler = _begun(other, [])
    before = [weight.clone() for weight in other.model.parameters()]
    with pytest.raises(MismatchError, match=r"model\.0\.weight is \(3, 2\)"):
        put_state_back(table, other, handler)
    assert all(torch.equal(one, two) for one, two in zip(before, other.model.parameters(), strict=True))


def test_modes_are_told_by_module():
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    model[1].eval()
    assert [mode for _, mode in module_modes(model)] == [True, True, False]
