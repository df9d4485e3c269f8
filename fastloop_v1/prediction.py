"""The part of a learner that predicts single items and shows results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .activation import loss_func2activ
from .basic_data import DatasetType
from .callback import CallbackHandler
from .modules import evaluation_mode
from .names import has_arg, noop
from .nested import grab_idx, to_device
from .optim import FakeOptimizer
from .plots import plot_images
from .progress import master_bar
from .sequences import ifnone

__all__ = ["Predictions"]


class Predictions:
    """Prediction of one item at a time, by the data set's own ideas of inputs and targets if it has any."""

    data: Any
    loss_func: Any
    model: Any
    callbacks: Any
    _loss_batch: Any
    _bridged: Any
    silent: bool | None

    def dl(self, ds_type: Any = DatasetType.Valid) -> Any:
        """The data's loader of this kind."""
        return self.data.dl(ds_type)

    def _bar(self, pbar: Any = None) -> Any:
        """The bar given; for a silent learner one that shows nothing."""
        return master_bar((), silent=True) if pbar is None and self.silent else pbar

    def pred_batch(
        self,
        ds_type: Any = DatasetType.Valid,
        batch: Any = None,
        reconstruct: bool = False,
        with_dropout: bool = False,
        activ: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Return the predictions of one batch `(x, y)`, by default the next one of a loader.

        Args:
            ds_type: which loader.
            batch: a batch to take instead; its target may be None.
            reconstruct: whether to return items of the data set instead of tensors.
            with_dropout: whether dropout stays on.
            activ: applied to the predictions; the one that fits the loss function if None.
        """
        xb, yb = self.data.one_batch(ds_type, detach=False, denorm=False) if batch is None else batch
        with self._bridged(self.callbacks, dl=[(xb, yb)]) as heard:
            handler = CallbackHandler(heard)
            xb, yb = handler.on_batch_begin(xb, yb, train=False)
            with torch.no_grad(), evaluation_mode(self.model):
                if with_dropout:
                    self.model.apply(self.apply_dropout)
                preds, _ = self._loss_batch(self.model, xb, yb, None, None, handler)
        preds = ifnone(activ, loss_func2activ(self.loss_func))(preds)
        if not reconstruct:
            return preds
        dataset = self.dl(ds_type).dataset
        return [dataset.reconstruct(pred) for pred in preds.cpu()]

    def backward(self, item: Any) -> Any:
        """Put one item through model and loss and go backward, without a step; return the loss."""
        xb, yb = self.data.one_item(item)
        handler = CallbackHandler(self.callbacks)
        with evaluation_mode(self.model):
            return self._loss_batch(self.model, xb, yb, self.loss_func, FakeOptimizer(), handler)

    def predict(
        self,
        item: Any,
        return_x: bool = False,
        batch_first: bool = True,
        with_dropout: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Return what is predicted for one item: as class or value, as a tensor, and the raw prediction.

        Without a data set that knows better, the class is the name in `data.classes` (else the number) with
        the highest prediction if the loss function has an activation, and the prediction itself if not.

        Args:
            item: one input without the batch dimension: a tensor, an array, or an item of the data set.
            return_x: whether to return the input first.
            batch_first: whether the output's first dimension is the batch.
            with_dropout: whether dropout stays on.
            kwargs: passed to the data set's `analyze_pred`, if it has one.
        """
        batch = self.data.one_item(item)
        preds = self.pred_batch(batch=batch, with_dropout=with_dropout)
        raw = grab_idx(preds, 0, batch_first=batch_first)
        x = grab_idx(batch[0], 0)
        dataset = self.data.single_ds
        if hasattr(getattr(dataset, "y", None), "analyze_pred"):
            x, y, pred = _through_dataset(dataset, x, raw, **kwargs)
        else:
            y, pred = self._plain_prediction(raw)
        return (x, y, pred, raw) if return_x else (y, pred, raw)

    def _plain_prediction(self, raw: Any) -> tuple[Any, Any]:
        if loss_func2activ(self.loss_func) is noop or raw.numel() == 1:
            return raw.tolist(), raw
        pred = raw.argmax(-1)
        classes = getattr(self.data, "classes", None)
        return (classes[int(pred)] if classes is not None else pred.tolist()), pred

    def predict_with_mc_dropout(
        self,
        item: Any,
        with_dropout: bool = True,
        n_times: int = 10,
        **kwargs: Any,
    ) -> list[tuple[Any, ...]]:
        """Return `n_times` predictions of an item with dropout on (Gal, Ghahramani, arXiv:1506.02142)."""
        return [self.predict(item, with_dropout=with_dropout, **kwargs) for _ in range(n_times)]

    def apply_dropout(self, m: nn.Module) -> None:
        """Put a layer in training mode if it is a dropout layer."""
        if "Dropout" in type(m).__name__:
            m.train()

    def show_results(self, ds_type: Any = DatasetType.Valid, rows: int = 5, **kwargs: Any) -> Any:
        """Show the first items of a batch with target and prediction.

        Args:
            ds_type: which loader.
            rows: number of items, at most those of a batch.
            kwargs: passed to the data set's `show_xyzs`, or to the picture.

        Returns:
            What the data set's own way of showing returns; else a figure if the inputs are images, and a
            list of `(target, prediction)` if they are not.
        """
        x, y = self.data.one_batch(ds_type, detach=True, cpu=True)
        preds = self.pred_batch(batch=to_device([x, y], self.data.device)).cpu()
        x, y, preds = x[:rows], y[:rows], preds[:rows]
        dataset: Any = getattr(self.data.dl(ds_type), "dataset", None)
        if hasattr(getattr(dataset, "x", None), "show_xyzs"):
            xs = [dataset.x.reconstruct(o) for o in x]
            ys, zs = (
                [dataset.y.reconstruct(o) for o in part] for part in (y, map(dataset.y.analyze_pred, preds))
            )
            return dataset.x.show_xyzs(xs, ys, zs, **kwargs)
        pairs = [
            (target.tolist(), self._plain_prediction(pred)[0]) for target, pred in zip(y, preds, strict=True)
        ]
        if x.ndim == 4 and x.shape[1] in (1, 3):
            return plot_images(x, [f"{target} / {pred}" for target, pred in pairs], **kwargs)
        return pairs


def _through_dataset(dataset: Any, x: Any, raw: torch.Tensor, **kwargs: Any) -> tuple[Any, Any, Any]:
    """Input, class or value, and tensor prediction as the data set's own sides make them."""
    pred = dataset.y.analyze_pred(raw, **kwargs)
    x = dataset.x.reconstruct(x)
    reconstruct = dataset.y.reconstruct
    return x, reconstruct(pred, x) if has_arg(reconstruct, "x") else reconstruct(pred), pred
