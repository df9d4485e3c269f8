"""Mean and standard deviation of activations are recorded."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.activation_stats import ActivationStats

torch.manual_seed(0)
BATCHES = [(torch.randn(4, 3), torch.ones(4, 1)) for _ in range(3)]


class Answering(nn.Module):
    """Returns whatever it was told to return, beside a line through the input."""

    def __init__(self, answer):
        super().__init__()
        self.line, self.inner = nn.Linear(3, 1), Inner(answer)

    def forward(self, x):
        self.inner(x)
        return self.line(x)


class Inner(nn.Module):
    """Returns what a function makes of the input."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


def learner(model=None, batches=BATCHES):
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    return Learner(DataBunch(batches, BATCHES[:1]), model, loss_func=F.mse_loss, wd=0.0, silent=True)


def recorded(learn, modules=None, epochs=1, lr=0.1):
    stats = ActivationStats(learn, modules)
    learn.fit(epochs, lr, callbacks=[stats])
    return stats


def test_stats_are_those_of_the_outputs():
    learn = learner()
    with torch.no_grad():
        outputs = [learn.model[0](x) for x, _ in BATCHES]
    stats = recorded(learn, lr=0.0).stats
    assert stats.shape == (2, 2, 3)
    assert stats[0, 0].tolist() == pytest.approx([out.mean().item() for out in outputs])
    assert stats[1, 0].tolist() == pytest.approx([out.std().item() for out in outputs])


def test_stats_are_of_training_batches_only():
    assert recorded(learner(), epochs=2).stats.shape == (2, 2, 6)


def test_next_fit_starts_empty():
    learn = learner()
    stats = recorded(learn)
    learn.fit(2, callbacks=[stats])
    assert stats.stats.shape == (2, 2, 6)


def test_recording_does_not_change_training():
    learn, plain = learner(), learner()
    recorded(learn)
    plain.fit(1, 0.1)
    assert all(a.equal(b) for a, b in zip(learn.model.parameters(), plain.model.parameters(), strict=True))


class Predicting(Callback):
    """Asks for predictions in the middle of an epoch."""

    def __init__(self, learn):
        self.learn = learn

    def on_batch_begin(self, train, **kwargs):
        if train:
            self.learn.get_preds()


def test_predictions_during_the_fit_are_not_recorded():
    learn = learner()
    expected = recorded(learner()).stats
    stats = ActivationStats(learn)
    learn.fit(1, 0.1, callbacks=[Predicting(learn), stats])
    assert stats.stats.equal(expected)


def test_bug_65_training_that_ends_before_a_batch_is_empty(Spy):
    learn = learner()
    stats = ActivationStats(learn)
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, callbacks=[stats, Spy(epoch_begin=ValueError("stop"))])
    assert stats.stats.shape == (2, 2, 0)


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        pytest.param(lambda x: (None, x, x * 2), (4, 3), id="tuple"),
        pytest.param(lambda x: {"a": None, "b": [x]}, (4, 3), id="dict"),
        pytest.param(lambda x: x.half(), (4, 3), id="half"),
    ],
)
def test_bug_65_first_tensor_of_several_counts(answer, shape):
    learn = learner(Answering(answer))
    stats = recorded(learn, [learn.model.inner]).stats
    assert stats[0, 0].tolist() == pytest.approx([x.mean().item() for x, _ in BATCHES], abs=1e-3)
    assert stats[1, 0].tolist() == pytest.approx([x.std().item() for x, _ in BATCHES], abs=1e-3)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda x: None, id="nothing"),
        pytest.param(lambda x: "text", id="text"),
        pytest.param(lambda x: x[:0], id="empty"),
    ],
)
def test_bug_65_outputs_without_numbers_are_nan(answer):
    learn = learner(Answering(answer))
    stats = recorded(learn, [learn.model.inner, learn.model.line]).stats
    assert stats[:, 0].isnan().all()
    assert stats[:, 1].isfinite().all()


def test_bug_65_spread_of_one_number_is_nan():
    learn = learner(Answering(lambda x: x.sum()))
    stats = recorded(learn, [learn.model.inner]).stats
    assert stats[0].isfinite().all()
    assert stats[1].isnan().all()


def test_bug_65_whole_numbers_have_a_mean():
    learn = learner(Answering(lambda x: torch.arange(4)))
    stats = recorded(learn, [learn.model.inner]).stats
    assert stats[:, 0, 0].tolist() == pytest.approx([1.5, (5 / 3) ** 0.5])


def test_bug_65_module_that_is_not_used_is_nan():
    learn = learner()
    stats = recorded(learn, [learn.model[0], nn.Linear(3, 2)]).stats
    assert stats[:, 0].isfinite().all()
    assert stats[:, 1].isnan().all()


def test_subclass_may_record_numbers_of_its_own():
    class Extremes(ActivationStats):
        def hook(self, m, i, o):
            return o.min().item(), o.max().item()

    learn = learner()
    extremes = Extremes(learn)
    learn.fit(1, callbacks=[extremes])
    assert extremes.stats.shape == (2, 2, 3)
    assert (extremes.stats[0] <= extremes.stats[1]).all()
