"""A callback that draws the losses while the model trains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from ..learner_callback import LearnerCallback

__all__ = ["ShowGraph"]


class ShowGraph(LearnerCallback):
    """Shows training and validation loss over the batches below the table, after each validated epoch."""

    def on_epoch_end(self, n_epochs: int, last_metrics: Sequence[Any], **kwargs: Any) -> dict[str, Any]:
        """Draw anew; the picture is as wide as the whole training will be."""
        recorder = getattr(self.learn, "recorder", None)
        pbar = getattr(recorder, "pbar", None)
        if recorder is not None and pbar is not None and last_metrics and last_metrics[0] is not None:
            losses = [float(loss) for loss in recorder.losses]
            ends = accumulate(recorder.nb_batches)
            points = [
                (end, float(loss))
                for end, loss in zip(ends, recorder.val_losses, strict=False)
                if loss is not None
            ]
            val_batches, val_losses = ([point[i] for point in points] for i in range(2))
            left = (n_epochs - len(recorder.nb_batches)) * recorder.nb_batches[-1]
            pbar.update_graph(
                [(range(len(losses)), losses), (val_batches, val_losses)],
                (0, left + len(losses)),
                (0, _highest([*losses, *val_losses])),
            )
        return {}


def _highest(values: Iterable[float]) -> float:
    """The highest finite value, 1 if there is none."""
    return max(filter(math.isfinite, values), default=1.0)
