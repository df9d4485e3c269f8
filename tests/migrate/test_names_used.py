"""Uses of v1 names are found through every way to import them, each with what is done there."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.names_used import unbound_names, uses_of
from fastloop_v1.migrate.scopes import names_of


def _uses(code):
    return [(use.name.dotted, use.how, use.attribute) for use in uses_of(names_of(ast.parse(code)))]


LEARNER = "basic_train.Learner"
WAYS = {
    "star of the home": "from fastai.basic_train import *\nLearner()",
    "star of a layer": "from fastai.vision import *\nLearner()",
    "star of the package": "from fastai import *\nLearner()",
    "chain": "import fastai.basic_train\nfastai.basic_train.Learner()",
    "chain through a layer": "import fastai.text\nfastai.text.Learner()",
    "module under another name": "import fastai.basic_train as bt\nbt.Learner()",
    "module by from": "from fastai import basic_train\nbasic_train.Learner()",
    "in a function": "def f():\n    from fastai import basic_train as b\n    return b.Learner()",
}


@pytest.mark.parametrize("way", WAYS)
def test_name_is_found_on_its_way(way):
    assert _uses(WAYS[way]) == [(LEARNER, "call", "")]


def test_import_by_name_is_a_use_of_its_own():
    code = "from fastai.train import Learner as L\nL()"
    assert _uses(code) == [(LEARNER, "import", ""), (LEARNER, "call", "")]


def test_name_of_a_module_that_v2_has_modules_below_is_found():
    code = "from fastai.callback import Callback as C\nC()"
    assert _uses(code) == [("callback.Callback", "import", ""), ("callback.Callback", "call", "")]
    assert _uses("import fastai.callback.all as c\nc.Callback()") == []


HOWS = {
    "ImageList.from_folder(1)": ("attribute", "from_folder"),
    "class X(ImageList): pass": ("subclass", ""),
    "x: ImageList = 1": ("annotation", ""),
    "def f(x: List[ImageList]) -> int: pass": ("annotation", ""),
    "def f() -> ImageList: pass": ("annotation", ""),
    "def f(x=ImageList): pass": ("value", ""),
    "isinstance(x, ImageList)": ("value", ""),
    "@ImageList\ndef f(): pass": ("decorator", ""),
    "ImageList.x = 1": ("value", "x"),
    "ImageList[0]": ("attribute", ""),
    "f(a[ImageList])": ("value", ""),
}


@pytest.mark.parametrize("code", HOWS)
def test_what_is_done_with_a_name_is_told(code):
    found = [use for use in _uses("from fastai.vision import *\n" + code) if use[0].endswith("ImageList")]
    assert [use[1:] for use in found] == [HOWS[code]]


@pytest.mark.parametrize(
    "code",
    [
        "from .vision import *\nLearner()",
        "from fastai.vision import *\nLearner = 1\nLearner()",
        "from fastai.vision import *\ndef f(Learner): Learner()",
        "from fastai2.basics import *\nLearner()",
        "from fastai.vision.all import *\nLearner()",
        "class Learner: pass\nLearner()",
    ],
)
def test_name_of_another_origin_is_no_use(code):
    assert _uses(code) == []


def test_modules_that_stars_bring_are_followed():
    found = _uses(
        "from fastai.vision import *\nmodels.resnet18\nmodels.unet.DynamicUnet(1)\ncallbacks.CSVLogger"
    )
    assert [name for name, _, _ in found] == [
        "vision.models.resnet18",
        "vision.models.unet.DynamicUnet",
        "callbacks.csv_logger.CSVLogger",
    ]


def _unbound(code):
    return [unbound.name for unbound in unbound_names(names_of(ast.parse(code)))]


def test_name_no_star_brings_is_unbound():
    assert _unbound("from fastai.vision import *\nnp, plt, Learner, print, __file__, gone, models") == [
        "gone"
    ]


@pytest.mark.parametrize(
    "code", ["gone", "from fastai.vision import *\nfrom mine import *\ngone", "import fastai\ngone"]
)
def test_where_another_star_import_may_bring_it_nothing_is_said(code):
    assert _unbound(code) == []
