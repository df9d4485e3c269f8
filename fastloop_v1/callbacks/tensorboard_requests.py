"""What can be written to TensorBoard about a model: histograms, gradients and the graph."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..nested import to_np

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "AsyncTBWriter",
    "GraphTBRequest",
    "GraphTBWriter",
    "HistogramTBRequest",
    "HistogramTBWriter",
    "ModelStatsTBRequest",
    "ModelStatsTBWriter",
    "TBWriteRequest",
    "asyncTBWriter",
]


class TBWriteRequest(ABC):
    """Something to be written.

    Args:
        tbwriter: a `torch.utils.tensorboard.SummaryWriter`.
        iteration: the place on the axis of time.
    """

    def __init__(self, tbwriter: Any, iteration: int) -> None:
        super().__init__()
        self.tbwriter, self.iteration = tbwriter, iteration

    @abstractmethod
    def write(self) -> None:
        """Write it."""


class AsyncTBWriter:
    """Hands requests to torch's writers, which write in a thread of their own; `close` waits for it."""

    def __init__(self) -> None:
        self._writers: list[Any] = []

    def request_write(self, request: TBWriteRequest) -> None:
        """Write a request."""
        if not any(writer is request.tbwriter for writer in self._writers):
            self._writers.append(request.tbwriter)
        request.write()

    def close(self) -> None:
        """Wait until all that was requested is in the files."""
        while self._writers:
            self._writers.pop().flush()

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until all is written."""
        self.close()


asyncTBWriter = AsyncTBWriter()


class HistogramTBRequest(TBWriteRequest):
    """The values of each parameter of a model as histograms `name/weights/...`."""

    def __init__(self, model: nn.Module, iteration: int, tbwriter: Any, name: str) -> None:
        super().__init__(tbwriter=tbwriter, iteration=iteration)
        self.name = name
        self.params = [(key, value.detach()) for key, value in model.named_parameters()]

    def write(self) -> None:
        """Write the histograms, of the values that are finite."""
        for param_name, values in self.params:
            self._write_histogram(param_name, values[values.isfinite()])

    def _write_histogram(self, param_name: str, values: Tensor) -> None:
        if values.numel():
            tag = f"{self.name}/weights/{param_name}"
            self.tbwriter.add_histogram(tag=tag, values=to_np(values), global_step=self.iteration)


class HistogramTBWriter:
    """Writes histograms of a model's parameters."""

    def write(self, model: nn.Module, iteration: int, tbwriter: Any, name: str = "model") -> None:
        """Write them."""
        asyncTBWriter.request_write(HistogramTBRequest(model, iteration, tbwriter, name))


class ModelStatsTBRequest(TBWriteRequest):
    """Numbers about the gradients of a model as scalars `name/gradients/...`.

    Mean, median, largest and smallest norm among the parameters; of all entries of all gradients the mean,
    the largest, the smallest and the number of zeros; and the median of the parameters' medians.
    """

    def __init__(self, model: nn.Module, iteration: int, tbwriter: Any, name: str) -> None:
        super().__init__(tbwriter=tbwriter, iteration=iteration)
        self.name = name
        self.gradients = [p.grad.detach() for p in model.parameters() if p.grad is not None]

    def write(self) -> None:
        """Write the numbers; nothing if there are no gradients."""
        for name, value in self._numbers().items():
            tag = f"{self.name}/gradients/{name}"
            self.tbwriter.add_scalar(tag=tag, scalar_value=value, global_step=self.iteration)

    def _numbers(self) -> dict[str, float]:
        gradients = [gradient.float() for gradient in self.gradients if gradient.numel()]
        if not gradients:
            return {}
        entries = sum(gradient.numel() for gradient in gradients)
        norms = _each(gradients, torch.linalg.vector_norm)
        numbers = {
            "avg_norm": norms.mean(),
            "median_norm": norms.median(),
            "max_norm": norms.max(),
            "min_norm": norms.min(),
            "num_zeros": _each(gradients, lambda gradient: (gradient == 0).sum()).sum(),
            "avg_gradient": _each(gradients, torch.sum).sum() / entries,
            "median_gradient": _each(gradients, torch.median).median(),
            "max_gradient": _each(gradients, torch.max).max(),
            "min_gradient": _each(gradients, torch.min).min(),
        }
        # One copy from the device for all numbers.
        values = torch.stack([number.float() for number in numbers.values()]).tolist()
        return dict(zip(numbers, values, strict=True))


def _each(gradients: list[Tensor], function: Any) -> Tensor:
    """What a function makes of each gradient, `(parameters,)`, on the device of the first."""
    return torch.stack([function(gradient).to(gradients[0].device) for gradient in gradients])


class ModelStatsTBWriter:
    """Writes numbers about a model's gradients."""

    def write(self, model: nn.Module, iteration: int, tbwriter: Any, name: str = "model_stats") -> None:
        """Write them."""
        asyncTBWriter.request_write(ModelStatsTBRequest(model, iteration, tbwriter, name))


class GraphTBRequest(TBWriteRequest):
    """The graph of a model, as tracing sees it for an input."""

    def __init__(self, model: nn.Module, tbwriter: Any, input_to_model: Any) -> None:
        super().__init__(tbwriter=tbwriter, iteration=0)
        self.model, self.input_to_model = model, input_to_model

    def write(self) -> None:
        """Send the input through the model, which is in evaluation mode meanwhile, and write the graph."""
        with warnings.catch_warnings():
            # torch's own writer still traces.
            warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
            self.tbwriter.add_graph(self.model, self.input_to_model)


class GraphTBWriter:
    """Writes the graph of a model; no callback does so, since that runs the model once more."""

    def write(self, model: nn.Module, tbwriter: Any, input_to_model: Any) -> None:
        """Write it."""
        asyncTBWriter.request_write(GraphTBRequest(model, tbwriter, input_to_model))
