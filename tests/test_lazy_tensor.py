"""A lazy tensor is not made before somebody looks, and every look sees an ordinary tensor on the CPU."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from fastloop_v1.lazy_tensor import FetchedTensor, LazyTensor, mean_loss, on_cpu_when_read


class Counted(LazyTensor):
    """Counts how often it is made; its source is a list of values."""

    def _look(self):
        return torch.tensor(self.source.pop())


LOOKS = {
    "item": lambda x: x.item(),
    "float": float,
    "format": lambda x: float(f"{x:.1f}"),
    "str": lambda x: float(str(x)[len("tensor(") : -1]),
    "numpy": lambda x: x.numpy().item(),
    "array": lambda x: np.asarray(x).item(),
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu().item(),
    "plus": lambda x: (x + 0).item(),
    "of a number": lambda x: (0 + x).item(),
    "stack": lambda x: torch.stack([x, x])[1].item(),
    "sum": lambda x: sum([x, torch.tensor(0.0)]).item(),
    "deepcopy": lambda x: copy.deepcopy(x).item(),
    "pickle": lambda x: pickle.loads(pickle.dumps(x)).item(),
    "detach": lambda x: x.detach().item(),
    "clone": lambda x: x.clone().item(),
}


@pytest.fixture
def lazy():
    return Counted.over([2.5])


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_each_way_to_look_sees_the_number(lazy, look):
    assert look(lazy) == 2.5
    assert lazy.source == []


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_second_look_makes_nothing(lazy, look):
    float(lazy)
    assert look(lazy) == 2.5


def test_handing_it_on_makes_nothing(lazy):
    held = {"smooth_loss": lazy, "list": [lazy]}
    assert isinstance(held["smooth_loss"], torch.Tensor)
    assert lazy.source == [2.5]


def test_questions_of_torch_are_answered(lazy):
    assert not torch.isnan(lazy)
    assert torch.isfinite(lazy)
    assert lazy < 3 < lazy + 1
    assert bool(lazy)
    assert (lazy.dtype, lazy.device.type, lazy.shape) == (torch.float32, "cpu", ())


def test_what_comes_out_is_an_ordinary_tensor(lazy):
    assert type(lazy + 1) is torch.Tensor
    assert type(pickle.loads(pickle.dumps(lazy))) is torch.Tensor


def test_torch_save_writes_the_number(lazy):
    file = io.BytesIO()
    torch.save({"loss": lazy}, file)
    file.seek(0)
    assert torch.load(file, weights_only=True)["loss"].item() == 2.5


def test_the_copy_made_inside_torch_sees_the_number(lazy):
    with pytest.warns(UserWarning, match="copy construct"):
        assert torch.tensor(lazy).item() == 2.5


def test_one_without_a_rule_says_so():
    with pytest.raises(NotImplementedError):
        float(LazyTensor.over(None))


def test_a_loss_on_the_cpu_is_only_cut_off():
    weight = torch.ones((), requires_grad=True)
    loss = on_cpu_when_read(weight * 2)
    assert type(loss) is torch.Tensor
    assert not loss.requires_grad
    assert loss.item() == 2


def test_a_loss_on_a_device_is_not_fetched_before_a_look():
    loss = on_cpu_when_read(torch.ones((), device="meta", dtype=torch.float64))
    assert type(loss) is FetchedTensor
    assert loss.source.device.type == "meta"
    # A meta tensor holds no number, so the look fails where a device would answer.
    with pytest.raises(NotImplementedError):
        loss.item()


def test_a_mean_weighs_by_sizes_and_reads_in_one_go():
    losses = [torch.tensor(1.0), FetchedTensor.over(torch.tensor(2.0)), Counted.over([4.0])]
    assert mean_loss(losses, [1, 1, 2]) == pytest.approx(11 / 4)
    assert losses[1]._value is None


def test_there_is_no_mean_of_nothing():
    assert mean_loss([], []) is None
