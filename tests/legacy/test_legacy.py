"""Scripts in the manner of 2019, which know nothing of this package, run as they stand by the command."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"

# Script: points of what real v1 code relies on, and what this script does about them. The points:
#  1 parts of the learner replaced in a fit    9 types of values           17 classes patched from outside
#  2 delegation to and from the learner       10 metrics hear validation   18 data objects
#  3 constructors that break the rules        11 `_order`                  19 saving, loading, resuming
#  4 `@dataclass` on callbacks                12 events of validation      20 exceptions leave `fit`
#  5 class machinery                          13 schedulers                21 Learner subclasses
#  6 the state as keywords                    14 the optimizer's wrapper   22 imports from anywhere
#  7 return values                            15 predictions inside a fit  23 progress bars
#  8 `add_metrics` and names of columns       16 the engine by hand        24 versions of v1
CASES = {
    "call_order": ((11,), "`_order` of classes and instances; equal orders keep their places"),
    "class_machinery": ((5, 8), "metaclass, abstract property `name`, decorated events, callbacks in a set"),
    "cutmix": ((1, 7, 17, 22), "a mixing callback wraps the loss, unwraps it, and is a method of Learner"),
    "dataclass_callbacks": ((4, 10), "dataclasses as callback, metric and tracker, with `__post_init__`"),
    "delegation": ((2,), "a callback reads its learner's attributes; the learner has it by its name"),
    "distributed_training": ((1, 18, 22), "model and loader wrapped with a sampler while a fit lasts"),
    "event_keywords": ((6, 12), "every event with its keywords, and one callback without **kwargs"),
    "exceptions": ((20, 6), "errors at each event leave `fit` after `on_train_end(exception=...)`"),
    "export_and_serve": ((19,), "`export`, `load_learner` with and without test data, training on"),
    "gan_training": ((14, 1), "`opt.new` for two models, the inner optimizer switched batch by batch"),
    "gradient_accumulation": ((7, 14), "steps every n batches by flags and by hand equal one big batch"),
    "import_places": ((22,), "names imported from modules that happened to have them"),
    "inner_optimizer": ((1, 14), "`learn.opt.opt` replaced in the middle of an epoch"),
    "learner_subclasses": ((21,), "attributes before `super().__init__`, own methods, shadowed fields"),
    "metric_columns": ((8,), "every form of `add_metrics` and every way to name a column"),
    "metric_events": ((10,), "metrics hear validation only, before callbacks; nested, partial, None"),
    "no_validation": ((9, 18), "`last_metrics[0]` and `val_losses` without validation"),
    "not_offered": ((22,), "layers that are not offered are imported and subclassed, and complain on use"),
    "odd_constructors": ((3,), "no `super().__init__`, no learner, properties over delegated names"),
    "optimizers": ((14, 21), "hyper-parameters, copies, a subclass, and tools that see `param_groups`"),
    "own_data": ((18,), "own data sets and data objects, `dl.new`, `init_kwargs`, a data set as callback"),
    "own_engine": ((16,), "an own loop, own handlers, and bars put into `basic_train`"),
    "own_loss_dict": ((7, 16), "`loss_batch` replaced, a new key written into the handler's state"),
    "parallel_wrap": ((1, 17), "the model wrapped while a fit lasts, or a plain function for a batch"),
    "patched_from_outside": ((17,), "events, constructor and `fit` wrapped as experiment trackers do"),
    "phases": ((13,), "phases by name and curve, a subclass, rates set by hand"),
    "predictions_inside": ((15,), "predicting and validating at epoch ends leaves the fit as it was"),
    "progress": ((23, 16), "writing, graphs and silence; own bars in `basic_train`"),
    "progressive_resizing": ((1, 18), "other data at the begin and at the end of an epoch"),
    "resume_one_cycle": ((19, 13), "`start_epoch` and an overridden `jump_to_epoch` give the unbroken run"),
    "return_values": ((7,), "every key that may be returned, from usual and unusual events"),
    "save_and_load": ((19,), "names, paths, open files, parts, `purge`, `strict`; files edited by hand"),
    "subclassed_stock": ((5, 13), "subclasses of stock callbacks, `super()` called in every style"),
    "tensorboard_writer": ((5,), "a subclass of the TensorBoard writer"),
    "train_cli": ((22,), "a training script with `call_parse`"),
    "validation_batches": ((12, 7), "batch events of validation, predictions and single batches"),
    "value_types": ((9,), "`item()`, `float()`, formats and `isnan` on everything the events give"),
    "versions": ((24, 15), "what a version brought, from weak references to checked return values"),
    "vision_star": ((22, 5, 13), "a notebook of the course that needs only the basics"),
}
NEEDS = {"tensorboard_writer": "tensorboard"}
# Also in a process of their own, which is slow: it loads PyTorch each time.
ALONE = ("own_loss_dict", "vision_star")


def check(done):
    """The script ended well; what it printed stands in the failure if not."""
    assert done.status == 0, done.printed
    assert "Traceback" not in done.printed


@pytest.mark.parametrize("name", CASES)
def test_script_runs_as_it_stands(run_in_fork, tmp_path, name):
    if name in NEEDS and find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    check(run_in_fork([str(SCRIPTS / f"{name}.py")], tmp_path))


@pytest.mark.parametrize("name", ALONE)
def test_script_runs_in_a_process_of_its_own(run_alone, tmp_path, name):
    check(run_alone([str(SCRIPTS / f"{name}.py")], tmp_path))


def test_script_gets_its_arguments_and_gives_its_status(run_alone, tmp_path):
    arguments = ["--epochs", "2", "--hidden", "4", "--out", str(tmp_path), "--fail", "3"]
    done = run_alone([str(SCRIPTS / "train_cli.py"), *arguments], tmp_path)
    assert done.status == 3
    assert "DONE __main__ train_cli.py 2 4 0.01" in done.printed
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == ["history.csv", "net_0.pth", "net_1.pth"]


def test_module_runs_from_the_working_folder(run_in_fork, tmp_path):
    tmp_path.joinpath("project").mkdir()
    text = SCRIPTS.joinpath("train_cli.py").read_text(encoding="utf-8")
    tmp_path.joinpath("project", "train.py").write_text(text, encoding="utf-8")
    done = run_in_fork(["-m", "project.train", "--lr", "0.1"], tmp_path)
    check(done)
    assert "DONE __main__ train.py 1 8 0.1" in done.printed


def test_table_has_every_script():
    assert set(CASES) == {script.stem for script in SCRIPTS.glob("*.py")}


def test_every_point_is_covered():
    assert {point for points, _ in CASES.values() for point in points} == set(range(1, 25))


@pytest.mark.parametrize("name", CASES)
def test_script_knows_nothing_of_this_package(name):
    text = SCRIPTS.joinpath(f"{name}.py").read_text(encoding="utf-8")
    assert "fastloop" not in text
    assert "fastai" in text
