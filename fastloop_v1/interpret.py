"""What a trained model gets wrong: top losses, confusion matrix, most confused classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import SequentialSampler

from .axes_grid import subplots
from .basic_data import DatasetType
from .defaults import defaults
from .errors import ArgumentError, NotOfferedError
from .nested import to_data
from .plots import plot_confusion_matrix

if TYPE_CHECKING:
    from typing_extensions import Self

    from .basic_train import Learner

__all__ = [
    "ClassificationInterpretation",
    "Interpretation",
    "MultiLabelClassificationInterpretation",
    "interpret",
]


class Interpretation:
    """Predictions, targets and losses of a data set, to look into.

    Args:
        learn: the learner.
        preds: predictions, `(samples, ...)`.
        y_true: targets, `(samples, ...)`.
        losses: one for each sample; if there are several for a sample, one after the other, their mean is
            taken.
        ds_type: where they come from.
    """

    def __init__(
        self,
        learn: Learner,
        preds: Tensor,
        y_true: Tensor,
        losses: Tensor,
        ds_type: Any = DatasetType.Valid,
    ) -> None:
        self.learn, self.data, self.ds_type = learn, learn.data, ds_type
        self.preds, self.y_true = preds, y_true
        self.losses = _by_sample(losses, len(preds))
        self.ds = learn.dl(ds_type).dataset

    @classmethod
    def from_learner(
        cls,
        learn: Learner,
        ds_type: Any = DatasetType.Valid,
        activ: Callable[[Any], Any] | None = None,
    ) -> Self:
        """Predict a data set and return what there is to look into.

        Args:
            learn: the learner.
            ds_type: which of its loaders.
            activ: applied to the predictions; the one that fits the loss function if None.
        """
        preds, y_true, losses = learn.get_preds(ds_type=ds_type, activ=activ, with_loss=True)
        return cls(learn, preds, y_true, losses, ds_type=ds_type)

    def top_losses(self, k: int | None = None, largest: bool = True) -> Any:
        """Return the `k` largest (or smallest) losses and the numbers of their samples, all if None.

        Raises:
            ArgumentError: `k` is below 0 or above the number of samples.
        """
        k = len(self.losses) if k is None else k
        if not 0 <= k <= len(self.losses):
            raise ArgumentError(f"k is {k}; it must be from 0 to {len(self.losses)}, the number of samples.")
        return self.losses.topk(k, largest=largest)


def _by_sample(losses: Tensor, samples: int) -> Tensor:
    """One loss for each sample: the mean of those it has, which stand one after the other."""
    if samples and losses.numel() % samples == 0:
        return losses.reshape(samples, -1).mean(1)
    return losses.reshape(-1)


class ClassificationInterpretation(Interpretation):
    """What a model that gives each sample one class gets wrong.

    Attributes:
        pred_class: the class with the highest prediction, `(samples, ...)`.

    Args:
        learn: the learner.
        preds: predictions, `(samples, classes, ...)`.
        y_true: classes, `(samples, ...)`.
        losses: one for each sample.
        ds_type: where they come from.
    """

    def __init__(
        self,
        learn: Learner,
        preds: Tensor,
        y_true: Tensor,
        losses: Tensor,
        ds_type: Any = DatasetType.Valid,
    ) -> None:
        super().__init__(learn, preds, y_true, losses, ds_type)
        self.pred_class = preds.argmax(dim=1)

    @property
    def classes(self) -> list[Any]:
        """Names of the classes as the data has them, else their numbers."""
        names = getattr(self.data, "classes", None)
        return list(range(self.preds.shape[1])) if names is None else list(names)

    def confusion_matrix(self, slice_size: int | None = 1) -> NDArray[np.int64]:
        """Return how often each class was taken for each other, `(actual, predicted)`.

        Args:
            slice_size: not used; nothing here grows with the number of samples times classes.
        """
        n = self.preds.shape[1]
        pairs = self.y_true.reshape(-1) * n + self.pred_class.reshape(-1)
        counts: NDArray[np.int64] = torch.bincount(pairs, minlength=n * n).reshape(n, n).cpu().numpy()
        return counts

    def plot_confusion_matrix(
        self,
        normalize: bool = False,
        title: str = "Confusion matrix",
        cmap: Any = "Blues",
        slice_size: int | None = 1,
        norm_dec: int = 2,
        plot_txt: bool = True,
        return_fig: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Draw the confusion matrix.

        Args:
            normalize: whether to draw each row as shares of its sum.
            title: text over the picture.
            cmap: colour map.
            slice_size: not used.
            norm_dec: digits after the point of a share.
            plot_txt: whether to write the numbers into the cells.
            return_fig: whether to return the figure; `defaults.return_fig` if None.
            kwargs: arguments of the figure, such as `figsize`.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        figure = plot_confusion_matrix(
            self.confusion_matrix(),  # type: ignore[arg-type]  # an array of two dimensions
            self.classes,
            normalize=normalize,
            title=title,
            cmap=cmap,
            norm_dec=norm_dec,
            plot_txt=plot_txt,
            interactive=True,
            **kwargs,
        )
        return figure if _is_returned(return_fig=return_fig) else None

    def most_confused(self, min_val: int = 1, slice_size: int | None = 1) -> list[tuple[Any, Any, int]]:
        """Return what was confused at least `min_val` times as (actual, predicted, times), most often first.

        Args:
            min_val: least number of times.
            slice_size: not used.
        """
        matrix = self.confusion_matrix()
        np.fill_diagonal(matrix, 0)
        found = [(*where, int(times)) for where, times in np.ndenumerate(matrix) if times >= max(min_val, 1)]
        found.sort(key=lambda entry: -entry[2])
        return [(self.classes[actual], self.classes[predicted], times) for actual, predicted, times in found]

    def plot_top_losses(
        self,
        k: int,
        largest: bool = True,
        figsize: tuple[int, int] = (12, 12),
        heatmap: bool = False,
        return_fig: bool | None = None,
    ) -> Any:
        """Draw the images with the largest (or smallest) losses, with what was predicted for them.

        Args:
            k: number of images.
            largest: False draws those with the smallest losses.
            figsize: width and height, inches.
            heatmap: not offered.
            return_fig: whether to return the figure; `defaults.return_fig` if None.

        Raises:
            NotOfferedError: the items are no images `(1 or 3, height, width)`, or a heat map is asked for.
            ArgumentError: `k` is out of range, or the loader does not go through its data set in order, so
                that nobody knows which item a loss belongs to.
            MissingExtraError: matplotlib is not installed.
        """
        if heatmap:
            raise NotOfferedError(
                "heatmap is True; make one from the activations that `callbacks.hooks.hook_output` keeps."
            )
        losses, places = self.top_losses(k, largest)
        images = [self._image(int(place)) for place in places]
        side = max(1, int(np.ceil(np.sqrt(k))))
        grid = subplots(
            int(np.ceil(k / side)) or 1, side, figsize=figsize, title="Prediction/Actual/Loss/Probability"
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, image, place, loss in zip(grid.flat, images, places, losses, strict=False):
            axes.imshow(image, cmap="gray")
            axes.set_title(self._title(int(place), float(loss)))
        return grid.flat[0].figure if _is_returned(return_fig=return_fig) else None

    def _image(self, place: int) -> NDArray[Any]:
        loader = self.learn.dl(self.ds_type)
        if not isinstance(getattr(loader, "sampler", None), (SequentialSampler, type(None))):
            raise ArgumentError(
                f"ds_type is {self.ds_type}, whose loader shuffles, so that losses cannot be told to items; "
                f"use DatasetType.Fix for training data in order."
            )
        image = to_data(self.ds[place][0])
        if not isinstance(image, Tensor) or image.ndim != 3 or image.shape[0] not in (1, 3):
            raise NotOfferedError(
                "Only images that are tensors of shape (1 or 3, height, width) can be drawn."
            )
        image = image.detach().cpu().float() if image.is_floating_point() else image.cpu()
        shown: NDArray[Any] = (
            (image.clamp(0, 1) if image.is_floating_point() else image).permute(1, 2, 0).numpy()
        )
        return shown

    def _title(self, place: int, loss: float) -> str:
        predicted, actual = int(self.pred_class[place]), int(self.y_true[place])
        probability = float(self.preds[place][actual])
        return f"{self.classes[predicted]}/{self.classes[actual]} / {loss:.2f} / {probability:.2f}"


class MultiLabelClassificationInterpretation(Interpretation):
    """What a model that gives each sample any number of classes gets wrong.

    Attributes:
        pred_class: whether each class is predicted, `(samples, classes)`.

    Args:
        learn: the learner.
        preds: predictions, `(samples, classes)`.
        y_true: whether a sample is of a class, `(samples, classes)`.
        losses: one for each sample, or for each sample and class.
        ds_type: where they come from.
        sigmoid: whether the predictions still have to go through a sigmoid; `from_learner` has done it.
        thresh: a class is predicted above this, 0 to 1.
    """

    def __init__(
        self,
        learn: Learner,
        preds: Tensor,
        y_true: Tensor,
        losses: Tensor,
        ds_type: Any = DatasetType.Valid,
        sigmoid: bool = True,
        thresh: float = 0.3,
    ) -> None:
        super().__init__(learn, preds, y_true, losses, ds_type)
        self.preds = preds.sigmoid() if sigmoid else preds
        self.pred_class = self.preds > thresh

    @classmethod
    def from_learner(
        cls,
        learn: Learner,
        ds_type: Any = DatasetType.Valid,
        activ: Callable[[Any], Any] | None = None,
    ) -> Self:
        """Predict a data set and return what there is to look into.

        Args:
            learn: the learner.
            ds_type: which of its loaders.
            activ: makes probabilities of the model's output; what fits the loss function if None.
        """
        preds, y_true, losses = learn.get_preds(ds_type=ds_type, activ=activ, with_loss=True)
        return cls(learn, preds, y_true, losses, ds_type=ds_type, sigmoid=False)


def interpret(learn: Learner, ds_type: Any = DatasetType.Valid) -> ClassificationInterpretation:
    """Return the `ClassificationInterpretation` of a learner on one of its data sets."""
    return ClassificationInterpretation.from_learner(learn, ds_type=ds_type)


def _is_returned(*, return_fig: bool | None) -> bool:
    return defaults.return_fig if return_fig is None else return_fig
