"""A loader that keeps its own state goes on at once, with the random numbers of its workers."""

from __future__ import annotations

import random

import pytest
import torch
from scenario import Scenario, Stop, Stopped, learner, outcome, stateful_loader, train, undisturbed
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks import CheckpointCallback
from fastloop_v1.resume.worker_state import batches_with_worker_state

pytest.importorskip("torchdata")
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
ROWS, BATCH = 37, 8


class Rows(Dataset):
    """Rows with noise; the process that made it sees which were asked for, in any worker."""

    def __init__(self):
        self.asked = torch.zeros(ROWS, dtype=torch.int64).share_memory_()

    def __len__(self):
        return ROWS

    def __getitem__(self, i):
        self.asked[i] += 1
        return _sample(i)


class Stream(IterableDataset):
    """Rows one after the other, each worker its own; does not know its place."""

    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        yield from (_sample(i) for i in range(first, ROWS, step))


class StreamWithPlace(Stream):
    """Tells which row is the next one."""

    at = begin = 0

    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        self.at, self.begin = self.begin or first, 0
        while self.at < ROWS:
            self.at += step
            yield _sample(self.at - step)

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.begin = state["at"]


class Samples:
    """An iterator that knows its place, and draws a random number when it begins."""

    def __init__(self):
        worker = get_worker_info()
        self.at, self.step = (worker.id, worker.num_workers) if worker else (0, 1)
        self.shift = random.random()

    def __iter__(self):
        return self

    def __next__(self):
        self.at += self.step
        if self.at - self.step >= ROWS:
            raise StopIteration
        x, y = _sample(self.at - self.step)
        return x + self.shift, y

    def state_dict(self):
        return {"at": self.at, "shift": self.shift}

    def load_state_dict(self, state):
        self.at, self.shift = state["at"], state["shift"]


class StreamOfSamples(Stream):
    """Its iterators know their place, it does not."""

    def __iter__(self):
        return Samples()


class Log(Callback):
    """Writes down what went into the model."""

    def on_train_begin(self, **state):
        self.inputs = []

    def on_loss_begin(self, last_input, train, **state):
        if train:
            self.inputs.append(last_input.clone())


def _sample(i):
    return torch.full((4,), i / ROWS) + torch.randn(4) + random.random(), torch.tensor(float(i % 2))


def _trained(path, data, workers, *stops, seed=0, resume=None):
    """Train two epochs over such data; return the learner and the batches it saw."""
    torch.manual_seed(seed)
    random.seed(seed)
    loader = stateful_loader(data, BATCH, num_workers=workers)
    valid = DataLoader([(torch.zeros(4), torch.tensor(0.0))])
    model = nn.Sequential(nn.Linear(4, 1), nn.Dropout(0.2), nn.Flatten(0))
    learn = Learner(DataBunch(loader, valid, path=path), model, loss_func=nn.MSELoss(), silent=True)
    log = Log()
    keeper = CheckpointCallback(learn, every=1)
    try:
        learn.fit(2, 0.02, callbacks=[log, keeper, *stops], resume=resume)
    except Stopped:
        assert stops
    return log.inputs


def _goes_on_the_same(tmp_path, make, workers, k):
    expected = _trained(tmp_path / "whole", make(), workers)
    _trained(tmp_path / "parts", make(), workers, Stop("step_end", k))
    data = make()
    resumed = _trained(tmp_path / "parts", data, workers, seed=9, resume=True)
    assert len(resumed) == len(expected)
    assert all(map(torch.equal, resumed, expected))
    return data


@pytest.mark.parametrize(
    "changes",
    [{}, {"shuffle": False, "drop_last": True}, {"workers": 0}],
    ids=["shuffled", "in order", "here"],
)
def test_stop_in_a_fit_changes_nothing(tmp_path, changes):
    of = Scenario(**{"workers": 2, "every": 1, "stateful": True, **changes})
    stopped = learner(tmp_path, of)
    with pytest.raises(Stopped):
        train(stopped, of, Stop("step_end", 8))
    learn = learner(tmp_path, of, seed=100)
    train(learn, of, resume=True)
    assert outcome(learn) == undisturbed(of)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_before_are_not_read_again(tmp_path, workers):
    data = _goes_on_the_same(tmp_path, Rows, workers, 4)
    assert data.asked.tolist() == [1] * 24 + [2] * 13


@pytest.mark.parametrize(
    "kind", [pytest.param(Stream, marks=pytest.mark.slow), StreamWithPlace, StreamOfSamples]
)
@pytest.mark.parametrize(("workers", "k"), [(0, 4), pytest.param(1, 8, marks=pytest.mark.slow), (2, 4)])
def test_stream_goes_on_with_its_random_numbers(tmp_path, kind, workers, k, caplog):
    _goes_on_the_same(tmp_path, kind, workers, k)
    assert all("naively fast-forwarding" in record.message for record in caplog.records)
    assert bool(caplog.records) == (kind is Stream)


class Unseen:
    """Lets nobody look at what it holds."""

    def __getattribute__(self, name):
        raise RuntimeError("not to be looked at")


def test_data_set_that_holds_what_lets_nobody_look_gives_its_batches():
    data = Rows()
    data.unseen = Unseen()
    loader = stateful_loader(data, BATCH, num_workers=1)
    assert len(list(batches_with_worker_state(loader))) == 5


@pytest.mark.slow
def test_data_set_that_cannot_tell_is_read_again(tmp_path):
    rows = [_sample(i) for i in range(ROWS)]
    _goes_on_the_same(tmp_path, lambda: rows, 1, 4)


def test_worker_function_of_the_loader_is_called_and_stays(tmp_path):
    data, begun = Rows(), torch.zeros(2).share_memory_()

    def begin(worker_id):
        begun[worker_id] = 1 + get_worker_info().dataset.asked.sum()

    loader = stateful_loader(data, BATCH, num_workers=2, worker_init_fn=begin)
    bunch = DataBunch(loader, None, path=tmp_path)
    assert sum(len(x) for x, _ in bunch.train_dl) == ROWS
    assert begun.tolist() == [1, 1]
    assert loader.worker_init_fn is begin
    assert type(data) is Rows
