from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.activation import loss_func2activ, loss_func_name2activ
from fastloop_v1.losses import BCEWithLogitsFlat, CrossEntropyFlat, MSELossFlat

RAW = torch.tensor([[[0.5, -1.0], [2.0, 0.0], [-0.5, 1.0]]])  # (batch, classes, places)


def own_loss(output, target):
    """A loss that is in no table."""
    return output.mean()


@pytest.mark.parametrize(
    ("loss_func", "expected"),
    [
        (nn.CrossEntropyLoss(), RAW.softmax(-1)),
        (F.cross_entropy, RAW.softmax(-1)),
        (partial(F.cross_entropy, reduction="sum"), RAW.softmax(-1)),
        (partial(F.cross_entropy, axis=1), RAW.softmax(1)),
        (CrossEntropyFlat(), RAW.softmax(-1)),
        (CrossEntropyFlat(axis=1), RAW.softmax(1)),
        (nn.NLLLoss(), RAW.exp()),
        (F.nll_loss, RAW.exp()),
        (nn.PoissonNLLLoss(), RAW.exp()),
        (F.poisson_nll_loss, RAW.exp()),
        (nn.KLDivLoss(), RAW.exp()),
        (F.kl_div, RAW.exp()),
        (nn.BCEWithLogitsLoss(), RAW.sigmoid()),
        (F.binary_cross_entropy_with_logits, RAW.sigmoid()),
        (BCEWithLogitsFlat(), RAW.sigmoid()),
    ],
    ids=[
        "cross entropy",
        "cross entropy function",
        "partial cross entropy",
        "partial cross entropy with an axis",
        "flat cross entropy",
        "flat cross entropy with an axis",
        "nll",
        "nll function",
        "poisson",
        "poisson function",
        "kl",
        "kl function",
        "bce with logits",
        "bce with logits function",
        "flat bce with logits",
    ],
)
def test_activation_undoes_what_the_loss_builds_in(loss_func, expected):
    torch.testing.assert_close(loss_func2activ(loss_func)(RAW), expected)


@pytest.mark.parametrize(
    "loss_func",
    [
        *(nn.MSELoss(), F.mse_loss, MSELossFlat(), F.l1_loss, own_loss, partial(own_loss), None),
        *(nn.PoissonNLLLoss(log_input=False), partial(F.poisson_nll_loss, log_input=False)),
    ],
    ids=[
        *("mse", "mse function", "flat mse", "l1 function", "own", "partial of own", "none"),
        *("poisson of rates", "partial poisson of rates"),
    ],
)
def test_other_losses_leave_the_output(loss_func):
    assert loss_func2activ(loss_func)(RAW) is RAW


@pytest.mark.parametrize("name", sorted(loss_func_name2activ))
def test_table_names_losses_of_torch(name):
    classes = {key.lower() for key in vars(nn)}
    assert hasattr(F, name) or name.replace("_", "") in classes


def test_table_may_be_added_to(monkeypatch):
    monkeypatch.setitem(loss_func_name2activ, "own_loss", torch.tanh)
    torch.testing.assert_close(loss_func2activ(own_loss)(RAW), RAW.tanh())
