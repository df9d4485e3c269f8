"""Callbacks that write training to TensorBoard, and v1's names for what they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from ..basic_data import DatasetType
from ..errors import NotOfferedError
from ..learner_callback import LearnerCallback
from ..optional import optional_import
from ..processes import rank_distrib
from .lasting_epoch import is_lasting
from .sample_batch import sample_batch
from .tensorboard_images import ImageTBRequest, ImageTBWriter, ModelImageSet
from .tensorboard_requests import (
    AsyncTBWriter,
    GraphTBRequest,
    GraphTBWriter,
    HistogramTBRequest,
    HistogramTBWriter,
    ModelStatsTBRequest,
    ModelStatsTBWriter,
    TBWriteRequest,
    asyncTBWriter,
)

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = [
    "AsyncTBWriter",
    "GANTensorboardWriter",
    "GraphTBRequest",
    "GraphTBWriter",
    "HistogramTBRequest",
    "HistogramTBWriter",
    "ImageGenTensorboardWriter",
    "ImageTBRequest",
    "ImageTBWriter",
    "LearnerTensorboardWriter",
    "ModelImageSet",
    "ModelStatsTBRequest",
    "ModelStatsTBWriter",
    "TBWriteRequest",
    "asyncTBWriter",
]


class LearnerTensorboardWriter(LearnerCallback):
    """Writes losses, metrics, weights and gradients to `base_dir/name`.

    All is in the files at the end of each epoch. Of several processes the first one writes; `lr_find`
    writes nothing; and training draws the same random numbers as without the writer.

    Args:
        learn: the learner.
        base_dir: folder of all runs.
        name: folder of this run below it.
        loss_iters: iterations from one training loss to the next, beginning with the first.
        hist_iters: iterations from one set of histograms of the weights to the next.
        stats_iters: iterations from one set of numbers about the gradients to the next.

    Attributes:
        metrics_root: what the names of losses and metrics begin with.
        hist_writer: writes the histograms.
        stats_writer: writes about gradients.
    """

    exclude = (*LearnerCallback.exclude, "_tbwriter")
    metrics_root = "/metrics/"

    def __init__(
        self,
        learn: Learner,
        base_dir: Any,
        name: Any,
        loss_iters: int = 25,
        hist_iters: int = 500,
        stats_iters: int = 100,
    ) -> None:
        super().__init__(learn)
        self.base_dir, self.name = base_dir, name
        self.loss_iters, self.hist_iters, self.stats_iters = loss_iters, hist_iters, stats_iters
        self.hist_writer, self.stats_writer = HistogramTBWriter(), ModelStatsTBWriter()

    @property
    def tbwriter(self) -> Any:
        """Torch's `SummaryWriter`, which makes its file with the first thing that is written.

        Raises:
            MissingExtraError: tensorboard is not installed.
        """
        if "_tbwriter" not in self.__dict__:
            optional_import("tensorboard", "tensorboard")
            make = optional_import("torch.utils.tensorboard", "tensorboard").SummaryWriter
            self._tbwriter = make(log_dir=str(Path(self.base_dir) / self.name))
        return self._tbwriter

    # --- events ---------------------------------------------------------------------------------------------

    def on_backward_end(self, iteration: int, train: bool, **kwargs: Any) -> None:
        """Write about gradients when it is time."""
        if train and iteration % self.stats_iters == 0 and self._is_writing({}):
            self._write_model_stats(iteration)

    def on_batch_end(self, last_loss: Any, iteration: int, train: bool, **kwargs: Any) -> None:
        """Write loss and weights when it is time."""
        if not train or not self._is_writing({}):
            return
        if iteration % self.loss_iters == 0:
            self._write_training_loss(iteration, last_loss)
        if iteration % self.hist_iters == 0:
            self._write_weight_histograms(iteration)

    def on_epoch_end(self, last_metrics: Any, iteration: int, **kwargs: Any) -> None:
        """Write validation loss, metrics and embeddings."""
        if self._is_writing(kwargs):
            self._write_metrics(iteration, last_metrics)
            self._write_embedding(iteration)
            self.tbwriter.flush()

    def on_train_end(self, **kwargs: Any) -> None:
        """Write what is left to the files and close them."""
        self._close()

    def _is_writing(self, state: dict[str, Any]) -> bool:
        return rank_distrib() == 0 and is_lasting(self.learn, state)

    def _close(self) -> None:
        asyncTBWriter.close()
        if "_tbwriter" in self.__dict__:
            self._tbwriter.close()

    # --- what is written ------------------------------------------------------------------------------------

    def _write_scalar(self, name: str, scalar_value: Any, iteration: int) -> None:
        self.tbwriter.add_scalar(
            tag=f"{self.metrics_root}{name}", scalar_value=float(scalar_value), global_step=iteration
        )

    def _write_training_loss(self, iteration: int, last_loss: Any) -> None:
        self._write_scalar("train_loss", last_loss, iteration)

    def _write_metrics(self, iteration: int, last_metrics: Any, start_idx: int = 2) -> None:
        """Write values under the recorder's column titles from number `start_idx` on; None is left out."""
        names = self.learn.recorder.names[start_idx:]
        for name, value in zip(names, last_metrics or (), strict=False):
            if value is not None:
                self._write_scalar(name, value, iteration)

    def _write_weight_histograms(self, iteration: int) -> None:
        self.hist_writer.write(self.learn.model, iteration, self.tbwriter)

    def _write_model_stats(self, iteration: int) -> None:
        self.stats_writer.write(self.learn.model, iteration, self.tbwriter)

    def _write_embedding(self, iteration: int) -> None:
        """Write the weights of embeddings that are direct children of the model."""
        for name, child in self.learn.model.named_children():
            if isinstance(child, nn.Embedding):
                self.tbwriter.add_embedding(child.weight.detach(), global_step=iteration, tag=name)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the learner and the open file."""
        return {name: value for name, value in super().__getstate__().items() if name != "_tbwriter"}


class ImageGenTensorboardWriter(LearnerTensorboardWriter):
    """Writes images as well, for a model that makes images of images.

    Inputs, targets and predictions are tensors `(batch, 1 or 3, height, width)`.

    Args:
        learn: the learner.
        base_dir: folder of all runs.
        name: folder of this run below it.
        loss_iters: as in `LearnerTensorboardWriter`.
        hist_iters: as in `LearnerTensorboardWriter`.
        stats_iters: as in `LearnerTensorboardWriter`.
        visual_iters: iterations from one set of images to the next, beginning with the first.
    """

    exclude = (*LearnerTensorboardWriter.exclude, "trn_batch", "val_batch")

    def __init__(
        self,
        learn: Learner,
        base_dir: Any,
        name: Any,
        loss_iters: int = 25,
        hist_iters: int = 500,
        stats_iters: int = 100,
        visual_iters: int = 100,
    ) -> None:
        super().__init__(learn, base_dir, name, loss_iters, hist_iters, stats_iters)
        self.visual_iters = visual_iters
        self.img_gen_vis = ImageTBWriter()
        self.trn_batch: Any = None
        self.val_batch: Any = None

    def on_train_begin(self, **kwargs: Any) -> None:
        """Forget the batches of an earlier fit."""
        super().on_train_begin(**kwargs)
        self.trn_batch = self.val_batch = None

    def on_batch_end(self, last_loss: Any, iteration: int, train: bool, **kwargs: Any) -> None:
        """Write what the base class writes, and images when it is time.

        Raises:
            NotOfferedError: inputs, targets or predictions are no images.
        """
        super().on_batch_end(last_loss, iteration, train, **kwargs)
        if train and iteration % self.visual_iters == 0 and self._is_writing({}):
            self._write_images(iteration)

    def _write_images(self, iteration: int) -> None:
        self._update_batches_if_needed()
        self.img_gen_vis.write(self.learn, self.trn_batch, self.val_batch, iteration, self.tbwriter)

    def _update_batches_if_needed(self) -> None:
        """Take a batch of each kind that there is once a fit, so that pictures can be compared."""
        if self.trn_batch is None:
            empty = self.learn.data.empty_val
            self.val_batch = None if empty else self._get_new_batch(DatasetType.Valid)
            self.trn_batch = self._get_new_batch(DatasetType.Fix)

    def _get_new_batch(self, ds_type: Any) -> Any:
        return sample_batch(self.learn.data, ds_type)


class GANTensorboardWriter(ImageGenTensorboardWriter):
    """Writes weights and gradients of a generator and a critic, and the images the model makes.

    Args:
        learn: a learner whose model has the children `generator` and `critic`.
        base_dir: folder of all runs.
        name: folder of this run below it.
        loss_iters: as in `LearnerTensorboardWriter`.
        hist_iters: as in `LearnerTensorboardWriter`.
        stats_iters: as in `LearnerTensorboardWriter`; of the two, those with gradients are written.
        visual_iters: as in `ImageGenTensorboardWriter`.

    Raises:
        NotOfferedError: the model has no such children.
    """

    def __init__(
        self,
        learn: Learner,
        base_dir: Any,
        name: Any,
        loss_iters: int = 25,
        hist_iters: int = 500,
        stats_iters: int = 100,
        visual_iters: int = 100,
    ) -> None:
        super().__init__(learn, base_dir, name, loss_iters, hist_iters, stats_iters, visual_iters)
        missing = [part for part in ("generator", "critic") if not hasattr(learn.model, part)]
        if missing:
            raise NotOfferedError(
                f"The model has no {' and no '.join(missing)}. fastai.vision.gan is not offered here: make a "
                "model with the children generator and critic, or use LearnerTensorboardWriter."
            )

    def _write_weight_histograms(self, iteration: int) -> None:
        for part in ("generator", "critic"):
            self.hist_writer.write(getattr(self.learn.model, part), iteration, self.tbwriter, name=part)

    def _write_model_stats(self, iteration: int) -> None:
        self._write_gen_model_stats(iteration)
        self._write_critic_model_stats(iteration)

    def _write_gen_model_stats(self, iteration: int) -> None:
        model = self.learn.model.generator
        self.stats_writer.write(model, iteration, self.tbwriter, name="gen_model_stats")

    def _write_critic_model_stats(self, iteration: int) -> None:
        model = self.learn.model.critic
        self.stats_writer.write(model, iteration, self.tbwriter, name="crit_model_stats")
