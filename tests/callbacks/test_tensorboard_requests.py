"""Histograms, numbers about gradients and graphs come to the files of TensorBoard."""

from __future__ import annotations

import statistics

import pytest
import torch
from torch import nn

from fastloop_v1.callbacks.tensorboard_requests import (
    AsyncTBWriter,
    GraphTBWriter,
    HistogramTBRequest,
    HistogramTBWriter,
    ModelStatsTBRequest,
    ModelStatsTBWriter,
    TBWriteRequest,
    asyncTBWriter,
)


class Written:
    """Notes what a writer is asked to write."""

    def __init__(self):
        self.scalars, self.histograms, self.flushed = {}, {}, 0

    def add_scalar(self, tag, scalar_value, global_step):
        self.scalars[tag] = (global_step, scalar_value)

    def add_histogram(self, tag, values, global_step):
        self.histograms[tag] = (global_step, values.tolist())

    def flush(self):
        self.flushed += 1


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 1))


def test_histograms_are_of_each_parameter():
    net, written = model(), Written()
    HistogramTBWriter().write(net, 7, written)
    assert list(written.histograms) == [f"model/weights/{name}" for name, _ in net.named_parameters()]
    assert written.histograms["model/weights/2.bias"] == (7, net[2].bias.tolist())


def test_histograms_leave_out_what_is_not_finite():
    net, written = model(), Written()
    with torch.no_grad():
        net[2].bias.fill_(torch.nan)
        net[0].bias.copy_(torch.tensor([1.0, torch.inf, 2.0]))
    HistogramTBRequest(net.bfloat16(), 0, written, "net").write()
    assert "net/weights/2.bias" not in written.histograms
    assert written.histograms["net/weights/0.bias"] == (0, [1.0, 2.0])


def test_numbers_about_gradients_are_those_of_all_entries():
    net, written = model().eval(), Written()
    net(torch.tensor([[1.0, 0.0]])).backward()
    ModelStatsTBWriter().write(net, 3, written)
    gradients = [p.grad.flatten().tolist() for p in net.parameters()]
    entries = sum(gradients, [])
    norms = [sum(v**2 for v in each) ** 0.5 for each in gradients]
    expected = {
        "avg_norm": sum(norms) / 4,
        "median_norm": sorted(norms)[1],
        "max_norm": max(norms),
        "min_norm": min(norms),
        "num_zeros": entries.count(0.0),
        "avg_gradient": sum(entries) / len(entries),
        "median_gradient": sorted(statistics.median_low(each) for each in gradients)[1],
        "max_gradient": max(entries),
        "min_gradient": min(entries),
    }
    assert expected["num_zeros"] == 3
    assert written.scalars == {
        f"model_stats/gradients/{name}": (3, pytest.approx(value)) for name, value in expected.items()
    }


def test_model_without_gradients_has_no_numbers():
    written = Written()
    ModelStatsTBRequest(model(), 0, written, "stats").write()
    assert written.scalars == {}


def test_closing_waits_for_each_writer_once():
    net, written, other = model(), Written(), Written()
    with AsyncTBWriter() as writer:
        for each in (written, written, other):
            writer.request_write(HistogramTBRequest(net, 0, each, "net"))
    assert (written.flushed, other.flushed) == (1, 1)
    asyncTBWriter.close()


def test_request_says_what_it_writes():
    with pytest.raises(TypeError, match="abstract"):
        TBWriteRequest(Written(), 0)


def test_graph_is_written_without_a_trace_in_the_model(tmp_path):
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (not installed everywhere)

    net, state = model(), torch.get_rng_state()
    with SummaryWriter(str(tmp_path)) as writer:
        GraphTBWriter().write(net, writer, torch.ones(1, 2))
        asyncTBWriter.close()
    (file,) = tmp_path.iterdir()
    assert b"Linear" in file.read_bytes()
    assert all(layer.training for layer in net)
    assert torch.get_rng_state().equal(state)
