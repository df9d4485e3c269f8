from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import distributed, nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1 import distributed as ours
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.defaults import defaults
from fastloop_v1.distributed import (
    DistributedDataParallel,
    DistributedRecorder,
    OurDistributedSampler,
    read_metrics,
    rnn_reset,
    setup_distrib,
    to_distributed,
    to_parallel,
)

TWO_PROCESSES = """\
import os, sys
import torch, torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.distributed import setup_distrib, to_distributed

gpu = setup_distrib(sys.argv[1].partition("=")[2])
torch.manual_seed(0)
dataset = TensorDataset(torch.randn(8, 3), torch.randn(8, 2))
data = DataBunch(DataLoader(dataset, 2), DataLoader(dataset, 2))
path = os.path.dirname(__file__)
learn = Learner(data, nn.Linear(3, 2), torch.optim.SGD, F.mse_loss, path=path, silent=True)
to_distributed(learn, gpu)
learn.fit(2, 0.1)
torch.save(learn.model.state_dict(), os.path.join(path, f"weights_{gpu}.pt"))
"""

# Without an agreement the second process would wait for the first, which has left, in its next epoch.
ONE_STOPS = (
    TWO_PROCESSES.partition("learn.fit")[0]
    + """\
from fastloop_v1.callback import Callback

class StopHere(Callback):
    def on_epoch_end(self, epoch, **kwargs):
        return {"stop_training": epoch == 1} if gpu == 0 else None

learn.fit(4, 0.1, callbacks=StopHere())
open(os.path.join(path, f"epochs_{gpu}.txt"), "w").write(str(len(learn.recorder.val_losses)))
"""
)


class AtBatchBegin(Callback):
    """Notes the type of the model and how many samples a batch has."""

    def __init__(self, learn):
        self.lrn, self.seen = learn, []

    def on_batch_begin(self, last_input, **kwargs):
        self.seen.append((type(self.lrn.model).__name__, len(last_input)))


def _learner(path=".", *, shuffle=False, batch_size=4):
    torch.manual_seed(0)
    dataset = TensorDataset(torch.randn(8, 3), torch.randn(8, 2))
    data = DataBunch(DataLoader(dataset, batch_size, shuffle=shuffle), DataLoader(dataset, 4))
    return Learner(data, nn.Linear(3, 2), torch.optim.SGD, F.mse_loss, path=path, silent=True)


@pytest.fixture
def group(tmp_path):
    """A process group with this process alone."""
    distributed.init_process_group("gloo", init_method=(tmp_path / "meeting").as_uri(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def _weights(learn):
    return torch.cat([p.detach().reshape(-1) for p in learn.model.parameters()])


# --- one process --------------------------------------------------------------------------------------------


def test_process_alone_trains_as_ever(tmp_path):
    alone, plain = to_distributed(_learner(tmp_path), 0), _learner()
    data = alone.data.train_dl, alone.data.valid_dl
    alone.fit(2, 0.1)
    plain.fit(2, 0.1)
    assert torch.equal(_weights(alone), _weights(plain))
    assert (alone.data.train_dl, alone.data.valid_dl) == data


@pytest.mark.parametrize("gpu", [None, 0, "1"])
def test_setup_gives_the_number_of_the_gpu(gpu, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert setup_distrib(gpu) == (None if gpu is None else int(gpu))
    assert not distributed.is_initialized()


def test_model_in_a_group_is_wrapped_while_the_fit_lasts(group, tmp_path):
    learn, plain = to_distributed(_learner(tmp_path), 0), _learner()
    model, loaders = learn.model, (learn.data.train_dl, learn.data.valid_dl)
    note = AtBatchBegin(learn)
    learn.fit(1, 0.1, callbacks=note)
    plain.fit(1, 0.1)
    assert {name for name, _ in note.seen} == {"DistributedDataParallel"}
    assert learn.model is model
    assert (learn.data.train_dl, learn.data.valid_dl) == loaders
    assert torch.allclose(_weights(learn), _weights(plain))


def test_model_and_data_are_put_back_after_an_error(group, tmp_path):
    learn = to_distributed(_learner(tmp_path), 0)
    model, loaders = learn.model, (learn.data.train_dl, learn.data.valid_dl)
    learn.loss_func = lambda out, target: out.no_such_thing
    with pytest.raises(AttributeError):
        learn.fit(1, 0.1)
    assert learn.model is model
    assert (learn.data.train_dl, learn.data.valid_dl) == loaders


@pytest.mark.parametrize("quirks", [False, True])
def test_bug_77_order_of_another_run_is_another_one(group, tmp_path, monkeypatch, quirks):
    monkeypatch.setattr(defaults, "v1_quirks", quirks)
    orders = []
    for seed in (1, 2):
        learn = to_distributed(_learner(tmp_path, shuffle=True), 0)
        torch.manual_seed(seed)
        _, dl, sampler = learn.distributed_trainer._change_dl(learn.data.train_dl, shuffle=True)
        orders.append(list(sampler))
        assert dl.sampler is sampler
    assert (orders[0] == orders[1]) is quirks


def test_model_is_split_over_gpus_while_the_fit_lasts():
    learn = to_parallel(_learner())
    model, note = learn.model, AtBatchBegin(learn)
    learn.fit(1, 0.1, callbacks=note)
    assert {name for name, _ in note.seen} == {"DataParallel"}
    assert learn.model is model


class Recurrent(nn.Linear):
    """Counts resets."""

    resets = 0

    def reset(self):
        self.resets += 1


def test_wrapper_resets_a_recurrent_model(group):
    model = DistributedDataParallel(Recurrent(1, 1))
    model.reset()
    assert model.module.resets == 1


def test_model_without_reset_is_let_be():
    rnn_reset(nn.DataParallel(nn.Linear(1, 1)))


def test_learner_is_found_here_as_in_v1():
    assert ours.Learner is Learner
    with pytest.raises(AttributeError, match="no attribute"):
        _ = ours.no_such_name


# --- shares -------------------------------------------------------------------------------------------------


def test_shares_cover_the_data_with_equal_sizes():
    shares = [list(OurDistributedSampler(range(7), 3, rank, shuffle=False)) for rank in range(3)]
    assert [len(share) for share in shares] == [3, 3, 3]
    assert sorted(sum(shares, [])) == sorted([*range(7), 0, 1])


def test_order_follows_from_seed_and_epoch():
    sampler, same, other = (OurDistributedSampler(range(20), 1, 0, seed=seed) for seed in (3, 3, 4))
    assert list(sampler) == list(same) != list(other)
    same.set_epoch(1)
    assert list(sampler) != list(same)


def test_process_alone_has_all_samples(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert sorted(OurDistributedSampler(range(5))) == list(range(5))


# --- what was written down ----------------------------------------------------------------------------------


def test_losses_and_metrics_of_processes_are_read(tmp_path):
    learners = [_learner(tmp_path) for _ in range(2)]
    for number, learn in enumerate(learners):
        learn.metrics = [F.l1_loss]
        learn.fit(2, 0.1 * (number + 1), callbacks=DistributedRecorder(learn, number))
    folder = tmp_path / "models" / "tmp"
    losses, metrics = read_metrics(folder, 2)
    expected = np.mean([learn.recorder.val_losses for learn in learners], axis=0)
    assert np.allclose(losses, expected)
    assert metrics.shape == (2, 1)
    separate = read_metrics(folder, 2, reduce=False)[0]
    assert [list(part) for part in separate] == [
        pytest.approx(learn.recorder.val_losses) for learn in learners
    ]


def test_epoch_without_validation_is_written_as_nan(tmp_path):
    learn = _learner(tmp_path)
    learn.data.valid_dl = None
    learn.fit(1, 0.1, callbacks=DistributedRecorder(learn, cache_dir="numbers"))
    losses, metrics = read_metrics(tmp_path / "models" / "numbers", 1)
    assert np.isnan(losses).tolist() == [True]
    assert metrics.size == 0


# --- two processes ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_train_as_one_with_their_batches_together(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(TWO_PROCESSES)
    subprocess.run([sys.executable, "-m", "fastloop_v1.launch", "--gpus=01", str(script)], check=True)
    first, second = (torch.load(tmp_path / f"weights_{i}.pt", weights_only=True) for i in range(2))
    one = _learner(batch_size=4)
    one.fit(2, 0.1)
    for name, value in one.model.state_dict().items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(first[name], value, atol=1e-6)
    losses, _ = read_metrics(tmp_path / "models" / "tmp", 2)
    assert np.allclose(losses, one.recorder.val_losses, atol=1e-6)


@pytest.mark.slow
def test_bug_78_training_that_one_process_ends_is_over_for_all(tmp_path):
    script = tmp_path / "stop.py"
    script.write_text(ONE_STOPS)
    command = [sys.executable, "-m", "fastloop_v1.launch", "--gpus=01", str(script)]
    subprocess.run(command, check=True, timeout=120)
    assert [(tmp_path / f"epochs_{i}.txt").read_text() for i in range(2)] == ["2", "2"]
