"""What tells fastai v2 and fastai 0.7 code from v1 code: modules, names, methods and arguments, as data."""

from __future__ import annotations

__all__ = ["V07_LEARNER_WORDS", "V07_NAMES", "V2_METHODS", "V2_NAMES", "version_of_module"]

# A heading line, then the words below it.
_TABLE = """\
modules of 0.7 below `fastai` that v1 had no more:
adaptive_softmax column_data conv_learner dataloader dataset executors fp16 initializers io layer_optimizer
learner lm_rnn lsuv_initializer model nlp plots rnn_reg rnn_train set_spawn sgdr structured swa text_data
torch_imports torchqrnn torchtext_data transforms transforms_pil
modules of v2 below `fastai` that v1 had not:
medical optimizer test_utils torch_basics losses interpret tabular.all tabular.core text.all text.core
vision.all vision.augment vision.core vision.utils basics.all collab.all
what v2 keeps in `fastai.learner`, a module that 0.7 had as well:
AvgLoss AvgMetric AvgSmoothLoss CancelBatchException CancelEpochException CancelFitException
CancelTrainException CancelValidException Metric Recorder ValueMetric load_learner load_model save_model
methods of callbacks that only v2 calls; its first versions said `begin` where it says `before` now:
after_create before_fit before_epoch before_train before_batch after_pred after_loss before_backward
after_backward before_step after_step after_batch after_train before_validate after_validate after_epoch
after_fit after_cancel_backward after_cancel_step after_cancel_batch after_cancel_train
after_cancel_validate after_cancel_epoch after_cancel_fit begin_fit begin_epoch begin_train begin_batch
begin_validate
names brought by the star imports of v2 that v1 never had:
CategoryBlock CollabDataLoaders ColReader DataBlock DataLoaders Datasets GrandparentSplitter ImageBlock
ImageDataLoaders IntToFloatTensor ItemTransform MaskBlock MultiCategoryBlock PILImage RandomResizedCrop
RandomSplitter RegressionBlock SegmentationDataLoaders TabularDataLoaders TabularPandas TextBlock
TextDataLoaders TfmdDL TfmdLists aug_transforms parent_label vision_learner CancelBatchException
CancelEpochException CancelFitException CancelTrainException CancelValidException
names brought by the star imports of 0.7 that v1 never had:
ArraysIndexDataset BasicModel CircularLR CollabFilterDataset ColumnarModelData ConvLearner ConvnetBuilder
FilesDataset ImageClassifierData ImageData LanguageModelData ModelData RNN_Encoder RandomRotateZoom
SingleModel apply_cats fit_opt_sched get_cv_idxs get_rnn_classifer proc_df reset_rf_samples set_rf_samples
tfms_from_model tfms_from_stats train_cats transforms_side_on transforms_top_down
attributes and arguments of a learner that only 0.7 had:
cycle_len cycle_mult precompute sched use_clr use_clr_beta
"""


def _read_table() -> list[frozenset[str]]:
    """The words below each heading."""
    found: list[list[str]] = []
    for line in _TABLE.splitlines():
        if line.endswith(":"):
            found.append([])
        else:
            found[-1] += line.split()
    return [frozenset(words) for words in found]


_V07_MODULES, _V2_MODULES, _V2_LEARNER, V2_METHODS, V2_NAMES, V07_NAMES, V07_LEARNER_WORDS = _read_table()
# v1 had `callback`, but nothing below it.
_V2_PACKAGES = frozenset({"callback", "data", "medical"})


def version_of_module(module: str, names: frozenset[str] = frozenset()) -> str:
    """`v2` or `0.7` if only that version has this module, otherwise an empty text.

    Args:
        module: dotted, with the package in front.
        names: what is imported from it, if anything.
    """
    package, _, inside = module.partition(".")
    if package == "fastai2":
        return "v2"
    if package != "fastai" or not inside:
        return ""
    first, _, rest = inside.partition(".")
    if inside == "learner" and names & _V2_LEARNER:
        return "v2"
    if first in _V07_MODULES:
        return "0.7"
    is_v2 = ".".join(inside.split(".")[:2]) in _V2_MODULES or first in _V2_MODULES
    return "v2" if is_v2 or (rest and first in _V2_PACKAGES) else ""
