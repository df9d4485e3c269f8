"""Legacy code takes names from where v1 had them, and from nearly everywhere else."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from fastloop_v1 import activation, basics, distributed
from fastloop_v1.errors import NotOfferedError
from fastloop_v1.migrate.faces import names_of
from fastloop_v1.migrate.stand_ins import stand_in
from fastloop_v1.migrate.star_names import THIRD_PARTY

pytestmark = pytest.mark.usefixtures("fastai")

# Names that real code imports from a module that did not define them.
ELSEWHERE = {
    "basic_train": "Callback add_metrics DatasetType MetricsList DataLoader Dataset Tensor Any load_callback",
    "callback": "add_metrics is_listy",
    "metrics": "add_metrics CMScores RegMetrics",
    "train": "Learner LearnerCallback DataBunch DatasetType defaults ifnone copy warn",
    "torch_core": "dataclass Tensor Optional warn DataLoader TensorDataset",
    "core": "PathOrStr Union Any warn",
    "distributed": "OurDistributedSampler Learner",
    "callbacks": "Callback LearnerCallback add_metrics Learner",
    "callbacks.hooks": "Learner torch",
    "basic_data": "torch Path DataLoader",
    "vision.data": "torch Learner DataBunch",
    "vision.learner": "Learner LearnerCallback nn",
    "data_block": "pd np Path DataBunch",
    "imports": "np torch",
}
STARS = {
    "": "Learner np ItemList untar_data callbacks",
    "basics": "Learner np nn plt ItemList URLs callbacks accuracy optim DataBunch",
    "vision": "Learner Callback nn np torch ImageDataBunch cnn_learner get_transforms models imagenet_stats",
    "text": "Learner nn partial TextLMDataBunch AWD_LSTM Vocab BOS models language_model_learner",
    "tabular": "Learner pd TabularList Categorify tabular_learner add_datepart",
    "collab": "Learner CollabDataBunch collab_learner",
    "callbacks": "SaveModelCallback np torch Callback LearnerCallback add_metrics",
    "callbacks.misc": "StopAfterNBatches partial",
    "callbacks.hooks": "hook_outputs model_sizes",
    "script": "call_parse Param",
    "utils.mem": "GPUMemTrace torch",
    "imports.core": "np plt Path Union",
    "imports.torch": "torch nn F",
    "vision.models": "resnet34 xresnet50 DynamicUnet",
    "gen_doc.nbdoc": "show_doc",
}


def _pairs(table):
    return [(module, name) for module, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("module", "name"), _pairs(ELSEWHERE))
def test_name_is_found_in_the_wrong_module(module, name):
    found = getattr(importlib.import_module(f"fastai.{module}"), name)
    if hasattr(basics, name):
        assert found is getattr(basics, name)


@pytest.mark.parametrize(("module", "name"), _pairs(STARS))
def test_name_comes_by_star(module, name):
    found = importlib.import_module(f"fastai.{module}".rstrip("."))
    assert name in found.__all__
    assert getattr(found, name) is not None


def test_third_party_names_alone_come_from_the_imports():
    assert {*importlib.import_module("fastai.imports.core").__all__} == {*THIRD_PARTY}


def test_private_function_of_v1_is_found():
    assert importlib.import_module("fastai.basic_train")._loss_func2activ is activation.loss_func2activ


def test_own_lookup_of_a_module_goes_first():
    module = importlib.import_module("fastai.distributed")
    assert module is distributed
    assert module.Learner is basics.Learner


def test_name_that_is_nowhere_is_an_attribute_error():
    for module in ("basics", "basic_train", "vision", "train"):
        found = importlib.import_module(f"fastai.{module}")
        with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
            found.no_such_name  # noqa: B018  (reading is the test)
    with pytest.raises(ImportError, match="cannot import name 'no_such_name'"):
        from fastai.vision import no_such_name  # noqa: F401, PLC0415  (it is not there)


def test_class_taken_from_a_layer_is_its_stand_in():
    image = importlib.import_module("fastai.vision.image")
    assert image.Image is stand_in("Image")
    with pytest.raises(NotOfferedError):
        image.open_image("cat.png")


def test_names_of_a_module_are_those_not_offered_and_its_values():
    assert {"ImageList", "imagenet_stats"} <= {*names_of(["vision.data"])}
    assert names_of(["imports"]) == []


def test_our_own_star_imports_are_as_before_without_the_alias():
    code = (
        "import fastloop_v1.callbacks as c, fastloop_v1.basics as b\n"
        "print(hasattr(c, 'Learner'), hasattr(b, 'ItemList'), 'np' in c.__all__)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False False False"


def test_star_import_loads_no_optional_package():
    code = (
        "import sys, fastloop_v1.migrate as m\nm.install()\nfrom fastai.vision import *\n"
        "from fastai.text import *\nprint({'pandas', 'matplotlib', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
