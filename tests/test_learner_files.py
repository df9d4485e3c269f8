"""Weights and optimizer states are saved whole, without code, and come back."""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.checkpoint import RefusedFileError, load_state
from fastloop_v1.errors import FastloopWarning, UnwritablePathError
from fastloop_v1.learner_callback import LearnerCallback

ARTIFACTS = Path(__file__).with_name("artifacts")
BATCHES = [(torch.ones(4, 3) * i, torch.ones(4, 1)) for i in (1.0, 2.0)]
SGD = partial(torch.optim.SGD, momentum=0.9)


def network(seed=0):
    """Return a model with buffers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))


def learner(path, seed=0, **options):
    given = {"model": network(seed), "loss_func": F.mse_loss, "silent": True, "path": path}
    return Learner(DataBunch(BATCHES, None), **{**given, **options})


def trained(path, **options):
    learn = learner(path, **options)
    learn.fit(1, 0.1)
    return learn


def values(state):
    """Return all tensors and numbers of a state in order, as lists."""
    if isinstance(state, dict):
        return [value for key in state for value in values(state[key])]
    if isinstance(state, (list, tuple)):
        return [value for each in state for value in values(each)]
    return [state.tolist() if isinstance(state, torch.Tensor) else state]


def in_file(learn, name="a"):
    """Return what a file holds, read by torch's own safe reader."""
    return torch.load(learn.path / learn.model_dir / f"{name}.pth", weights_only=True)


# --- round trips --------------------------------------------------------------------------------------------


def test_saved_weights_and_buffers_come_back(tmp_path):
    learn = trained(tmp_path)
    assert learn.save("a") is None
    assert os.listdir(tmp_path / "models") == ["a.pth"]
    other = learner(tmp_path, seed=1)
    assert other.load("a") is other
    assert values(other.model.state_dict()) == values(learn.model.state_dict())
    assert other.model[1].num_batches_tracked == 2


@pytest.mark.parametrize("opt_func", [SGD, torch.optim.Adam, partial(torch.optim.RMSprop, momentum=0.5)],
                         ids=["SGD", "Adam", "RMSprop"])  # fmt: skip
def test_training_goes_on_after_loading_as_it_would_have_without(tmp_path, opt_func):
    learn, other = trained(tmp_path, opt_func=opt_func), trained(tmp_path, opt_func=opt_func, seed=1)
    learn.save("a")
    other.load("a")
    assert values(other.opt.state_dict()) == values(learn.opt.state_dict())
    for each in (learn, other):
        each.fit(1, 0.05)
    assert values(other.model.state_dict()) == values(learn.model.state_dict())


def test_optimizer_is_made_for_the_state_in_the_file(tmp_path):
    trained(tmp_path).save("a")
    learn = learner(tmp_path).load("a")
    assert {int(state["step"]) for state in learn.opt.opt.state.values()} == {2}
    assert learn.opt.wd == learn.wd


def test_weights_are_saved_alone_if_asked_or_without_an_optimizer(tmp_path):
    learn = learner(tmp_path)
    learn.save("a")
    assert set(in_file(learn)) == set(learn.model.state_dict())
    learn.fit(1)
    learn.save("a", with_opt=False)
    assert set(in_file(learn)) == set(learn.model.state_dict())
    learn.save("a")
    assert set(in_file(learn)) == {"model", "opt"}


def test_state_of_the_optimizer_is_left_out_if_asked(tmp_path):
    trained(tmp_path).save("a")
    learn = learner(tmp_path).load("a", with_opt=False)
    assert getattr(learn, "opt", None) is None


def test_missing_state_of_the_optimizer_is_told_if_asked_for(tmp_path):
    learner(tmp_path).save("a")
    with pytest.warns(FastloopWarning, match="Saved file doesn't contain an optimizer state"):
        learner(tmp_path).load("a", with_opt=True)


def test_path_is_returned_if_asked(tmp_path):
    learn = learner(tmp_path, model_dir="here")
    assert learn.save("a", return_path=True) == tmp_path / "here" / "a.pth"
    assert learn.save(Path("b"), return_path=True) == tmp_path / "here" / "b.pth"
    assert learn.save("deep/er.1", return_path=True).is_file()
    learn.path, learn.model_dir = str(tmp_path), "."
    assert learn.save("c", return_path=True) == tmp_path / "c.pth"


def test_open_file_is_written_and_read(tmp_path):
    learn, file = trained(tmp_path), io.BytesIO()
    learn.save(file)
    file.seek(0)
    other = learner(tmp_path, seed=1).load(file)
    assert values(other.model.state_dict()) == values(learn.model.state_dict())
    assert os.listdir(tmp_path) == []


def test_learner_over_plain_data_saves_and_loads(tmp_path):
    data = SimpleNamespace(train_dl=BATCHES, valid_dl=None, empty_val=True)
    learn = Learner(data, network(), loss_func=F.mse_loss, path=tmp_path, silent=True)
    learn.fit(1)
    learn.save("a")
    assert learn.load("a", device="cpu").load("a") is learn


def test_model_inside_a_parallel_wrapper_is_saved_and_loaded_bare(tmp_path):
    learn = learner(tmp_path)
    learn.model = nn.DataParallel(learn.model)
    learn.save("a")
    assert set(in_file(learn)) == set(network().state_dict())
    learn.load("a")


def test_names_from_a_parallel_wrapper_are_shortened(tmp_path):
    learn = learner(tmp_path, seed=1)
    (tmp_path / "models").mkdir()
    torch.save({f"module.{name}": value for name, value in network().state_dict().items()},
               tmp_path / "models" / "a.pth")  # fmt: skip
    for options in ({}, {"remove_module": True}):
        learn.model = network(1)
        learn.load("a", **options)
        assert values(learn.model.state_dict()) == values(network().state_dict())


def test_weights_that_are_not_all_there_are_refused_unless_not_strict(tmp_path):
    learn = learner(tmp_path, seed=1)
    learn.save("a")
    state = in_file(learn)
    del state["0.bias"]
    torch.save(state, tmp_path / "models" / "a.pth")
    other = learner(tmp_path, seed=2)
    bias = other.model[0].bias.detach().clone()
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.bias"):
        other.load("a")
    other.load("a", strict=False)
    assert torch.equal(other.model[0].weight, learn.model[0].weight)
    assert torch.equal(other.model[0].bias, bias)


# --- what a file may hold -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lr", [slice(0.1), np.float64(0.1), [np.float32(0.25)]], ids=["slice", "float64", "list"]
)
def test_rates_of_numpy_are_written_as_plain_numbers(tmp_path, lr):
    learn = learner(tmp_path)
    learn.fit(1, lr)
    learn.save("a")
    rates = [group["lr"] for group in in_file(learn)["opt"]["param_groups"]]
    assert {type(rate) for rate in rates} == {float}
    assert rates == [float(rate) for rate in learn.opt._lr * 2]


@pytest.mark.parametrize("change", ["freeze", "unfreeze"])
def test_learner_frozen_or_thawed_since_the_last_fit_is_saved_and_loaded(tmp_path, change):
    learn = learner(tmp_path, opt_func=SGD).split(lambda model: [model[0], model[2]])
    getattr(learn, change)()
    learn.save("a")
    assert {group["lr"] for group in in_file(learn)["opt"]["param_groups"]} == {3e-3}
    learn.load("a")
    learn.fit(1)


def test_slice_that_v1_wrote_as_a_rate_is_read(tmp_path):
    learn = learner(tmp_path, opt_func=SGD)
    learn.unfreeze()
    (tmp_path / "models").mkdir()
    torch.save({"model": learn.model.state_dict(), "opt": learn.opt.state_dict()},
               tmp_path / "models" / "a.pth", _use_new_zipfile_serialization=False)  # fmt: skip
    learn.load("a")
    assert learn.opt.opt.param_groups[0]["lr"] == slice(3e-3)


@pytest.mark.parametrize(
    ("name", "model", "opt_func", "split"),
    [
        ("pth_adam_onecycle",
         nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)),
         torch.optim.Adam, None),
        ("pth_rms_skipopt", nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)),
         torch.optim.RMSprop, None),
        ("pth_sgd_groups", nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 2)),
         SGD, lambda model: [model[0], model[2], model[3]]),
    ],
    ids=["Adam", "RMSprop", "SGD in groups"],
)  # fmt: skip
def test_weights_and_optimizer_of_v1_are_loaded(tmp_path, name, model, opt_func, split):
    learn = learner(ARTIFACTS, model=model, opt_func=opt_func, model_dir=".")
    if split is not None:
        learn.split(split)
    learn.load(name)
    file = torch.load(ARTIFACTS / f"{name}.pth", weights_only=False)
    assert values(learn.model.state_dict()) == values(file["model"])
    assert values(learn.opt.state_dict()["state"]) == values(file["opt"]["state"])
    for key in set(file["opt"]["param_groups"][0]) - {"params"}:
        assert [g[key] for g in learn.opt.opt.param_groups] == [g[key] for g in file["opt"]["param_groups"]]
    (model(torch.ones(2, model[0].in_features)) ** 2).sum().backward()
    learn.opt.lr = 0.1
    learn.opt.step()


def test_bug_71_file_with_code_is_refused_and_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    learn = trained(tmp_path)
    before = values(learn.model.state_dict()), values(learn.opt.state_dict())
    (tmp_path / "models").mkdir()
    torch.save({"model": learn.model.state_dict(), "opt": Evil()}, tmp_path / "models" / "a.pth")
    with pytest.raises(RefusedFileError, match="Nothing in it was run"):
        learn.load("a")
    assert not (tmp_path / "canary").exists()
    assert (values(learn.model.state_dict()), values(learn.opt.state_dict())) == before


# --- states that do not fit ---------------------------------------------------------------------------------


def states_that_do_not_fit(path):
    """Return optimizer states of another kind of optimizer, of other layer groups, and of none."""
    adam, sgd = (trained(path, opt_func=func).opt.state_dict() for func in (torch.optim.Adam, SGD))
    split = learner(path, opt_func=SGD).split(lambda model: [model[0], model[2]])
    split.fit(1)
    nothing = {"state": {}, "param_groups": [{**group, "params": []} for group in sgd["param_groups"]]}
    return {"SGD": [adam, split.opt.state_dict(), nothing, None, {}], "Adam": [sgd, {"state": {}}]}


@pytest.mark.parametrize(
    ("opt_func", "number", "reason"),
    [
        pytest.param(SGD, 0, "it has no dampening, momentum; another kind", id="Adam into SGD"),
        pytest.param(SGD, 1, "different number of parameter groups", id="more groups"),
        pytest.param(SGD, 2, "doesn't match the size of optimizer's group", id="fewer parameters"),
        pytest.param(SGD, 3, "NoneType", id="none"),
        pytest.param(SGD, 4, "param_groups", id="empty"),
        pytest.param(torch.optim.Adam, 0, "KeyError: 'step'", id="SGD into Adam"),
        pytest.param(torch.optim.Adam, 1, "param_groups", id="half of a state"),
    ],
)
def test_bug_38_state_that_does_not_fit_is_told_and_leaves_the_optimizer(tmp_path, opt_func, number, reason):
    learn = trained(tmp_path, opt_func=opt_func)
    kind = "SGD" if opt_func is SGD else "Adam"
    state = states_that_do_not_fit(tmp_path)[kind][number]
    (tmp_path / "models").mkdir()
    torch.save({"model": network(3).state_dict(), "opt": state}, tmp_path / "models" / "a.pth")
    before = values(learn.opt.state_dict())
    with pytest.warns(FastloopWarning, match=f"does not fit and was not loaded .*{reason}"):
        learn.load("a")
    assert values(learn.opt.state_dict()) == before
    assert values(learn.model.state_dict()) == values(network(3).state_dict())
    learn.fit_one_cycle(1)


# --- files --------------------------------------------------------------------------------------------------


def test_bug_74_failing_save_leaves_the_old_file(tmp_path):
    learn = trained(tmp_path)
    learn.save("a")
    before = (tmp_path / "models" / "a.pth").read_bytes()
    learn.opt.opt.param_groups[0]["hook"] = lambda: None
    with pytest.raises(Exception, match="lambda"):
        learn.save("a")
    assert (tmp_path / "models" / "a.pth").read_bytes() == before
    assert os.listdir(tmp_path / "models") == ["a.pth"]


def test_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    for kind in (UnwritablePathError, OSError):
        with pytest.raises(kind, match=r"plain/a\.pth cannot be written"):
            learner(tmp_path, model_dir="plain").save("a")


def test_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        learner(tmp_path).load("a")


# --- letting go ---------------------------------------------------------------------------------------------


class Extra(LearnerCallback):
    """Stands on the learner."""


def test_purge_drops_callbacks_of_earlier_fits_and_the_optimizer(tmp_path):
    kept = Callback()
    learn = learner(tmp_path, callback_fns=Extra, callbacks=kept)
    learn.kept, learn.number = kept, 3
    learn.fit(1)
    assert learn.purge() is learn
    assert not {"recorder", "extra", "opt"} & set(vars(learn))
    assert (learn.callbacks, learn.kept, learn.number) == ([kept], kept, 3)
    learn.fit(1)
    assert len(learn.recorder.losses) == 2


def test_purge_keeps_the_optimizer_if_asked(tmp_path):
    learn = trained(tmp_path)
    opt = learn.opt
    assert learn.purge(clear_opt=False).opt is opt


@pytest.mark.parametrize("with_opt", [None, True, False])
def test_load_purges_if_asked(tmp_path, with_opt):
    learn = trained(tmp_path)
    learn.save("a")
    learn.load("a", purge=True, with_opt=with_opt)
    assert "recorder" not in vars(learn)
    assert {int(state["step"]) for state in learn.opt.opt.state.values()} == {2}


def test_destroyed_learner_only_warns(tmp_path):
    learn = trained(tmp_path)
    learn.destroy()
    assert vars(learn) == {}
    assert isinstance(learn, Learner)
    for call in (
        lambda: learn.fit(1),
        lambda: learn.save("a"),
        lambda: learn.get_preds(),
        lambda: learn.destroy(),
    ):
        with pytest.warns(FastloopWarning, match="This learner was destroyed"):
            assert call() is None


# --- formats and parallel models ---


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older format"])
@pytest.mark.parametrize("with_opt", [True, False], ids=["optimizer", "weights"])
@pytest.mark.parametrize("from_parallel", [True, False], ids=["from parallel", "from plain"])
@pytest.mark.parametrize("to_parallel", [True, False], ids=["to parallel", "to plain"])
def test_weights_of_any_form_are_read(tmp_path, zipped, with_opt, from_parallel, to_parallel):
    wrap = {True: nn.DataParallel, False: lambda module: module}
    source = wrap[from_parallel](network(1))
    opt = torch.optim.Adam(source.parameters()).state_dict()
    state = {"model": source.state_dict(), "opt": opt} if with_opt else source.state_dict()
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    learn = learner(tmp_path, model=wrap[to_parallel](network(0)), model_dir=".")
    learn.load("a", with_opt=False)
    for found, expected in zip(learn.model.parameters(), source.parameters(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("state", [[1], {"model": 1, "opt": {}}, {1: 2}], ids=repr)
def test_file_that_holds_no_weights_is_refused(tmp_path, state):
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(RefusedFileError, match=r"a\.pth was not loaded: it holds no weights by name"):
        learner(tmp_path, model_dir=".").load("a")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.uint16, torch.bfloat16, torch.complex64])
def test_numbers_of_newer_types_are_read(tmp_path, dtype):
    expected = torch.ones(2, 2).to(dtype)
    if dtype is torch.uint16 and torch.__version__.startswith("2.4."):
        pytest.skip("torch 2.4 cannot write it")
    torch.save({"a": expected}, tmp_path / "a.pth")
    found = load_state(tmp_path / "a.pth")["a"]
    assert found.dtype == dtype
    assert torch.equal(found.view(torch.uint8), expected.view(torch.uint8))
