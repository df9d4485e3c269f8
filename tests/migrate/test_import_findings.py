"""Imports that fail are found, and those of other versions named."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.import_findings import import_findings, modules_imported
from fastloop_v1.migrate.scopes import names_of

CASES = {
    "from fastai.vision.all import *": ["v2"],
    "import fastai2.basics": ["v2"],
    "from fastai.callback.core import Callback": ["v2"],
    "from fastai.learner import Learner, Metric": ["v2"],
    "from fastai.learner import *": ["0.7"],
    "from fastai import conv_learner": ["0.7"],
    "import fastai.dataset": ["0.7"],
    "import fastai.trainer": ["unknown-module"],
    "from fastai.basic_train import Lerner, Learner": ["unknown-name"],
    "from fastai.torch_core import _pca": ["gone"],
    "from fastai.callback import Callback": [],
    "from fastai import basic_train, vision": [],
    "import fastai.callbacks.hooks as h, os": [],
    "from .fastai.vision.all import x": [],
    "import fastcore": [],
}


@pytest.mark.parametrize("code", CASES)
def test_import_is_judged(code):
    found = list(import_findings(names_of(ast.parse(code))))
    assert [finding.kind for finding in found] == CASES[code]
    assert all(finding.level == "work" for finding in found)


def test_modules_of_all_versions_are_listed():
    code = "import fastai.x, os\nfrom fastai2 import y\nfrom fastai import z\nfrom . import fastai"
    assert modules_imported(names_of(ast.parse(code))) == {"fastai.x", "fastai2", "fastai"}
