"""Metric callbacks of the whole set against the functions, closed forms and scikit-learn."""

from __future__ import annotations

import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fastloop_v1 import callback, metrics
from fastloop_v1.callback import CallbackHandler
from fastloop_v1.errors import ArgumentError


def uniform(*shape, seed=0, low=-2.0, high=2.0):
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def classes(*shape, k, seed=1):
    return torch.randint(k, shape, generator=torch.Generator().manual_seed(seed))


def run(metric, *epochs, sizes=(7, 7, 7, 7, 2)):
    """The metric's values in each epoch of (output, target), given to it in batches of these sizes."""
    handler = CallbackHandler([], [metric])
    handler.on_train_begin(len(epochs), None, [metric])
    values = []
    for output, target in epochs:
        handler.on_epoch_begin()
        for xb, yb in zip(output.split(sizes), target.split(sizes), strict=True):
            handler.on_batch_begin(xb, yb, train=False)
            handler.on_loss_begin(xb)
            handler.on_batch_end(torch.tensor(0.0))
        handler.on_epoch_end(0.5)
        values.append(handler.state_dict["last_metrics"][1:])
    handler.on_train_end(False)
    return values


REGRESSION = uniform(30, 1), uniform(30, 1, seed=1)
BINARY = uniform(30, 2), classes(30, k=2)
LABELS = uniform(30, 5), classes(30, 5, k=2).float()
TOKENS = uniform(30, 6, 8), classes(30, 6, k=8)
PIXELS = uniform(3, 2, 4, 4), classes(3, 1, 4, 4, k=2)

OF_THE_WHOLE_SET = {
    "R2Score": (metrics.R2Score, metrics.r2_score),
    "ExplainedVariance": (metrics.ExplainedVariance, metrics.explained_variance),
    "RMSE": (metrics.RMSE, metrics.rmse),
    "ExpRMSPE": (metrics.ExpRMSPE, metrics.exp_rmspe),
}
CALLBACKS = {
    **{name: (cls, REGRESSION) for name, (cls, _) in OF_THE_WHOLE_SET.items()},
    "Perplexity": (metrics.Perplexity, TOKENS),
    "AUROC": (metrics.AUROC, BINARY),
    "Precision": (metrics.Precision, BINARY),
    "FBeta": (metrics.FBeta, BINARY),
    "KappaScore": (metrics.KappaScore, BINARY),
    "MatthewsCorreff": (metrics.MatthewsCorreff, BINARY),
    **{
        f"MultiLabelFbeta {average}": (partial(metrics.MultiLabelFbeta, average=average), LABELS)
        for average in ("micro", "macro", "weighted", "none")
    },
}
every_callback = pytest.mark.parametrize(("make", "epoch"), CALLBACKS.values(), ids=CALLBACKS)


@pytest.mark.parametrize(("cls", "function"), OF_THE_WHOLE_SET.values(), ids=OF_THE_WHOLE_SET)
def test_regression_callback_is_the_function_of_the_whole_set(cls, function):
    assert run(cls(), REGRESSION) == [[function(*REGRESSION)]]


@every_callback
@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, 29)))
def test_split_into_batches_does_not_matter(make, epoch, cuts):
    edges = [0, *sorted(cuts), 30]
    sizes = [b - a for a, b in zip(edges, edges[1:], strict=False)]
    # Perplexity sums float32 losses within a batch; all others agree to the last digit.
    rtol = 1e-5 if make is metrics.Perplexity else 0
    torch.testing.assert_close(
        run(make(), epoch, sizes=sizes), run(make(), epoch, sizes=30), rtol=rtol, atol=0
    )


@every_callback
def test_each_epoch_and_each_fit_stands_alone(make, epoch):
    metric, second = make(), (epoch[0].flip(0), epoch[1])
    assert run(metric, epoch, second) == [*run(make(), epoch), *run(make(), second)]
    assert run(metric, epoch) == run(make(), epoch)


@every_callback
def test_values_are_tensors_without_dimensions_and_without_graph(make, epoch):
    for value in run(make(), (epoch[0].clone().requires_grad_(), epoch[1]))[0]:
        assert isinstance(value, torch.Tensor)
        assert value.shape == ()
        assert not value.requires_grad


@every_callback
def test_metric_takes_half_precision(make, epoch):
    rounded = epoch[0].half()
    found, expected = run(make(), (rounded, epoch[1])), run(make(), (rounded.float(), epoch[1]))
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=0)


@every_callback
def test_metric_is_itself_only_and_can_be_pickled_after_a_fit(make, epoch):
    metric = make()
    run(metric, epoch)
    assert len({metric, make()}) == 2
    assert run(pickle.loads(pickle.dumps(metric)), epoch) == run(make(), epoch)


# Tensors on the "meta" device have no values: reading one, copying it to the CPU, a size that depends on
# values or mixing with tensors of the CPU all raise there.


@every_callback
def test_batches_stay_on_their_device_and_nothing_waits_for_it(make, epoch):
    metric = make()
    metric.on_train_begin()
    metric.on_epoch_begin()
    for output, target in zip(epoch[0].split(10), epoch[1].split(10), strict=True):
        metric.on_batch_end(last_output=output.to("meta"), last_target=target.to("meta"))


@pytest.mark.parametrize(
    ("function", "epoch"),
    [
        (metrics.accuracy, BINARY),
        (metrics.error_rate, BINARY),
        (partial(metrics.top_k_accuracy, k=1), BINARY),
        (metrics.accuracy_thresh, LABELS),
        (metrics.fbeta, LABELS),
        (metrics.dice, PIXELS),
        (partial(metrics.foreground_acc, void_code=0), PIXELS),
        *((function, REGRESSION) for _, function in OF_THE_WHOLE_SET.values()),
        (metrics.mse, REGRESSION),
        (metrics.mae, REGRESSION),
        (metrics.msle, REGRESSION),
        (metrics.psnr, REGRESSION),
    ],
    ids=lambda value: callback.metric_name(value) if callable(value) else "",
)
def test_function_computes_where_its_arguments_are_and_waits_for_nothing(function, epoch):
    assert function(*(values.to("meta") for values in epoch)).device.type == "meta"


def test_perplexity_counts_every_token_alike_and_none_of_minus_100():
    logits, tokens = TOKENS[0], TOKENS[1].clone()
    tokens[:9, 2:] = -100
    losses = [
        -math.log(math.exp(row[token]) / sum(map(math.exp, row)))
        for row, token in zip(logits.flatten(0, 1).tolist(), tokens.flatten().tolist(), strict=True)
        if token != -100
    ]
    (found,) = run(metrics.Perplexity(), (logits, tokens))[0]
    assert found.item() == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)


def test_perplexity_of_no_preference_is_the_number_of_classes():
    tokens = TOKENS[1].flatten()[:30]
    assert run(metrics.Perplexity(), (torch.zeros(30, 8), tokens))[0][0].item() == pytest.approx(8)


def test_auroc_equals_scikit_learn():
    scores = BINARY[0].softmax(1)[:, 1]
    assert run(metrics.AUROC(), BINARY)[0][0].item() == pytest.approx(sk.roc_auc_score(BINARY[1], scores))


@pytest.mark.parametrize("shape", [(30,), (30, 1)], ids=["row", "column"])
def test_auroc_takes_one_score_for_each_sample(shape):
    scores, targets = BINARY[0][:, 1].reshape(shape), BINARY[1].reshape(shape)
    expected = sk.roc_auc_score(BINARY[1], BINARY[0][:, 1])
    assert run(metrics.AUROC(), (scores, targets))[0][0].item() == pytest.approx(expected)


@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "none"])
def test_multi_label_fbeta_equals_scikit_learn(average, sigmoid):
    probabilities = LABELS[0].sigmoid()
    scores = LABELS[0] if sigmoid else probabilities
    metric = metrics.MultiLabelFbeta(beta=0.5, thresh=0.4, sigmoid=sigmoid, average=average)
    averaging = None if average == "none" else average
    expected = sk.fbeta_score(LABELS[1], probabilities > 0.4, beta=0.5, average=averaging)
    assert run(metric, (scores, LABELS[1]))[0] == pytest.approx(np.atleast_1d(expected).tolist(), rel=1e-5)


def test_multi_label_fbeta_of_labels_that_never_occur_is_zero():
    assert run(metrics.MultiLabelFbeta(average="none"), (LABELS[0] - 50, 0 * LABELS[1])) == [[0] * 5]


def test_multi_label_fbeta_refuses_an_unknown_average():
    with pytest.raises(
        ArgumentError, match="average is 'bad'; allowed are 'micro', 'macro', 'weighted', 'none'"
    ):
        metrics.MultiLabelFbeta(average="bad")


@pytest.mark.parametrize("cls", [metrics.R2Score, metrics.AUROC])
def test_targets_of_another_number_are_refused(cls):
    metric = cls()
    metric.on_epoch_begin()
    with pytest.raises(AssertionError, match="same number of elements"):
        metric.on_batch_end(torch.zeros(5, 2), torch.zeros(4))


def test_predictions_of_an_epoch_can_be_read_between_batches():
    metric = metrics.RegMetrics()
    metric.on_epoch_begin()
    assert metric.preds.shape == metric.targs.shape == (0,)
    for at, size in enumerate((3, 2), start=1):
        metric.on_batch_end(torch.full((size, 1), float(at)), torch.zeros(size, 1))
        assert metric.preds.shape == metric.targs.shape == ((3, 1), (5, 1))[at - 1]
    assert metric.preds.flatten().tolist() == [1, 1, 1, 2, 2]


def test_subclass_of_v1_style_assigns_predictions_and_reads_arrays():
    class Largest(metrics.RegMetrics):
        def on_epoch_begin(self, **kwargs):
            self.preds, self.targs = torch.tensor([]), torch.tensor([])

        def on_batch_end(self, last_output, last_target, **kwargs):
            self.preds = torch.cat((self.preds, last_output.cpu().flatten()))
            self.targs = torch.cat((self.targs, last_target.cpu().flatten()))

        def on_epoch_end(self, last_metrics, **kwargs):
            return metrics.add_metrics(last_metrics, np.abs(self.preds.numpy() - self.targs.numpy()).max())

    assert run(Largest(), REGRESSION) == [[(REGRESSION[0] - REGRESSION[1]).abs().max().item()]]


def test_module_hands_out_what_legacy_code_imports_from_it():
    assert metrics.add_metrics is callback.add_metrics
    assert issubclass(metrics.FBeta, metrics.CMScores)
    assert issubclass(metrics.RMSE, metrics.RegMetrics)
