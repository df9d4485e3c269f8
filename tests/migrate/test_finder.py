"""Every way of importing a v1 module gives ours, unchanged."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec

import pytest

from fastloop_v1 import basic_train, callbacks, metrics, progress
from fastloop_v1.basic_train import Learner
from fastloop_v1.migrate.v1_layout import FACES, HOMES

pytestmark = pytest.mark.usefixtures("fastai")
UNKNOWN = (
    "fastai.foo",
    "fastai.losses",
    "fastai.vision.all",
    "fastai.callbacks.early_stopping",
    "fastai.utils.os",
)


@pytest.mark.parametrize("home", sorted(HOMES))
def test_home_is_our_module_itself(home):
    module = importlib.import_module(f"fastai.{home}")
    assert module is importlib.import_module(f"fastloop_v1.{home}")
    assert module.__name__ == module.__spec__.name == f"fastloop_v1.{home}"
    assert module.__loader__ is module.__spec__.loader
    assert module.__package__ == module.__spec__.parent


@pytest.mark.parametrize("face", sorted(FACES))
def test_face_is_imported_and_every_name_of_its_star_is_there(face):
    module = importlib.import_module(f"fastai.{face}".rstrip("."))
    assert module.__name__ == f"fastai.{face}".rstrip(".")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_import_statements_of_every_form_work():
    import fastai  # noqa: PLC0415  (it is there in this test only)
    import fastai.callbacks.hooks as hooks  # noqa: PLC0415
    from fastai import basic_train as by_name  # noqa: PLC0415
    from fastai.callbacks import csv_logger, tracker  # noqa: PLC0415

    assert fastai.basic_train is by_name is basic_train
    assert fastai.callbacks is callbacks
    assert fastai.callbacks.hooks is hooks is callbacks.hooks
    assert csv_logger.CSVLogger is callbacks.CSVLogger
    assert tracker.__name__ == "fastloop_v1.callbacks.tracker"


def test_attribute_of_the_bare_package_is_a_module_or_a_name_of_basics():
    fastai = importlib.import_module("fastai")
    assert fastai.metrics is metrics
    assert fastai.Learner is Learner
    assert fastai.vision.models.unet.__name__ == "fastai.vision.models.unet"


def test_module_of_a_folder_is_an_attribute_without_being_imported():
    code = (
        "import fastloop_v1.migrate as m\nm.install()\nfrom fastai.basics import *\nimport fastai\n"
        "print(callbacks.tracker.__name__, fastai.utils.mem.__name__)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "fastloop_v1.callbacks.tracker fastloop_v1.utils.mem"


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_module_is_named(name):
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'") as raised:
        importlib.import_module(name)
    assert raised.value.name == name


def test_module_below_a_module_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'fastai\.callback\.core'"):
        importlib.import_module("fastai.callback.core")


def test_replaced_function_is_the_one_the_loop_finds():
    module = importlib.import_module("fastai.basic_train")
    before = basic_train.loss_batch
    module.loss_batch = len
    try:
        assert basic_train.loss_batch is len
    finally:
        basic_train.loss_batch = before


def test_reload_is_of_our_file():
    module = importlib.import_module("fastai.callbacks.misc")
    assert importlib.reload(module) is sys.modules["fastloop_v1.callbacks.misc"] is module
    face = importlib.import_module("fastai.vision")
    assert importlib.reload(face) is face


def test_pickles_name_our_modules_and_old_ones_are_found():
    assert pickle.loads(pickle.dumps(Learner)) is Learner
    assert pickle.loads(b"cfastai.basic_train\nLearner\n.") is Learner


def test_module_is_found_without_being_imported():
    assert find_spec("fastai.launch").origin == importlib.import_module("fastloop_v1.launch").__file__
    assert find_spec("fastai.nothing") is None


def test_fastprogress_is_our_progress_module():
    package = importlib.import_module("fastprogress")
    module = importlib.import_module("fastprogress.fastprogress")
    assert package.fastprogress is module is progress
    assert package.master_bar is progress.master_bar
    assert module.ConsoleMasterBar is progress.MasterBar
    assert module.force_console_behavior() == (progress.master_bar, progress.progress_bar)
    with pytest.raises(ModuleNotFoundError, match=r"fastprogress\.foo"):
        importlib.import_module("fastprogress.foo")


class Watcher(MetaPathFinder, Loader):
    """Wraps the loading of some modules, as tools do that patch a package when it is imported."""

    def __init__(self, *names):
        self.names, self.loaders = names, {}

    def find_spec(self, fullname, path=None, target=None):
        found = PathFinder.find_spec(fullname, path) if fullname in self.names else None
        if found is None:
            return None
        self.loaders[fullname] = found.loader
        return ModuleSpec(fullname, self)

    def exec_module(self, module):
        self.loaders[module.__name__].exec_module(module)
        module.loss_batch = self.seen = getattr(module, "loss_batch", None)
        module.Seen = module.__name__


def test_tool_that_patches_what_it_sees_loaded_patches_ours(monkeypatch):
    watcher = Watcher("fastai.basic_train")
    monkeypatch.setattr(sys, "meta_path", [watcher, *sys.meta_path])
    monkeypatch.setattr(basic_train, "Seen", None, raising=False)
    basics = importlib.import_module("fastai.basics")
    assert watcher.seen is basic_train.loss_batch
    assert basic_train.Seen == "fastai.basic_train"
    assert sys.modules["fastai.basic_train"] is basic_train
    assert basics.Learner is Learner
