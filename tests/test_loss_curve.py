"""The curve of smoothed losses is v1's to the bit, and nothing is read before somebody looks."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fastloop_v1.loss_curve import LossCurve, LossLog, SmoothLoss
from fastloop_v1.schedule import SmoothenValue


class Calls(TorchDispatchMode):
    """Counts what torch is asked to do."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


def losses(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand((), generator=generator) * 10 ** (i % 9 - 4) for i in range(n)]


def both(beta, values):
    """The curve and v1's averages of these values."""
    curve, average, expected = LossCurve(beta), SmoothenValue(beta), []
    for value in values:
        curve.add_value(value)
        average.add_value(value)
        expected.append(average.smooth)
    return curve, average, expected


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.98, 0.999])
@pytest.mark.parametrize("n", [1, 511, 512, 513, 1300])
def test_points_equal_v1s_to_the_bit(beta, n):
    curve, average, expected = both(beta, losses(n))
    assert torch.equal(torch.stack([curve.at(i) for i in range(n)]), torch.stack(expected))
    assert torch.equal(curve.mov_avg, average.mov_avg)
    assert curve.n == average.n


def test_the_order_of_looks_does_not_matter():
    values = losses(700)
    curve, _, expected = both(0.9, values[:300])
    seen = [curve.smooth.item()]
    for value in values[300:]:
        curve.add_value(value)
        seen.append(curve.smooth.item())
    assert seen[0] == expected[-1].item()
    assert seen[-1] == both(0.9, values)[2][-1].item()


def test_a_point_keeps_its_value_when_losses_follow():
    curve, _, expected = both(0.9, losses(10))
    point = curve.smooth
    curve.add_value(torch.tensor(100.0))
    assert point.item() == expected[-1].item()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_invalid_loss_makes_what_follows_invalid(value):
    curve, _, _ = both(0.9, [torch.tensor(1.0), torch.tensor(value), torch.tensor(1.0)])
    assert [bool(torch.isfinite(curve.at(i))) for i in range(3)] == [True, False, False]


def test_a_loss_of_several_numbers_counts_as_their_mean():
    curve = LossCurve(0.9)
    curve.add_value(torch.tensor([1.0, 3.0]))
    assert curve.smooth.item() == pytest.approx(2.0)


def test_losses_of_any_precision_are_smoothed_in_float32():
    curve = LossCurve(0.9)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        curve.add_value(torch.tensor(0.5, dtype=dtype))
    assert curve.smooth.item() == pytest.approx(0.5)
    assert curve.at(0).dtype is torch.float32


def test_nothing_is_asked_of_torch_while_losses_come():
    curve, values = LossCurve(0.98), losses(500)
    with Calls() as calls:
        for value in values:
            curve.add_value(value)
    assert calls.names == []


def test_losses_that_nobody_looks_at_are_stacked_in_blocks():
    curve = LossCurve(0.98)
    with Calls() as calls:
        for value in losses(2000):
            curve.add_value(value)
    assert sum("local_scalar" in name or "copy" in name for name in calls.names) < 2000
    assert len(curve._waiting) < 512
    assert [len(block) for block in curve._blocks] == [512, 512, 512]


def test_a_log_counts_points_until_somebody_looks():
    curve, log = LossCurve(0.9), LossLog()
    values = losses(50)
    for value in values:
        curve.add_value(value)
        log.append(curve.smooth)
    assert len(log) == 50
    assert log._seen == []
    assert [float(loss) for loss in log.values] == [float(loss) for loss in both(0.9, values)[2]]
    assert all(type(loss) is torch.Tensor for loss in log.values)


def test_a_log_hands_out_one_list_that_grows():
    curve, log = LossCurve(0.9), LossLog()
    seen = log.values
    for value in losses(3):
        curve.add_value(value)
        log.append(curve.smooth)
        assert log.values is seen
        assert len(seen) == curve.n


def test_a_log_takes_anything_in_order():
    curve, log = LossCurve(0.9), LossLog([7.0])
    for value in losses(2):
        curve.add_value(value)
        log.append(curve.smooth)
    log.append(5.0)
    other = LossCurve(0.0)
    other.add_value(torch.tensor(1.0))
    log.append(other.smooth)
    log.append(SmoothLoss.over((curve, 0)))
    assert [float(loss) for loss in log.values] == [
        7.0,
        float(curve.at(0)),
        float(curve.at(1)),
        5.0,
        1.0,
        float(curve.at(0)),
    ]


def test_losses_that_are_no_number_can_be_left_out():
    curve, values = LossCurve(0.9), losses(6)
    curve.leaves_out = True
    for at, value in enumerate(values):
        curve.add_value(value)
        if at in (0, 3):
            curve.add_value(torch.tensor(float("nan" if at else "inf")))
    expected = both(0.9, values)[2]
    points = [curve.at(i) for i in range(8)]
    assert torch.equal(torch.stack([points[i] for i in (0, 2, 3, 4, 6, 7)]), torch.stack(expected))
    assert (points[1], points[5]) == (points[0], points[4])
