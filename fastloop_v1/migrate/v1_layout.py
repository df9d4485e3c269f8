"""The modules fastai v1 had: those this package has too, and those that stand as faces for imports only.

Data only, nothing is loaded to read it. Names are without `fastai.` in front; the package itself is "".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FACES", "HOMES", "STARS_WITH_BASICS", "V1_VERSION"]

V1_VERSION = "1.0.61"
"""The last release of v1; `fastai.__version__` says so, as old code compares it."""

# fmt: off
HOMES = frozenset((
    "basic_data", "basic_train", "basics", "callback", "callbacks", "callbacks.cpu_mem",
    "callbacks.csv_logger", "callbacks.flat_cos_anneal", "callbacks.fp16", "callbacks.general_sched",
    "callbacks.hooks", "callbacks.loss_metrics", "callbacks.lr_finder", "callbacks.mem", "callbacks.misc",
    "callbacks.mixup", "callbacks.mlflow", "callbacks.one_cycle", "callbacks.oversampling", "callbacks.rnn",
    "callbacks.tensorboard", "callbacks.tracker", "callbacks.undersampling", "core", "distributed",
    "general_optimizer", "launch", "layers", "metrics", "script", "torch_core", "train", "utils",
    "utils.check_perf", "utils.collect_env", "utils.fakes", "utils.ipython", "utils.mem",
    "utils.mod_display", "utils.pynvml_gate", "utils.show_install", "utils.text",
))
"""Modules of v1 that this package has under the same name."""

STARS_WITH_BASICS = frozenset((
    "callbacks", "callbacks.cpu_mem", "callbacks.mem", "callbacks.misc", "callbacks.mlflow", "script",
    "utils.mem",
))
# fmt: on
"""Homes whose star import brought what stands in `basics` as well."""

# A face, then the modules whose names its star import brings; LABELS stands for `data_block datasets`.
_FACES = """\
 : LABELS
imports :
imports.core :
imports.torch :
version :
data_block : data_block
datasets : datasets
collab : collab LABELS
vision : vision.data vision.image vision.transform vision.learner vision.interpret vision.tta LABELS
vision.data : vision.data
vision.image : vision.image
vision.transform : vision.transform
vision.learner : vision.learner
vision.interpret : vision.interpret
vision.tta : vision.tta
vision.gan : vision.gan
vision.cyclegan : vision.cyclegan
vision.models : vision.models vision.models.unet
vision.models.cadene_models : vision.models.cadene_models
vision.models.darknet : vision.models
vision.models.efficientnet : vision.models
vision.models.presnet : vision.models
vision.models.unet : vision.models.unet
vision.models.wrn : vision.models
vision.models.xresnet : vision.models
vision.models.xresnet2 : vision.models
text : text.data text.transform text.learner text.interpret text.models text.models.qrnn LABELS
text.data : text.data
text.transform : text.transform
text.learner : text.learner
text.interpret : text.interpret
text.models : text.models text.models.qrnn
text.models.awd_lstm : text.models
text.models.bwd_forget_mult_cuda : text.models.bwd_forget_mult_cuda
text.models.forget_mult_cuda : text.models.bwd_forget_mult_cuda
text.models.qrnn : text.models.qrnn
text.models.transformer : text.models
tabular : tabular.data tabular.transform tabular.learner LABELS
tabular.data : tabular.data
tabular.learner : tabular.learner
tabular.models : tabular.learner
tabular.transform : tabular.transform
widgets : widgets
widgets.class_confusion : widgets
widgets.image_cleaner : widgets
widgets.image_downloader : widgets
gen_doc : gen_doc
gen_doc.autogen : gen_doc
gen_doc.convert2html : gen_doc
gen_doc.core : gen_doc
gen_doc.docstrings : gen_doc
gen_doc.doctest : gen_doc
gen_doc.gen_notebooks : gen_doc
gen_doc.hide : gen_doc
gen_doc.nbdoc : gen_doc
gen_doc.nbtest : gen_doc
sixel : sixel
test_registry : gen_doc
"""


def _read_faces() -> dict[str, tuple[str, ...]]:
    rows = (line.partition(":") for line in _FACES.replace("LABELS", "data_block datasets").splitlines())
    return {face.strip(): tuple(modules.split()) for face, _, modules in rows}


FACES: Mapping[str, tuple[str, ...]] = MappingProxyType(_read_faces())
"""Modules of v1 that are made when imported, each with the modules whose names its star import brings."""
