"""Validation and prediction give what the model gives, batch by batch, without gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.basic_train import Learner, get_preds, validate
from fastloop_v1.callback import AverageMetric, Callback, CallbackHandler
from fastloop_v1.recorder import Recorder

GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.randn(7, 3, generator=GENERATOR), torch.randn(7, 1, generator=GENERATOR)
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0])
# Three batches, the last one smaller.
DL = DataLoader(TensorDataset(X, Y), 3)
CLASS_DL = DataLoader(TensorDataset(X, CLASSES), 3)


def linear(outputs=1):
    torch.manual_seed(0)
    return nn.Linear(3, outputs)


def learner(dl=DL, outputs=1, loss_func=F.mse_loss, **options):
    model = options.pop("model", None) or linear(outputs)
    return Learner(DataBunch(dl, dl), model, loss_func=loss_func, silent=True, **options)


class Log(Callback):
    """Notes events with their phase."""

    def __init__(self):
        self.events = []

    def on_train_begin(self, **state):
        self.events.append("train_begin")

    def on_batch_begin(self, train, **state):
        self.events.append(("batch_begin", train))

    def on_loss_begin(self, **state):
        self.events.append("loss_begin")

    def on_backward_begin(self, **state):
        self.events.append("backward_begin")

    def on_batch_end(self, train, **state):
        self.events.append(("batch_end", train))


BATCH = [("batch_begin", False), "loss_begin", ("batch_end", False)]


# --- validate -----------------------------------------------------------------------------------------------


def test_mean_loss_weighs_each_batch_by_its_size():
    model = linear()
    with torch.no_grad():
        losses = [F.mse_loss(model(x), y).item() for x, y in DL]
    found = validate(model, DL, F.mse_loss)
    assert found == pytest.approx((3 * losses[0] + 3 * losses[1] + losses[2]) / 7, rel=1e-6)
    assert found == pytest.approx(F.mse_loss(model(X), Y).item(), rel=1e-6)
    assert isinstance(found, np.floating)


def test_batches_are_given_one_by_one_if_not_averaged():
    model = linear()
    with torch.no_grad():
        expected = [F.mse_loss(model(x), y) for x, y in DL]
    assert validate(model, DL, F.mse_loss, average=False) == expected
    assert validate(model, DL, F.mse_loss, average=False, n_batch=2) == expected[:2]


def test_outputs_and_targets_are_given_without_a_loss_function():
    model = linear()
    for (out, target), (x, y) in zip(validate(model, DL, average=False), DL, strict=True):
        assert torch.equal(out, model(x))
        assert torch.equal(target, y)
        assert not out.requires_grad


@pytest.mark.parametrize("n_batch", [1, 2, 3, 9])
def test_number_of_batches_bounds_the_mean(n_batch):
    model = linear()
    seen = min(7, 3 * n_batch)
    expected = F.mse_loss(model(X[:seen]), Y[:seen]).item()
    assert validate(model, DL, F.mse_loss, n_batch=n_batch) == pytest.approx(expected, rel=1e-6)


def test_bug_18_mean_without_a_batch_is_none():
    assert validate(linear(), [], F.mse_loss) is None


def test_validation_runs_in_evaluation_mode_without_gradients_and_leaves_it():
    model, states = nn.Sequential(linear(), nn.Dropout(0.9)), []
    model.register_forward_hook(lambda *args: states.append((model.training, torch.is_grad_enabled())))
    validate(model.train(), DL, F.mse_loss)
    assert states == [(False, False)] * 3
    assert (model.training, torch.is_grad_enabled()) == (False, True)


def test_validation_batches_are_told_from_training():
    log = Log()
    validate(linear(), DL, F.mse_loss, CallbackHandler([log]))
    assert log.events == BATCH * 3


def test_listeners_change_input_output_and_end():
    class Change(Callback):
        def on_batch_begin(self, last_input, last_target, **state):
            return {"last_input": last_input * 0, "last_target": last_target * 0 + 1}

        def on_loss_begin(self, last_output, **state):
            return {"last_output": last_output * 0 + 4}

        def on_batch_end(self, **state):
            return {"stop_epoch": True}

    found = validate(linear(), DL, F.mse_loss, CallbackHandler([Change()]), average=False)
    assert found == [torch.tensor(9.0)]


def test_several_targets_count_by_the_first():
    batches = [(X[:4], [Y[:4], Y]), (X[4:], [Y[4:], Y])]

    def loss_func(out, y, other):
        return F.mse_loss(out, y)

    model = linear()
    assert validate(model, batches, loss_func) == pytest.approx(F.mse_loss(model(X), Y).item(), rel=1e-6)


def test_data_set_that_is_a_callback_hears_its_batches():
    class Listening(TensorDataset, Callback):
        heard = 0

        def on_batch_end(self, **state):
            self.heard += 1

    data = Listening(X, Y)
    validate(linear(), DataLoader(data, 3), F.mse_loss, CallbackHandler([]))
    assert data.heard == 3


# --- get_preds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_batch", "seen"), [(None, 7), (1, 3), (2, 6), (5, 7)])
def test_predictions_and_targets_are_those_of_all_batches(n_batch, seen):
    model = linear()
    preds, ys = get_preds(model, DL, n_batch=n_batch)
    expected = torch.cat([model(x) for x, _ in DL])[:seen]
    assert torch.equal(preds, expected)
    assert torch.equal(ys, Y[:seen])


def test_activation_acts_on_predictions_and_losses_are_of_raw_outputs():
    model = linear(3)
    preds, ys, losses = get_preds(model, CLASS_DL, activ=torch.exp, loss_func=nn.CrossEntropyLoss())
    assert torch.allclose(preds, model(X).exp())
    assert torch.allclose(losses, F.cross_entropy(model(X), CLASSES, reduction="none"))
    assert torch.equal(ys, CLASSES)


def test_nested_outputs_are_joined_part_by_part():
    class Two(nn.Module):
        def forward(self, x):
            return x[:, :1], (x[:, 1:2].half(), x)

    (first, (half, second)), _ = get_preds(Two(), DL)
    assert torch.equal(first, X[:, :1])
    assert torch.equal(second, X)
    assert half.dtype == torch.float32
    assert torch.equal(half, X[:, 1:2].half().float())


# --- the learner --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss_func", "outputs", "dl", "activ"),
    [
        pytest.param(F.mse_loss, 1, DL, lambda x: x, id="none"),
        pytest.param(nn.CrossEntropyLoss(), 3, CLASS_DL, lambda x: x.softmax(-1), id="softmax"),
        pytest.param(F.nll_loss, 3, CLASS_DL, torch.exp, id="exp"),
        pytest.param(nn.BCEWithLogitsLoss(), 1, DL, torch.sigmoid, id="sigmoid"),
    ],
)
def test_learner_predicts_with_the_activation_of_its_loss(loss_func, outputs, dl, activ):
    learn = learner(dl, outputs, loss_func)
    preds, _ = learn.get_preds()
    assert torch.allclose(preds, activ(learn.model(X)))
    assert torch.equal(learn.get_preds(activ=torch.neg)[0], -torch.cat([learn.model(x) for x, _ in dl]))


def test_learner_predicts_the_data_set_asked_for():
    data = DataBunch(DL, DataLoader(TensorDataset(X[:2], Y[:2]), 3))
    data.add_test(X[:4])
    learn = Learner(data, linear(), loss_func=F.mse_loss)
    kinds = {DatasetType.Train: 7, DatasetType.Fix: 7, DatasetType.Valid: 2, DatasetType.Single: 2,
             DatasetType.Test: 4}  # fmt: skip
    assert {kind: len(learn.get_preds(kind)[0]) for kind in DatasetType} == kinds
    assert learn.dl(DatasetType.Test) is data.test_dl


def test_learner_gives_the_loss_of_each_sample():
    learn = learner(CLASS_DL, 3, nn.CrossEntropyLoss())
    *_, losses = learn.get_preds(with_loss=True, n_batch=2)
    assert torch.allclose(losses, F.cross_entropy(learn.model(X), CLASSES, reduction="none")[:6])
    assert learn.loss_func.reduction == "mean"


def test_bug_55_prediction_keeps_the_history_of_the_last_fit():
    learn = learner(callback_fns=lambda learn: Recorder(learn, silent=True))
    learn.fit(2)
    recorder, losses = learn.recorder, list(learn.recorder.losses)
    learn.get_preds()
    assert learn.recorder is recorder
    assert (recorder.losses, len(losses)) == (losses, 6)


def test_prediction_before_the_first_fit_makes_an_optimizer():
    learn = learner()
    learn.get_preds()
    assert learn.opt.wd == learn.wd
    learn.fit(1, 0.5)
    assert learn.opt.lr == 0.5


def test_prediction_has_the_callbacks_of_the_learner():
    made, log = [], Log()

    def make(learn):
        made.append(Log())
        return made[-1]

    learner(callback_fns=make, callbacks=log).get_preds()
    assert made[0].events == log.events == BATCH * 3


def test_learner_validates_with_its_metrics():
    learn = learner(metrics=[F.l1_loss, AverageMetric(F.mse_loss)])
    loss, l1, mse = learn.validate()
    assert (loss, mse.item()) == (pytest.approx(F.mse_loss(learn.model(X), Y).item()), pytest.approx(loss))
    assert l1.item() == pytest.approx(F.l1_loss(learn.model(X), Y).item())
    part = DataLoader(TensorDataset(X[:2], Y[:2]), 2)
    assert learn.validate(part, metrics=[]) == [F.mse_loss(learn.model(X[:2]), Y[:2]).item()]


class Whole(Callback):
    """Notes when training begins and how it ends."""

    def __init__(self):
        self.events = []

    def on_train_begin(self, **state):
        self.events.append("begin")

    def on_train_end(self, exception, **state):
        self.events.append(repr(exception))


def test_bug_21_error_in_validation_by_hand_reaches_the_end():
    whole, error = Whole(), ValueError("bad loss")

    def failing(*args):
        raise error

    with pytest.raises(ValueError, match="bad loss"):
        learner(callbacks=whole, loss_func=failing).validate()
    assert whole.events == ["begin", repr(error)]


def test_bug_21_error_in_validation_inside_a_fit_ends_nothing_of_the_fit():
    inside, given, learn = Whole(), Whole(), learner(callbacks=[])

    class Validating(Callback):
        def on_epoch_end(self, **state):
            with pytest.raises(TypeError):
                learn.validate([(1, 2)], callbacks=given)
            inside.events.append("validated")

    learn.callbacks.append(inside)
    learn.fit(1, callbacks=Validating())
    assert inside.events == ["begin", "begin", "validated", "False"]
    assert [event[:9] for event in given.events] == ["begin", "TypeError"]


def test_bug_13_error_in_validation_puts_the_modes_back():
    model = nn.Sequential(linear(), nn.Dropout(0.5), nn.Dropout(0.5))
    model[1].eval()
    with pytest.raises(RuntimeError):
        validate(model, [(torch.ones(2, 4), torch.ones(2, 1))], F.mse_loss)
    assert [part.training for part in model] == [True, False, True]


def test_validation_by_hand_has_the_callbacks_given_and_does_not_train():
    own, given, learn = Log(), Log(), learner()
    before = learn.model.weight.detach().clone()
    learn.callbacks.append(own)
    learn.validate(callbacks=given)
    assert own.events == given.events == ["train_begin", *BATCH * 3]
    assert torch.equal(learn.model.weight, before)


# --- single batches -----------------------------------------------------------------------------------------


def test_batch_is_predicted_in_evaluation_mode():
    learn = learner(CLASS_DL, 3, nn.CrossEntropyLoss())
    learn.model.train()
    expected = learn.model(X[:3]).softmax(-1)
    assert torch.equal(learn.pred_batch(), expected)
    assert torch.equal(learn.pred_batch(DatasetType.Train), expected)
    assert torch.equal(learn.pred_batch(batch=(X[:3], None)), expected)
    assert torch.equal(learn.pred_batch(activ=torch.neg), -learn.model(X[:3]))
    assert not learn.model.training
    assert not learn.pred_batch().requires_grad


def test_dropout_stays_on_if_asked():
    learn = learner(model=nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), linear()))
    assert torch.equal(learn.pred_batch(), learn.pred_batch())
    torch.manual_seed(0)
    assert not torch.equal(learn.pred_batch(with_dropout=True), learn.pred_batch(with_dropout=True))
    assert [module.training for module in learn.model] == [False, True, False]


def test_batch_is_reconstructed_by_its_data_set():
    class Named(TensorDataset):
        def reconstruct(self, pred):
            return f"about {pred.item():.0f}"

    learn = learner(DataLoader(Named(X, Y), 3), model=nn.Flatten(), loss_func=F.mse_loss)
    batch = torch.tensor([[2.0], [5.0]]), None
    assert learn.pred_batch(batch=batch, reconstruct=True) == ["about 2", "about 5"]


def test_going_backward_from_an_item_leaves_gradients_and_weights():
    learn = learner(CLASS_DL, 3, nn.CrossEntropyLoss())
    before = learn.model.weight.detach().clone()
    loss = learn.backward(X[0])
    expected = F.cross_entropy(learn.model(X[:1]), torch.tensor([0]))
    assert loss == expected
    assert not loss.requires_grad
    (grad,) = torch.autograd.grad(expected, learn.model.weight)
    assert torch.equal(learn.model.weight.grad, grad)
    assert torch.equal(learn.model.weight, before)
