"""Names that mean something on a v2 callback, and on the learner that it reads what it has not from."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from ...v2.event_names import BOOK_NAMES, EVENT_NAMES

__all__ = ["RESERVED", "STEERING", "learner_names", "v2_names"]

# What a v2 callback has itself, and what only a v1 callback has.
_OF_CALLBACKS = """
name order run run_train run_valid run_after run_before remove_on_fetch learn method_for _stateattrs _xtra
_hears_batches exclude not_min get_state jump_to_epoch cb_name _learn _order
"""
RESERVED = frozenset(_OF_CALLBACKS.split()).union(EVENT_NAMES, BOOK_NAMES)

# What runs the loop anew, or holds its callbacks.
_OF_THE_LOOP = """
TTA apply_dropout callbacks callback_fns clip_grad cut destroy export fit fit_fc fit_one_cycle get_preds
interpret lr_find mixup pred_batch predict predict_with_mc_dropout purge show_results to_amp to_bf16
to_distributed to_fp16 to_fp32 to_parallel validate
"""
STEERING = frozenset(_OF_THE_LOOP.split())

# What v2 callbacks set on the learner; methods and properties are found where they are defined.
_SET_BY_V2 = """
cbs epoch final_record iter loss loss_grad n_epoch n_iter pct_train pred smooth_loss train_eval train_iter
training v2_view xb yb
"""


@lru_cache(maxsize=1)
def v2_names() -> frozenset[str]:
    """What a learner has only where v2 callbacks take part, or has for them."""
    # Loaded here, as it loads PyTorch, which the rest of the rewriting does without.
    view = import_module("fastloop_v1.v2.learner_view").LearnerView
    part = import_module("fastloop_v1.v2.learner_callbacks").LearnerCallbacks
    found = {*_SET_BY_V2.split(), *dir(view), *vars(view(view)), *dir(part)}
    return frozenset(name for name in found - {"recorder"} if not name.startswith("_"))


@lru_cache(maxsize=1)
def learner_names() -> frozenset[str]:
    """All that a learner has by name, and every model."""
    learner = import_module("fastloop_v1.basic_train").Learner
    model = import_module("torch").nn.Module
    found = {*dir(learner), *learner.__dataclass_fields__, *dir(model()), "opt", "recorder"}
    return v2_names() | STEERING | frozenset(name for name in found if not name.startswith("_"))
