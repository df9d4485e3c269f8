"""What is saved is whole and of this fit, and what is loaded in the end is the best of it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest
import torch

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.save_model import SaveModelCallback
from fastloop_v1.checkpoint import load_state
from fastloop_v1.errors import FastloopWarning
from fastloop_v1.exports.exported_learner import load_callback


def weights(learn):
    return torch.cat([param.detach().reshape(-1).clone() for param in learn.model.parameters()])


class Weights(Callback):
    """Keeps the weights each epoch ends with."""

    def __init__(self, learn):
        self.learn, self.after = learn, []

    def on_epoch_end(self, **kwargs):
        self.after.append(weights(self.learn))


def files(learn):
    return sorted(path.name for path in Path(learn.path).rglob("*") if path.is_file())


def in_file(learn, name="bestmodel"):
    state = load_state(Path(learn.path) / learn.model_dir / f"{name}.pth")
    return torch.cat([value.reshape(-1) for value in state.get("model", state).values()])


@pytest.mark.parametrize(
    ("losses", "mode", "best"),
    [
        ([3, 1, 2], "auto", 1),
        ([3, 1, 2], "max", 0),
        ([3, 1, 1], "auto", 1),
        ([3, float("nan"), 2], "auto", 2),
    ],
)
def test_best_model_is_saved_and_loaded_in_the_end(line_learner, told_loss, losses, mode, best):
    learn = line_learner()
    kept = Weights(learn)
    learn.fit(3, 0.1, callbacks=[told_loss(*losses), kept, SaveModelCallback(learn, mode=mode)])
    assert torch.equal(weights(learn), kept.after[best])
    assert torch.equal(in_file(learn), kept.after[best])
    assert files(learn) == ["bestmodel.pth"]


def test_every_epoch_is_saved_under_its_number(line_learner):
    learn = line_learner()
    kept = Weights(learn)
    learn.fit(2, 0.1, callbacks=[kept, SaveModelCallback(learn, every="epoch", name="sub/m")])
    assert files(learn) == ["m_0.pth", "m_1.pth"]
    for epoch in range(2):
        assert torch.equal(in_file(learn, f"sub/m_{epoch}"), kept.after[epoch])
    assert torch.equal(weights(learn), kept.after[1])


def test_unknown_word_for_when_to_save_is_taken_as_improvement_with_a_warning(line_learner):
    with pytest.warns(FastloopWarning, match='every never is invalid, falling back to "improvement"'):
        callback = SaveModelCallback(line_learner(), every="never")
    assert callback.every == "improvement"


def test_message_is_v1s(line_learner, told_loss, capsys):
    learn = line_learner(silent=False)
    learn.fit(2, 0.1, callbacks=[told_loss(0.5, 0.75), SaveModelCallback(learn)])
    said = capsys.readouterr().out
    assert said.count("Better model found") == 1
    assert "\nBetter model found at epoch 0 with valid_loss value: 0.5.\n" in said


def test_default_fit_with_optimizer_state_is_saved_and_loaded(line_learner, told_loss):
    learn = line_learner()
    kept = Weights(learn)
    learn.fit_one_cycle(3, callbacks=[told_loss(2, 1, 3), kept, SaveModelCallback(learn)])
    assert torch.equal(weights(learn), kept.after[1])


# --- only what this fit saved -----------------------------------------------------------------------------


@pytest.fixture
def with_old_file(line_learner):
    """A learner with the best model of somebody else, and the weights in it."""
    learn = line_learner()
    learn.save("bestmodel")
    return learn, weights(learn)


def test_bug_47_best_model_of_another_fit_is_not_loaded(with_old_file, told_metric):
    learn, old = with_old_file
    learn.metrics = [told_metric(float("nan"), name="score")]
    learn.fit(1, 0.1, callbacks=SaveModelCallback(learn, monitor="score"))
    assert not torch.equal(weights(learn), old)


def test_bug_47_v1_loads_what_is_there(with_old_file, told_metric, v1_quirks):
    learn, old = with_old_file
    learn.metrics = [told_metric(float("nan"), name="score")]
    learn.fit(1, 0.1, callbacks=SaveModelCallback(learn, monitor="score"))
    assert torch.equal(weights(learn), old)


class RaiseAt(Callback):
    """Raises in the middle of an epoch."""

    def __init__(self, error, at):
        self.error, self.at = error, at

    def on_step_end(self, iteration, **kwargs):
        if iteration == self.at:
            raise self.error


@pytest.mark.parametrize(("error", "loads"), [(ValueError, False), (KeyboardInterrupt, True)])
def test_bug_47_best_model_is_loaded_after_an_interrupt_and_not_after_an_error(line_learner, error, loads):
    learn = line_learner()
    kept = Weights(learn)
    callbacks = [kept, SaveModelCallback(learn), RaiseAt(error("stop"), at=2)]
    with pytest.raises(error, match="stop"):
        learn.fit(2, 0.1, callbacks=callbacks)
    assert torch.equal(weights(learn), kept.after[0]) == loads
    assert torch.equal(in_file(learn), kept.after[0])


def test_bug_47_v1_loads_after_an_error(line_learner, v1_quirks):
    learn = line_learner()
    kept = Weights(learn)
    with pytest.raises(ValueError, match="stop"):
        learn.fit(2, 0.1, callbacks=[kept, SaveModelCallback(learn), RaiseAt(ValueError("stop"), at=2)])
    assert torch.equal(weights(learn), kept.after[0])


def test_best_model_that_somebody_removed_leaves_the_weights_and_warns(line_learner, told_loss):
    learn = line_learner()

    class Remove(Callback):
        def on_train_end(self, **kwargs):
            (Path(learn.path) / "models" / "bestmodel.pth").unlink()

    kept = Weights(learn)
    with pytest.warns(FastloopWarning, match="best model bestmodel is gone"):
        learn.fit(2, 0.1, callbacks=[told_loss(1, 2), kept, Remove(), SaveModelCallback(learn)])
    assert torch.equal(weights(learn), kept.after[1])


@pytest.mark.parametrize("every", ["improvement", "epoch"])
def test_lr_find_writes_and_loads_nothing(with_old_file, every):
    learn, old = with_old_file
    learn.callback_fns.append(partial(SaveModelCallback, monitor="train_loss", every=every))
    with torch.no_grad():
        learn.model.weight.zero_()
    now = weights(learn)
    learn.lr_find(num_it=3)
    assert torch.equal(weights(learn), now)
    assert torch.equal(in_file(learn), old)
    assert files(learn) == ["bestmodel.pth"]


def test_validation_alone_writes_nothing(line_learner):
    learn = line_learner()
    learn.callbacks = [SaveModelCallback(learn)]
    learn.validate()
    assert files(learn) == []


# --- going on ---------------------------------------------------------------------------------------------


def test_fit_that_goes_on_loads_the_epoch_before(line_learner, capsys):
    learn = line_learner(silent=False)
    kept = Weights(learn)
    learn.fit_one_cycle(3, callbacks=[kept, SaveModelCallback(learn, every="epoch", name="m")])
    with torch.no_grad():
        learn.model.weight.zero_()
    begun = []

    class First(Callback):
        def on_epoch_begin(self, epoch, **kwargs):
            begun.append((epoch, weights(learn)))

    saving = SaveModelCallback(learn, every="epoch", name="m")
    learn.fit_one_cycle(3, start_epoch=2, callbacks=[First(), saving])
    assert [epoch for epoch, _ in begun] == [2]
    assert torch.equal(begun[0][1], kept.after[1])
    assert "Loaded m_1" in capsys.readouterr().out


def test_fit_that_goes_on_warns_if_there_is_no_such_model(line_learner):
    learn = line_learner()
    with pytest.warns(FastloopWarning, match="Model m_1 not found; training goes on at epoch 2"):
        learn.fit_one_cycle(3, start_epoch=2, callbacks=SaveModelCallback(learn, every="epoch", name="m"))


def test_bug_51_fit_that_goes_on_saves_only_what_is_better_than_before(line_learner, told_loss):
    learn = line_learner()
    kept = Weights(learn)
    saving = SaveModelCallback(learn)
    learn.fit_one_cycle(2, callbacks=[told_loss(2, 1), kept, saving])
    again = load_callback(SaveModelCallback, saving.get_state(minimal=False), learn)
    learn.fit_one_cycle(4, start_epoch=2, callbacks=[told_loss(2, 3), again])
    assert torch.equal(weights(learn), kept.after[1])
    assert torch.equal(in_file(learn), kept.after[1])


def test_second_fit_starts_clean(line_learner, told_loss):
    learn = line_learner()
    kept = Weights(learn)
    learn.callbacks = [told_loss(2, 3), kept, SaveModelCallback(learn)]
    learn.fit(2, 0.1)
    learn.fit(2, 0.1)
    assert torch.equal(weights(learn), kept.after[2])


# --- files and processes ----------------------------------------------------------------------------------


class Unwritable:
    """Fails in the middle of being written."""

    def __reduce__(self):
        raise OSError("disk is full")


def test_bug_48_file_of_a_save_that_fails_is_the_one_before(line_learner, told_loss, monkeypatch):
    learn = line_learner()
    kept = Weights(learn)

    class BreakSecond(Callback):
        def on_epoch_begin(self, epoch, **kwargs):
            if epoch == 1:
                broken = {"weight": torch.zeros(3), "other": Unwritable()}
                monkeypatch.setattr(learn.model, "state_dict", lambda: broken)

    with pytest.raises(OSError, match="disk is full"):
        learn.fit(2, 0.1, callbacks=[told_loss(2, 1), kept, BreakSecond(), SaveModelCallback(learn)])
    assert files(learn) == ["bestmodel.pth"]
    assert torch.equal(in_file(learn), kept.after[0])


def test_bug_48_processes_other_than_the_first_write_nothing(line_learner, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    learn = line_learner()
    learn.fit(1, 0.1, callbacks=SaveModelCallback(learn, every="epoch"))
    assert files(learn) == []


TWO_PROCESSES = """
    import sys, torch
    from pathlib import Path
    from torch import distributed, nn
    from fastloop_v1.basic_data import DataBunch
    from fastloop_v1.basic_train import Learner
    from fastloop_v1.callback import Callback
    from fastloop_v1.callbacks import SaveModelCallback

    rank, folder = int(sys.argv[1]), Path(sys.argv[2])
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    LOSSES = [[1.0, 4.0, 9.0], [9.0, 4.0, 2.0]][rank]

    class Told(Callback):
        _order = -50
        def on_epoch_end(self, epoch, **kwargs):
            return {"last_metrics": [LOSSES[epoch]]}

    torch.manual_seed(0)
    batches = [(torch.randn(2, 1), torch.randn(2, 1)) for _ in range(2)]
    data = DataBunch(batches, batches, path=folder)
    learn = Learner(data, nn.Linear(1, 1), loss_func=nn.MSELoss(), silent=True)
    saving = SaveModelCallback(learn)
    learn.fit(3, 0.1, callbacks=[Told(), saving])
    (folder / f"out{rank}").write_text(f"{saving.best} {learn.model.weight.item()}")
"""


@pytest.mark.slow
def test_bug_48_all_processes_go_by_the_mean_of_their_values(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(TWO_PROCESSES)]
    settings = {"WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path)], env={**os.environ, **settings, "RANK": str(rank)}
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    results = [(tmp_path / f"out{rank}").read_text().split() for rank in range(2)]
    assert results[0] == results[1]
    assert float(results[0][0]) == 4.0
