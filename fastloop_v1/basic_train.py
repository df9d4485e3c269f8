"""The training loop and the `Learner` around it.

`loss_batch` and `one_batch` are the loop; `fit` repeats them over batches and epochs. They look each other
up by name in this module when they are called, so that code may put its own `loss_batch` in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .activation import loss_func2activ, loss_func_name2activ
from .arguments import check_count
from .basic_data import DatasetType
from .basic_learner import BasicLearner, train_epoch
from .callback import Callback, CallbackHandler, add_metrics
from .callbacks.model_summary import model_summary
from .callbacks.record_on_cpu import RecordOnCPU
from .defaults import DefaultDevice, defaults
from .distributed import to_distributed, to_parallel
from .exports.exported_learner import exported_learner, load_callback
from .interpret import interpret
from .lazy_tensor import mean_loss, on_cpu_when_read
from .learner_callback import LearnerCallback
from .learner_files import LearnerFiles
from .listeners import as_list, factories
from .loop_checks import as_pair, check_batches, check_loss, check_model, compute_loss, outputs, require_loss
from .modules import evaluation_mode, flatten_model
from .names import with_v1_signature
from .nested import joined, to_detach, to_float
from .on_cpu import NoneReduceOnCPU
from .optim import AdamW, FakeOptimizer
from .prediction import Predictions
from .processes import any_process
from .progress import master_bar, progress_bar
from .recorder import Recorder
from .resume.resuming import epochs_to_run, resumption
from .sequences import first_el, ifnone, is_listy
from .signals import CancelBatchException
from .train import clip_grad, fit_fc, fit_one_cycle, lr_find, mixup, to_amp, to_bf16, to_fp16, to_fp32
from .v2.learner_callbacks import LearnerCallbacks

__all__ = [
    "BasicLearner",
    "Callback",
    "CallbackHandler",
    "DatasetType",
    "FakeOptimizer",
    "Learner",
    "LearnerCallback",
    "RecordOnCPU",
    "Recorder",
    "add_metrics",
    "defaults",
    "fit",
    "get_preds",
    "load_callback",
    "load_learner",
    "loss_batch",
    "loss_func_name2activ",
    "one_batch",
    "one_epoch",
    "train_epoch",
    "validate",
]


def loss_batch(
    model: Any, xb: Any, yb: Any, loss_func: Any = None, opt: Any = None, cb_handler: Any = None
) -> Any:
    """Put a batch through model and loss; with an optimizer go backward and step, event by event.

    Returns:
        The loss, detached and on the CPU when read; without a loss function the detached output and first
        target.
    """
    cb_handler = CallbackHandler() if cb_handler is None else cb_handler
    xb, yb = xb if is_listy(xb) else [xb], yb if is_listy(yb) else [yb]
    out = cb_handler.on_loss_begin(outputs(model, xb))
    if not loss_func:
        return to_detach(out), to_detach(yb[0])
    loss = compute_loss(loss_func, out, yb)
    if opt is not None:
        loss, skip_bwd = cb_handler.on_backward_begin(loss)
        if not skip_bwd:
            check_loss(loss).backward()
        if not cb_handler.on_backward_end():
            opt.step()
        if not cb_handler.on_step_end():
            opt.zero_grad()
    elif cb_handler.points:
        loss = cb_handler.after_loss(loss)
    return on_cpu_when_read(loss)


def one_batch(learn: Any, xb: Any, yb: Any, cb_handler: CallbackHandler) -> Any:
    """Train on one batch and return whether to leave the epoch."""
    try:
        xb, yb = cb_handler.on_batch_begin(xb, yb)
        loss = loss_batch(learn.model, xb, yb, learn.loss_func, learn.opt, cb_handler)
    except CancelBatchException:
        loss = cb_handler.abandon_batch()
    return cb_handler.on_batch_end(loss)


def _all_epochs(epochs: int, learn: Any, cb_handler: CallbackHandler, pbar: Any) -> None:
    """Train for the epochs that are left of so many, until one says to stop training."""
    for _ in islice(pbar, epochs_to_run(learn, cb_handler, epochs)):
        if one_epoch(learn, cb_handler, pbar):
            break


def one_epoch(learn: Any, cb_handler: CallbackHandler, pbar: Any) -> Any:
    """Train on every batch, validate, and return whether to stop training."""
    val_loss = None
    with cb_handler.level("epoch"):
        learn.model.train()
        cb_handler.set_dl(learn.data.train_dl)
        if not cb_handler.goes_on():
            cb_handler.on_epoch_begin()
        _all_batches(learn, cb_handler, pbar)
        if not cb_handler.skip_validate and not learn.data.empty_val:
            with cb_handler.level("validate"):
                cb_handler.point("before_validate")
                val_loss = validate(learn.model, learn.data.valid_dl, learn.loss_func, cb_handler, pbar)
    return any_process(cb_handler.on_epoch_end(val_loss))


def _all_batches(learn: Any, cb_handler: CallbackHandler, pbar: Any) -> None:
    """Train on every batch of the training data, until one says to leave the epoch."""
    with cb_handler.level("train"):
        cb_handler.point("before_train")
        require_loss(learn.loss_func)
        for xb, yb in map(as_pair, progress_bar(learn.data.train_dl, parent=pbar)):
            if one_batch(learn, xb, yb, cb_handler):
                break


@with_v1_signature
def fit(epochs: int, learn: Any, callbacks: Any = None, metrics: Any = None, *, strict: bool = False) -> None:
    """Train a learner, or anything with `model`, `loss_func`, `opt` and `data`, from cleared gradients on.

    Args:
        epochs: number of epochs, at least 0; 0 only begins and ends training.
        learn: read anew at each batch, so that callbacks may replace its parts in the middle of training.
        callbacks: one callback or several.
        metrics: functions or metric callbacks, computed on the validation data.
        strict: warn of callbacks that cannot have the effect they ask for.

    Raises:
        EmptyLoaderError: there is not a single training batch.
        MissingLossError: there is no loss function.
    """
    check_batches(learn.data.train_dl)
    cb_handler = CallbackHandler(callbacks, metrics, strict=strict)
    cb_handler.learn = learn
    # v1: legacy code puts bars of other packages in place here, which know no `silent`.
    silent = {"silent": True} if getattr(learn, "silent", False) else {}
    pbar = master_bar(range(check_count("epochs", epochs)), **silent)
    try:
        with cb_handler.level("fit"):
            cb_handler.on_train_begin(epochs, pbar=pbar, metrics=metrics)
            if not (defaults.v1_quirks or cb_handler.keeps_gradients):
                learn.model.zero_grad()
            _all_epochs(epochs, learn, cb_handler, pbar)
    except BaseException as error:
        # v1: an interrupt is no exception to its listeners.
        cb_handler.on_train_end(error if isinstance(error, Exception) or not defaults.v1_quirks else False)
        raise
    cb_handler.on_train_end(exception=False)


def validate(
    model: nn.Module,
    dl: Any,
    loss_func: Any = None,
    cb_handler: CallbackHandler | None = None,
    pbar: Any = None,
    average: bool = True,
    n_batch: int | None = None,
) -> Any:
    """Put the batches of a loader through the model in evaluation mode, without gradients.

    Args:
        model: the model; stays in evaluation mode, but for an error, after which it has the mode it had.
        dl: loader of `(x, y)` batches.
        loss_func: the loss; without it each batch gives its output and first target.
        cb_handler: gets the batch events with `train=False`.
        pbar: master bar to show the batches in.
        average: False returns what each batch gave, as a list.
        n_batch: stop after so many batches.

    Returns:
        The mean loss over samples as a numpy number, None if there was no batch; or the list.
    """
    results: list[Any] = []
    sizes: list[int] = []
    with torch.no_grad(), evaluation_mode(model):
        if cb_handler is not None:
            cb_handler.set_dl(dl)
        for xb, yb in map(as_pair, progress_bar(dl, parent=pbar, leave=pbar is not None)):
            loss, size = _validated(model, xb, yb, loss_func, cb_handler)
            if size is not None:
                results.append(loss)
                sizes.append(size)
            if cb_handler is not None and cb_handler.on_batch_end(loss):
                break
            if n_batch and len(sizes) >= n_batch:
                break
    return mean_loss(results, sizes) if average else results


def _validated(model: Any, xb: Any, yb: Any, loss_func: Any, cb_handler: Any) -> tuple[Any, int | None]:
    """What a validation batch gives, and how many samples it has, None if it was abandoned."""
    try:
        if cb_handler is not None:
            xb, yb = cb_handler.on_batch_begin(xb, yb, train=False)
        loss = loss_batch(model, xb, yb, loss_func, cb_handler=cb_handler)
    except CancelBatchException:
        return None if cb_handler is None else cb_handler.abandon_batch(), None
    return loss, len(first_el(yb) if is_listy(yb) else yb)


def get_preds(
    model: nn.Module,
    dl: Any,
    pbar: Any = None,
    cb_handler: CallbackHandler | None = None,
    activ: Callable[[Any], Any] | None = None,
    loss_func: Any = None,
    n_batch: int | None = None,
) -> list[Any]:
    """Return predictions and targets of a whole loader on the CPU, and the loss of each sample if asked.

    Args:
        model: the model.
        dl: loader of `(x, y)` batches.
        pbar: master bar to show the batches in.
        cb_handler: gets the batch events with `train=False`.
        activ: applied to the predictions in the end.
        loss_func: computed without reduction on the raw outputs, as a third result.
        n_batch: stop after so many batches.
    """
    batches = validate(model, dl, cb_handler=cb_handler, pbar=pbar, average=False, n_batch=n_batch)
    results = [to_float(joined(parts)) for parts in zip(*batches, strict=True)]
    if loss_func is not None:
        with NoneReduceOnCPU(loss_func) as unreduced:
            results.append(unreduced(results[0], results[1]))
    if activ is not None:
        results[0] = activ(results[0])
    return results


@dataclass(eq=False)
class Learner(LearnerFiles, Predictions, LearnerCallbacks):
    """A model, data and everything to train the one on the other.

    Args:
        data: a `DataBunch`, or an object with `train_dl`, `valid_dl` and `empty_val`.
        model: moved to the data's device.
        opt_func: makes the torch optimizer from parameter groups.
        loss_func: takes output and targets; the data set's `loss_func` if None, which is the negative log
            likelihood where it has none.
        metrics: functions (output, target) or metric callbacks, one or several.
        true_wd: decay weights before the step instead of through the gradients.
        bn_wd: whether norm layers and biases decay too.
        wd: weight decay, at least 0.
        train_bn: whether frozen layer groups keep training their batch norm.
        path: folder for files; the data's if None. Made when first written to.
        model_dir: folder of models, below `path`.
        callback_fns: called with the learner at every fit to make its callbacks: a class, a partial, ...
        callbacks: callbacks that stay from fit to fit.
        layer_groups: modules with learning rates of their own; all layers in one group if None.
        add_time: whether the table has a column for the time of an epoch.
        silent: True prints nothing; `defaults.silent` if None.
        fused: whether optimizers do a step in one kernel: faster, with other last bits.
        cbs: callbacks of fastai v2.
    """

    data: Any
    model: Any
    opt_func: Any = AdamW
    loss_func: Any = None
    metrics: Any = None
    true_wd: bool = True
    bn_wd: bool = True
    wd: Any = defaults.wd
    train_bn: bool = True
    path: Any = None
    model_dir: Any = "models"
    callback_fns: Any = None
    callbacks: Any = field(default_factory=list)
    layer_groups: Any = None
    add_time: bool = True
    silent: bool | None = None
    fused: bool = field(default=False, kw_only=True)
    cbs: Any = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """Move the model to the device and fill in what was left out."""
        self.path = Path(ifnone(self.path, getattr(self.data, "path", ".")))
        self.model = check_model(self.model).to(DefaultDevice.resolve(getattr(self.data, "device", None)))
        self.loss_func = ifnone(self.loss_func, getattr(self.data, "loss_func", None))
        self.metrics = as_list(self.metrics)
        self.layer_groups = self.layer_groups or [nn.Sequential(*flatten_model(self.model))]
        self.silent = ifnone(self.silent, defaults.silent)
        # v1: legacy code replaces the recorder at callback_fns[0].
        recorder = partial(Recorder, add_time=self.add_time, silent=self.silent)
        self.callback_fns = [recorder, *as_list(self.callback_fns)]
        self.callbacks = [*as_list(self.callbacks), *as_list(defaults.extra_callbacks)]
        self._create_cbs()

    fit_one_cycle = fit_one_cycle
    fit_fc = fit_fc
    lr_find = lr_find
    clip_grad = clip_grad
    mixup = mixup
    to_fp16 = to_fp16
    to_amp = to_amp
    to_bf16 = to_bf16
    to_fp32 = to_fp32
    to_parallel = to_parallel
    to_distributed = to_distributed
    summary = model_summary
    interpret = interpret

    # --- training -------------------------------------------------------------------------------------------

    @with_v1_signature
    def fit(
        self,
        epochs: int,
        lr: Any = defaults.lr,
        wd: Any = None,
        callbacks: Any = None,
        *,
        strict: bool = False,
        cbs: Any = None,
        resume: Any = None,
    ) -> None:
        """Train for so many epochs.

        Raises:
            ArgumentError: a number cannot be what it is given for; nothing has changed then.

        Args:
            epochs: number of epochs, at least 0.
            lr: learning rate, at least 0, a list with one for each layer group, or a slice as in `lr_range`.
            wd: weight decay; the learner's own if None.
            callbacks: callbacks of this fit, one or several.
            strict: warn of callbacks that cannot have the effect they ask for.
            cbs: callbacks of fastai v2 for this fit; they may stand in `callbacks` too.
            resume: True to go on from the newest checkpoint of `CheckpointCallback`, if any; or its path.
        """
        epochs, lr, wd = self._checked(epochs, lr, ifnone(wd, self.wd), callbacks)
        self._set_opt(lr, wd)
        callbacks = [*self.callbacks, *self._made_callbacks(), *as_list(callbacks)]
        self._in_fit = (*(outer := self.__dict__.get("_in_fit", ())), *callbacks, *self.metrics)
        try:
            with self._bridged(callbacks, cbs) as heard:
                fit(epochs, self, [*heard, *resumption(resume)], self.metrics, strict=strict)
        finally:
            self._in_fit = outer

    def _made_callbacks(self) -> list[Any]:
        return [self._made(make) for make in factories(self.callback_fns, defaults.extra_callback_fns)]

    # --- predictions ----------------------------------------------------------------------------------------

    def get_preds(
        self,
        ds_type: Any = DatasetType.Valid,
        activ: Callable[[Any], Any] | None = None,
        with_loss: bool = False,
        n_batch: int | None = None,
        pbar: Any = None,
    ) -> list[Any]:
        """Return predictions and targets of a data set, and each sample's loss if asked.

        Args:
            ds_type: which loader.
            activ: applied to the predictions; the one that fits the loss function if None.
            with_loss: whether to return losses as well.
            n_batch: stop after so many batches.
            pbar: master bar to show the batches in.
        """
        if getattr(self, "opt", None) is None:
            self.create_opt(defaults.lr, self.wd)
        # Callbacks made for this must not take the place of those of the last fit, with its history.
        before = dict(self.__dict__)
        callbacks, dl = [*self._made_callbacks(), *self.callbacks], self.dl(ds_type)
        self.__dict__.update({name: value for name, value in before.items() if isinstance(value, Callback)})
        loss_func = self.loss_func if with_loss else None
        activ = ifnone(activ, loss_func2activ(self.loss_func))
        with self._bridged(callbacks, dl=dl) as heard:
            handler = CallbackHandler(heard)
            return get_preds(self.model, dl, self._bar(pbar), handler, activ, loss_func, n_batch)

    def _loss_batch(self, *args: Any) -> Any:
        """Call `loss_batch` as it is at this moment."""
        return loss_batch(*args)

    def validate(self, dl: Any = None, callbacks: Any = None, metrics: Any = None) -> list[Any]:
        """Return loss and metrics on a loader, the validation data by default."""
        dl, metrics = ifnone(dl, self.data.valid_dl), ifnone(metrics, self.metrics)
        with self._bridged([*self.callbacks, *as_list(callbacks)], dl=dl) as heard:
            handler, loss = CallbackHandler(heard, metrics), None
            try:
                handler.on_train_begin(1, None, metrics)
                handler.on_epoch_begin()
                with handler.level("validate"):
                    loss = validate(self.model, dl, self.loss_func, handler, self._bar())
                handler.on_epoch_end(loss)
            except BaseException as error:
                # v1: without an error, training begins here and does not end.
                handler.on_train_end(error, but=self.__dict__.get("_in_fit", ()))
                raise
        return list(handler.state_dict["last_metrics"])


with_v1_signature(Learner.__init__)


def load_learner(
    path: Any, file: Any = "export.pkl", test: Any = None, tfm_y: Any = None, **db_kwargs: Any
) -> Learner:
    """Return the learner that `export` or v1 wrote, ready to predict; nothing unknown in the file is run.

    Args:
        path: folder of the file, and the learner's `path`; or the exported file or folder itself.
        file: name in that folder, of a file or folder, or an open binary file.
        test: test data, as `DataBunch.add_test` takes it.
        tfm_y: must be None; transforms belong into data sets.
        db_kwargs: `device`, and `trust`: names of your own classes that the file may use, as
            `["package.module.Class"]`, or True to read it as a plain pickle.

    Raises:
        RefusedFileError: the file names something that is not allowed; the message says what.
    """
    learn: Learner = exported_learner(Learner, path, file, **db_kwargs)
    if test is not None:
        learn.data.add_test(test, tfm_y=tfm_y)
    return learn
