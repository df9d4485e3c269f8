"""Images for TensorBoard: what a model that makes images was given, should make, and made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..basic_data import DatasetType
from ..errors import NotOfferedError
from .tensorboard_requests import TBWriteRequest, asyncTBWriter

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["ImageTBRequest", "ImageTBWriter", "ModelImageSet"]


class ModelImageSet:
    """One sample of an image model, as tensors `(1 or 3, height, width)`.

    Args:
        orig: what the model was given.
        real: what it should make of that.
        gen: what it made.
    """

    def __init__(self, orig: Tensor, real: Tensor, gen: Tensor) -> None:
        self.orig, self.real, self.gen = orig, real, gen

    @staticmethod
    def get_list_from_model(learn: Learner, ds_type: Any, batch: Any) -> list[ModelImageSet]:
        """Return the samples of a batch; training modes and random numbers are as before.

        Args:
            learn: the learner.
            ds_type: which loader the batch is from.
            batch: `(x, y)`.

        Raises:
            NotOfferedError: inputs, targets or predictions are no images.
        """
        modes = [(module, module.training) for module in learn.model.modules()]
        try:
            with torch.random.fork_rng(devices=[]):
                preds = learn.pred_batch(ds_type, batch=batch)
        finally:
            for module, training in modes:
                module.training = training
        kinds = {"inputs": batch[0], "targets": batch[1], "predictions": preds}
        for kind, images in kinds.items():
            _check_images(kind, images)
        return [ModelImageSet(*images) for images in zip(batch[0], batch[1], preds, strict=True)]


def _check_images(kind: str, images: Any) -> None:
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise NotOfferedError(
            f"The {kind} have shape {shape} and are no images (batch, 1 or 3, height, width). Show them with "
            "tbwriter.add_image or add_figure in a LearnerTensorboardWriter of your own."
        )


class ImageTBRequest(TBWriteRequest):
    """Inputs, predictions and targets of a batch as three grids of images."""

    def __init__(self, learn: Learner, batch: Any, iteration: int, tbwriter: Any, ds_type: Any) -> None:
        super().__init__(tbwriter=tbwriter, iteration=iteration)
        self.image_sets = ModelImageSet.get_list_from_model(learn, ds_type, batch)
        self.ds_type = ds_type

    def write(self) -> None:
        """Write the grids."""
        for name, images in self._get_image_tensors().items():
            self._write_images(name, images)

    def _get_image_tensors(self) -> dict[str, Tensor]:
        return {
            "Original": torch.stack([images.orig for images in self.image_sets]),
            "Generated": torch.stack([images.gen for images in self.image_sets]),
            "Real": torch.stack([images.real for images in self.image_sets]),
        }

    def _write_images(self, name: str, images: Tensor) -> None:
        """Write a grid, stretched so that the darkest value is 0 and the brightest 1."""
        low, high = images.min(), images.max()
        stretched = (images - low) / (high - low).clamp(min=1e-5)
        tag = f"{self.ds_type.name} {name}"
        self.tbwriter.add_images(tag=tag, img_tensor=stretched, global_step=self.iteration)


class ImageTBWriter:
    """Writes images of a training and, if there is one, of a validation batch."""

    def write(self, learn: Learner, trn_batch: Any, val_batch: Any, iteration: int, tbwriter: Any) -> None:
        """Write both."""
        if val_batch is not None:
            self._write_for_dstype(learn, val_batch, iteration, tbwriter, DatasetType.Valid)
        self._write_for_dstype(learn, trn_batch, iteration, tbwriter, DatasetType.Train)

    def _write_for_dstype(
        self, learn: Learner, batch: Any, iteration: int, tbwriter: Any, ds_type: Any
    ) -> None:
        asyncTBWriter.request_write(ImageTBRequest(learn, batch, iteration, tbwriter, ds_type))
