"""An exported learner predicts the same numbers elsewhere, and nothing in the file is run."""

from __future__ import annotations

import io
import os
from pathlib import Path
from pickle import PicklingError

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.basic_train import Learner, RecordOnCPU, load_learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.one_cycle import OneCycleScheduler
from fastloop_v1.callbacks.stop_after_n_batches import StopAfterNBatches
from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import FastloopWarning, UnexportableError, UnwritablePathError
from fastloop_v1.exports.exported_learner import load_callback, read_export
from fastloop_v1.learner_callback import LearnerCallback

GENERATOR = torch.Generator().manual_seed(0)
SET = TensorDataset(torch.randn(8, 3, generator=GENERATOR), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))


def learner(path, **options):
    torch.manual_seed(0)
    valid = TensorDataset(*SET.tensors)
    valid.get_state = lambda: {"classes": ["a", "b", "c"], "c": 3}
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    data = DataBunch(DataLoader(SET, 4), DataLoader(valid, 4), path=path)
    given = {"model": model, "loss_func": nn.CrossEntropyLoss(), "silent": True}
    return Learner(data, **{**given, **options})


class OwnModel(nn.Linear):
    """A class the package does not know."""


# --- export and load_learner --------------------------------------------------------------------------------


def test_loaded_learner_predicts_the_same_numbers(tmp_path):
    learn = learner(tmp_path)
    learn.fit_one_cycle(2, 0.01)
    learn.export()
    other = load_learner(tmp_path)
    for x, _ in SET:
        (name, index, raw), expected = other.predict(x), learn.predict(x)
        assert torch.equal(raw, expected[2])
        assert (name, index) == (["a", "b", "c"][expected[1]], expected[1])
    assert other.path == other.data.path == tmp_path


def test_loaded_learner_has_the_settings(tmp_path):
    learn = learner(tmp_path, opt_func=torch.optim.SGD, metrics=F.cross_entropy, true_wd=False, bn_wd=False,
                    wd=0.5, train_bn=False, model_dir="here")  # fmt: skip
    learn.export()
    other = load_learner(tmp_path)
    names = ("opt_func", "metrics", "true_wd", "bn_wd", "wd", "train_bn", "model_dir")
    assert [getattr(other, name) for name in names] == [getattr(learn, name) for name in names]
    assert type(other.loss_func) is nn.CrossEntropyLoss
    assert type(other) is Learner
    assert [maker.keywords for maker in other.callback_fns] == [{"add_time": True, "silent": True}]


def test_loaded_learner_has_no_items_and_the_description_of_the_data(tmp_path):
    learner(tmp_path).export()
    data = load_learner(tmp_path).data
    assert (data.is_empty, data.empty_val, data.classes, data.c) == (True, True, ["a", "b", "c"], 3)
    with pytest.raises(IndexError, match="an exported learner has no items"):
        data.valid_ds[0]


def test_loaded_learner_takes_test_data(tmp_path):
    learn = learner(tmp_path)
    learn.export()
    preds, _ = load_learner(tmp_path, test=SET.tensors[0]).get_preds(DatasetType.Test)
    assert torch.allclose(preds, learn.get_preds()[0], atol=1e-6)


def test_loaded_learner_is_trained_on(tmp_path):
    learner(tmp_path).export()
    learn = load_learner(tmp_path)
    learn.data = learner(tmp_path).data
    learn.fit(1)
    assert len(learn.recorder.losses) == 2


def test_export_has_a_name_or_is_an_open_file(tmp_path):
    learn, file = learner(tmp_path), io.BytesIO()
    learn.export("b.pkl")
    learn.export(file)
    file.seek(0)
    assert os.listdir(tmp_path) == ["b.pkl"]
    for each in (load_learner(tmp_path, "b.pkl"), load_learner(tmp_path, file)):
        assert torch.equal(each.predict(SET[0][0])[2], learn.predict(SET[0][0])[2])


def test_export_leaves_the_learner_as_it_was(tmp_path):
    learn = learner(tmp_path)
    learn.fit(1)
    model, opt = learn.model, learn.opt
    learn.export()
    assert (learn.model, learn.opt) == (model, opt)
    learn.fit(1)


def test_export_destroys_the_learner_if_asked(tmp_path):
    learn = learner(tmp_path)
    learn.export(destroy=True)
    with pytest.warns(FastloopWarning, match="destroyed"):
        learn.fit(1)
    assert load_learner(tmp_path).predict(SET[0][0])


def test_export_without_a_description_of_the_data_predicts_numbers(tmp_path):
    data = DataBunch([SET.tensors], None, path=tmp_path)
    learn = Learner(data, nn.Linear(3, 3), loss_func=nn.CrossEntropyLoss())
    learn.export()
    assert load_learner(tmp_path).predict(SET[0][0])[:2] == learn.predict(SET[0][0])[:2]


def test_callbacks_come_back_with_their_state(tmp_path):
    learn = learner(tmp_path, callbacks=[RecordOnCPU()])
    learn.callbacks.append(OneCycleScheduler(learn, 0.25, pct_start=0.5))
    learn.callbacks[0].number = 7
    learn.export()
    other = load_learner(tmp_path)
    record, cycle = other.callbacks
    assert (type(record), record.number) == (RecordOnCPU, 7)
    assert (type(cycle), cycle.lr_max, cycle.pct_start) == (OneCycleScheduler, 0.25, 0.5)
    assert cycle.learn is other


# --- what a file may hold -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["export.pkl", "folder"])
def test_bug_72_two_callbacks_of_one_class_come_back(tmp_path, file):
    learn = learner(tmp_path)
    learn.callbacks = [RecordOnCPU(), StopAfterNBatches(2), StopAfterNBatches(5)]
    learn.export(file)
    loaded = load_learner(tmp_path, file).callbacks
    assert [type(cb) for cb in loaded] == [type(cb) for cb in learn.callbacks]
    assert [cb.n_batches for cb in loaded[1:]] == [cb.n_batches for cb in learn.callbacks[1:]]


@pytest.mark.parametrize("file", ["export.pkl", "folder"])
def test_bug_75_all_parts_that_cannot_be_written_are_listed(tmp_path, file):
    learn = learner(tmp_path)
    learn.export(file)
    learn.metrics, learn.opt_func = (
        [F.l1_loss, lambda out, y: out.mean()],
        lambda groups: torch.optim.SGD(groups, 0.1),
    )
    with pytest.raises(
        UnexportableError, match=r"(?s)opt_func \(.*lambda.*metrics\[1\] \(.*lambda"
    ) as raised:
        learn.export(file)
    assert isinstance(raised.value, PicklingError)
    assert load_learner(tmp_path, file).metrics == learner(tmp_path).metrics


def test_bug_71_export_with_code_is_refused_and_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    learn = learner(tmp_path)
    learn.loss_func = Evil()
    learn.export()
    with pytest.raises(RefusedFileError, match=r"mkdir.*Nothing in it was run"):
        load_learner(tmp_path)
    assert not (tmp_path / "canary").exists()


def test_class_of_ones_own_is_read_if_trusted(tmp_path):
    learn = learner(tmp_path, model=OwnModel(3, 3))
    learn.export()
    name = f"{OwnModel.__module__}.OwnModel"
    with pytest.raises(RefusedFileError, match="OwnModel"):
        load_learner(tmp_path)
    other = load_learner(tmp_path, trust=[name])
    assert type(other.model) is OwnModel
    assert torch.equal(other.model.weight, learn.model.weight)


@pytest.mark.parametrize("name", ["export_clas.pkl", "export_reg.pkl"])
def test_export_of_v1_is_read_and_predicts(name):
    learn = load_learner(Path(__file__).with_name("artifacts"), name)
    first = next(module for module in learn.model.modules() if isinstance(module, nn.Linear))
    item = torch.ones(first.in_features)
    with torch.no_grad():
        expected = learn.model.eval()(item[None])[0]
    raw = learn.predict(item)[2]
    assert raw.shape == expected.shape
    assert raw.isfinite().all()


# --- files --------------------------------------------------------------------------------------------------


def test_bug_74_failing_export_leaves_the_old_file(tmp_path):
    learn = learner(tmp_path)
    learn.export()
    before = (tmp_path / "export.pkl").read_bytes()
    learn.metrics = [lambda out, y: 0]
    with pytest.raises(Exception, match="lambda"):
        learn.export()
    assert (tmp_path / "export.pkl").read_bytes() == before
    assert os.listdir(tmp_path) == ["export.pkl"]


def test_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(UnwritablePathError, match=r"plain/export\.pkl cannot be written"):
        learner(tmp_path / "plain").export()


# --- parts --------------------------------------------------------------------------------------------------


def test_callback_is_made_from_its_state():
    class Plain(Callback):
        def __init__(self, size):
            self.size = size

    class OfLearner(LearnerCallback):
        def __init__(self, learn, clip=1.0):
            super().__init__(learn)
            self.clip = clip

    plain = load_callback(Plain, {"size": 3, "seen": [1]}, None)
    assert (plain.size, plain.seen) == (3, [1])
    learn = Learner(DataBunch([SET.tensors], None), nn.Linear(3, 3), silent=True)
    of_learner = load_callback(OfLearner, {"clip": 0.5, "count": np.int64(2)}, learn)
    assert (of_learner.clip, of_learner.count, of_learner.learn) == (0.5, 2, learn)


def test_read_export_gives_what_makes_a_learner(tmp_path):
    learner(tmp_path).export()
    state = read_export(tmp_path, "export.pkl", device="cpu")
    settings = {"opt_func", "loss_func", "metrics", "true_wd", "bn_wd", "wd", "train_bn", "model_dir"}
    assert set(state) == settings | {"callback_fns", "cb_state", "model", "data", "cls"}
    assert isinstance(state["data"], DataBunch)


def test_callback_has_the_attributes_it_was_saved_with_whatever_its_constructor_makes_of_them():
    stop = StopAfterNBatches(5)
    assert load_callback(StopAfterNBatches, stop.get_state(), None).get_state() == stop.get_state()


def test_v1_quirks_take_attributes_for_arguments(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    loaded = load_callback(StopAfterNBatches, StopAfterNBatches(5).get_state(), None)
    assert loaded.get_state() == StopAfterNBatches(4).get_state()
