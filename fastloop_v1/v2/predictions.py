"""`get_preds` of fastai v2, and `FetchPredsCallback`, which calls it in the middle of a fit."""

from __future__ import annotations

from collections.abc import Callable as Function
from contextlib import nullcontext
from typing import Any

from ..activation import loss_func2activ
from ..basic_train import validate
from ..callback import CallbackHandler
from ..losses import FlattenedLoss
from ..progress import master_bar
from .callback import Callback
from .gather_preds import GatherPredsCallback
from .loader_view import Loaders
from .validation_pass import ValidationPass

__all__ = ["FetchPredsCallback", "get_preds"]


def get_preds(
    learn: Any,
    ds_idx: int = 1,
    dl: Any = None,
    with_input: bool = False,
    with_decoded: bool = False,
    with_loss: bool = False,
    act: Function[[Any], Any] | None = None,
    inner: bool = False,
    reorder: bool = True,
    cbs: Any = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Return [inputs], predictions, targets, [decoded predictions], [losses] of a whole loader, on the CPU.

    v2 callbacks hear a fit of one epoch that only validates. Unlike v2's, it leaves the learner and its
    recorder as they were.

    Args:
        learn: the learner.
        ds_idx: number of the loader: 0 training (in the data's order), 1 validation, 2 test.
        dl: a loader to take instead.
        with_input: whether to return the inputs.
        with_decoded: whether to return what the loss function decodes the predictions to.
        with_loss: whether to return the loss of each sample.
        act: applied to the predictions; the loss function's activation, if it has one, if None.
        inner: True inside of a fit: before_fit, before_epoch, after_epoch and after_fit are not told.
        reorder: has no effect: loaders here keep the order of their data set.
        cbs: more callbacks.
        kwargs: further arguments of `GatherPredsCallback`.
    """
    loader = dl if dl is not None else Loaders(learn.data).unshuffled(ds_idx)
    gather = GatherPredsCallback(with_input=with_input, with_loss=with_loss, **kwargs)
    more = [] if cbs is None else list(cbs) if isinstance(cbs, (list, tuple)) else [cbs]
    with learn.added_cbs([*more, gather]), learn.loss_not_reduced() if with_loss else nullcontext():
        _pass_over(learn, loader, inner=inner)
    found = gather.all_tensors()
    at, activation = int(with_input), act or _activation(learn.loss_func)
    if found[at] is not None and activation is not None:
        found[at] = activation(found[at])
    if with_decoded:
        found.insert(at + 2, getattr(learn.loss_func, "decodes", lambda preds: preds)(found[at]))
    return tuple(found)


def _pass_over(learn: Any, dl: Any, *, inner: bool) -> None:
    """Validate on a loader, hearing the learner's callbacks of both kinds."""
    with ValidationPass(learn, dl, inner=inner) as bridge:
        handler = CallbackHandler([*learn.callbacks, bridge])
        with handler.level("validate"):
            bridge.start()
            validate(learn.model, dl, learn.loss_func, handler, master_bar((), silent=True), average=False)


def _activation(loss_func: Any) -> Any:
    """What belongs to the loss function: v1's flat losses have theirs in a table, v2's name it."""
    if isinstance(loss_func, FlattenedLoss):
        return loss_func2activ(loss_func)
    return getattr(loss_func, "activation", None)


class FetchPredsCallback(Callback):
    """Predicts on a loader at the end of each validation; `preds` is what `get_preds` returns.

    Args:
        ds_idx, dl, with_input, with_decoded, reorder: as in `get_preds`.
        cbs: callbacks to be without meanwhile.
    """

    remove_on_fetch = True

    def __init__(
        self,
        ds_idx: int = 1,
        dl: Any = None,
        with_input: bool = False,
        with_decoded: bool = False,
        cbs: Any = None,
        reorder: bool = True,
    ) -> None:
        super().__init__()
        self.ds_idx, self.dl, self.with_input, self.with_decoded = ds_idx, dl, with_input, with_decoded
        self.cbs, self.reorder = list(cbs or ()), reorder
        self.preds: Any = None

    def after_validate(self) -> None:
        """Predict, without this callback, the recorder and others that ask for it."""
        learn = self.learn
        away = [cb for cb in learn.cbs if cb.remove_on_fetch or cb in self.cbs]
        with learn.removed_cbs(away):
            preds = get_preds(learn, self.ds_idx, self.dl, self.with_input, self.with_decoded, inner=True)
        self.preds = preds
