"""What code puts in the place of the loop's parts, or of the learner's in mid-training, is used."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fastloop_v1 import basic_train
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner, loss_batch, one_batch
from fastloop_v1.callback import Callback, CallbackHandler

GENERATOR = torch.Generator().manual_seed(0)
SET = TensorDataset(torch.randn(10, 3, generator=GENERATOR), torch.randn(10, 1, generator=GENERATOR))
VALID = [(torch.randn(4, 3, generator=GENERATOR), torch.randn(4, 1, generator=GENERATOR))]
ONES = [(torch.ones(2, 3), torch.ones(2, 1))]


class On(Callback):
    """Calls functions with the state, each at the event it is named for, and returns what they return."""

    def __init__(self, **actions):
        for event, action in actions.items():
            setattr(self, f"on_{event}", lambda action=action, **state: action(state))


def learner(train=None, valid=VALID, **options):
    """Return a learner over three batches in fixed order, the last one smaller."""
    torch.manual_seed(0)
    data = DataBunch(DataLoader(SET, 4) if train is None else train, valid)
    given = {"model": nn.Linear(3, 1), "opt_func": torch.optim.SGD, "loss_func": F.mse_loss, "wd": 0.0}
    return Learner(data, **{**given, "silent": True, **options})


def weights(learn):
    return [p.detach().clone() for p in learn.model.parameters()]


def same(left, right):
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def losses_of(learn, *callbacks, epochs=2):
    """Train and return the loss of every batch, those of validation negative."""
    losses = []
    log = On(batch_end=lambda s: losses.append(float(s["last_loss"]) * (1 if s["train"] else -1)))
    learn.fit(epochs, 0.1, callbacks=[*callbacks, log])
    return losses


# --- parts of the loop --------------------------------------------------------------------------------------


def test_replaced_loss_batch_is_used_in_training_and_validation(monkeypatch):
    phases = []

    def own(model, xb, yb, loss_func=None, opt=None, cb_handler=None):
        phases.append(opt is not None)
        return loss_batch(model, xb, yb, loss_func, opt, cb_handler)

    expected = losses_of(learner())
    monkeypatch.setattr(basic_train, "loss_batch", own)
    learn = learner()
    assert losses_of(learn) == expected
    assert phases == [True, True, True, False] * 2
    learn.validate()
    learn.get_preds()
    learn.pred_batch()
    assert phases[8:] == [False] * 3


def test_replaced_loss_batch_may_write_into_the_state(monkeypatch):
    seen = []

    def own(model, xb, yb, loss_func=None, opt=None, cb_handler=None):
        cb_handler.state_dict["loss_dict"] = {"l1": 3}
        return loss_batch(model, xb, yb, loss_func, opt, cb_handler)

    monkeypatch.setattr(basic_train, "loss_batch", own)
    learner(valid=None).fit(1, callbacks=On(batch_end=lambda s: seen.append(s["loss_dict"])))
    assert seen == [{"l1": 3}] * 3


def test_replaced_one_batch_is_used(monkeypatch):
    calls = []
    monkeypatch.setattr(basic_train, "one_batch", lambda *args: calls.append(1) or one_batch(*args))
    learner().fit(2)
    assert len(calls) == 6


def test_replaced_validate_is_used(monkeypatch):
    monkeypatch.setattr(basic_train, "validate", lambda *args, **options: 12.5)
    learn = learner()
    learn.fit(2)
    assert learn.recorder.val_losses == [12.5, 12.5]


class PlainBar:
    """A bar as other packages have it: it counts nothing and knows no options of ours."""

    def __init__(self, gen, total=None, parent=None, leave=True):
        self.gen, self.total, self.lines = gen, total or len(gen), []
        self.main_bar = self

    def __iter__(self):
        return iter(self.gen)

    def write(self, line, table=False):
        self.lines.append(line)


def test_replaced_bars_are_used(monkeypatch):
    bars = []

    def master(gen, total=None):
        bars.append(PlainBar(gen, total))
        return bars[0]

    monkeypatch.setattr(basic_train, "master_bar", master)
    monkeypatch.setattr(basic_train, "progress_bar", PlainBar)
    learn = learner(silent=False, add_time=False)
    learn.fit(3, callbacks=On(train_begin=lambda s: {"epoch": 1}))
    assert [line[0] for line in bars[0].lines] == ["epoch", "1", "2"]


def test_loss_batch_works_alone():
    model, (x, y) = nn.Linear(3, 1), VALID[0]
    out, target = loss_batch(model, x, y)
    assert torch.equal(out, model(x))
    assert not out.requires_grad
    assert torch.equal(target, y)
    loss = loss_batch(model, [x], [y], F.mse_loss)
    assert (loss.item(), loss.requires_grad) == (F.mse_loss(model(x), y).item(), False)
    before, opt = model.weight.detach().clone(), torch.optim.SGD(model.parameters(), 0.1)
    loss_batch(model, x, y, F.mse_loss, opt, CallbackHandler())
    assert not torch.equal(model.weight, before)
    assert model.weight.grad is None


# --- parts of the learner -----------------------------------------------------------------------------------


def test_model_replaced_in_a_batch_takes_that_batch():
    learn, outputs = learner(valid=None), []

    class Ten(nn.Module):
        """Ten times the model inside."""

        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x) * 10

    def wrap(state):
        if state["iteration"] == 1:
            learn.model = Ten(learn.model)

    def note(state):
        model = getattr(learn.model, "inner", learn.model)
        outputs.append((state["last_output"] / model(state["last_input"])).mean().round().item())

    learn.fit(1, 0.1, callbacks=On(batch_begin=wrap, loss_begin=note))
    assert outputs == [1, 10, 10]


def test_loss_function_replaced_in_a_batch_takes_that_batch():
    learn = learner(valid=None)

    def swap(state):
        if state["iteration"] == 1:
            learn.loss_func = lambda out, y: 0 * F.mse_loss(out, y) + 7

    assert losses_of(learn, On(batch_begin=swap), epochs=1)[1:] == [7, 7]


def test_loaders_replaced_at_epoch_begin_give_that_epoch():
    learn = learner()

    def swap(state):
        if state["epoch"] == 1:
            learn.data.train_dl, learn.data.valid_dl = ONES, ONES * 3

    losses = losses_of(learn, On(epoch_begin=swap))
    assert [loss > 0 for loss in losses] == [True, True, True, False, True, False, False, False]
    assert losses[-1] == losses[-2]


def test_loaders_replaced_at_epoch_end_give_the_next_epoch():
    learn = learner(valid=None)

    def swap(state):
        learn.data.train_dl = ONES

    assert len(losses_of(learn, On(epoch_end=swap), epochs=3)) == 3 + 1 + 1


def test_data_replaced_at_epoch_end_give_the_next_epoch():
    learn = learner()

    def swap(state):
        learn.data = DataBunch(ONES, None)

    assert len(losses_of(learn, On(epoch_end=swap), epochs=2)) == 3 + 1 + 1


def test_validation_data_taken_away_ends_validation():
    learn = learner()

    def take_away(state):
        learn.data.valid_dl = None

    learn.fit(2, callbacks=On(epoch_end=take_away))
    assert learn.recorder.val_losses[1:] == [None]


def test_inner_optimizer_replaced_makes_the_next_steps():
    learn, seen = learner(valid=None), []

    def swap(state):
        if state["iteration"] == 1:
            learn.opt.opt = torch.optim.SGD(learn.model.parameters(), lr=0.0)

    learn.fit(1, 0.1, callbacks=On(batch_begin=swap, batch_end=lambda s: seen.append(weights(learn))))
    assert same(seen[1], seen[0])
    assert same(seen[2], seen[0])


def test_wrapper_of_the_optimizer_replaced_makes_the_next_steps():
    learn, seen = learner(valid=None), []

    def swap(state):
        if state["iteration"] == 1:
            learn.opt = learn.opt.new(learn.layer_groups)
            learn.opt.lr = 0.0

    learn.fit(1, 0.1, callbacks=On(batch_begin=swap, batch_end=lambda s: seen.append(weights(learn))))
    assert same(seen[1], seen[0])


def test_prediction_in_the_middle_of_a_fit_does_not_disturb_it():
    learn, other = learner(), learner()
    expected = losses_of(other)

    def predict(state):
        learn.model.eval()
        learn.get_preds()
        learn.predict(torch.ones(3))
        learn.validate()

    predicting = On(epoch_end=predict)
    assert losses_of(learn, predicting) == expected
    assert learn.recorder.losses == other.recorder.losses
    assert same(weights(learn), weights(other))


# --- loaders ------------------------------------------------------------------------------------------------


class Stream(IterableDataset):
    """The samples without a length."""

    def __iter__(self):
        return iter(SET)


class Batches:
    """Batches without a length."""

    def __iter__(self):
        return iter(DataLoader(SET, 4))


@pytest.mark.parametrize("loader", [DataLoader(Stream(), 4), Batches(), list(DataLoader(SET, 4))],
                         ids=["stream", "iterable", "list"])  # fmt: skip
def test_bug_20_loader_of_any_kind_trains_the_same(loader):
    expected = losses_of(learner(valid=DataLoader(SET, 4)))
    assert losses_of(learner(loader, loader)) == expected


def test_data_set_that_is_a_callback_takes_part_while_its_loader_is_in_use():
    class Listening(TensorDataset, Callback):
        """Notes the batches it hears of."""

        def on_batch_end(self, **state):
            self.heard = [*getattr(self, "heard", []), state["train"]]

    train, valid = Listening(*SET.tensors), Listening(*VALID[0])
    learner(DataLoader(train, 4), DataLoader(valid, 4)).fit(2)
    assert (train.heard, valid.heard) == ([True] * 6, [False] * 2)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_give_the_losses_one_process_gives():
    expected = losses_of(learner(valid=None), epochs=1)
    assert losses_of(learner(DataLoader(SET, 4, num_workers=2), None), epochs=1) == expected
