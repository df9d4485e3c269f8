"""Each import of v1 becomes an import of this package, or is left alone with the reason."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.port_imports import Edit, LeftAlone, import_edits
from fastloop_v1.migrate.scopes import names_of


def _edits(code):
    found = list(import_edits(names_of(ast.parse(code))))
    return (
        [entry.new for entry in found if isinstance(entry, Edit)],
        [entry.line for entry in found if isinstance(entry, LeftAlone)],
    )


REWRITTEN = {
    "from fastai.vision import *\nnp, Learner": [("fastloop_v1.basics",)],
    "from fastai import *": [("fastloop_v1.basics",)],
    "from fastai.basic_train import *": [("fastloop_v1.basic_train",)],
    "from fastai.callbacks import *\nSaveModelCallback": [("fastloop_v1.callbacks",)],
    "from fastai.callbacks import *\nnp, CSVLogger": [
        ("from fastloop_v1.basics import *", "from fastloop_v1.callbacks import *")
    ],
    "from fastai.basic_train import Learner as L, Recorder": [("fastloop_v1.basic_train",)],
    "from fastai.vision import Learner": [("fastloop_v1.basics",)],
    "from fastai.basic_train import Learner, SaveModelCallback": [
        ("from fastloop_v1.basic_train import Learner", "from fastloop_v1.basics import SaveModelCallback")
    ],
    "from fastai.basic_train import _loss_func2activ as f": [
        ("from fastloop_v1.activation import loss_func2activ as f",)
    ],
    "from fastai import basic_train as bt\nbt.loss_batch = 1": [("fastloop_v1",)],
    "import fastai.callbacks.hooks as h\nh.hook_output": [("fastloop_v1.callbacks.hooks",)],
    "import fastai.core\nfastai.core.ifnone": [("fastloop_v1.core",), ("fastloop_v1",)],
}


@pytest.mark.parametrize("code", REWRITTEN)
def test_import_is_rewritten(code):
    assert _edits(code) == (REWRITTEN[code], [])


LEFT = {
    "from fastai.vision import *\nImageList": 1,
    "from fastai.vision import ImageList": 1,
    "from fastai.vision.all import *": 1,
    "import fastai.vision as v": 1,
    "import fastai\nfastai.__version__": 1,
    "import fastai.core\nfastai.core.Learner": 1,
    "import fastai.core as c\nc.Learner": 1,
    "from fastai.torch_core import _pca": 1,
}


@pytest.mark.parametrize("code", LEFT)
def test_import_is_left_alone(code):
    assert _edits(code) == ([], [LEFT[code]])


@pytest.mark.parametrize(
    "code", ["import torch", "from .fastai import x", "import fastai2", "from mine import *"]
)
def test_other_imports_are_not_looked_at(code):
    assert _edits(code) == ([], [])
