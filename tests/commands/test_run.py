"""A script runs as Python itself would run it, and `import fastai` gives this package."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastloop_v1.commands.run import add_parser

ROOT = Path(__file__).parents[2]
COMMAND = ("-m", "fastloop_v1", "run")
LOOKS = """\
import atexit, inspect, os, pickle, sys, threading
import neighbour

class Own:
    pass

def late():
    print("late", pickle.loads(pickle.dumps(Own())).__class__ is Own, sys.modules["__main__"].Own is Own)

atexit.register(late)
threading.Timer(0.05, late).start()
print(__name__, __file__, __spec__, __doc__, sys.argv, sys.path[0])
print(inspect.getsource(Own), [name for name in globals() if name.startswith("__")] != [])
"""
# Scripts that end in some way; beside Python itself the output, the errors and the status are the same.
ENDINGS = {
    "all is well": LOOKS,
    "error with a cause": (
        "def inner():\n    raise OSError('no disk')\ntry:\n    inner()\nexcept OSError as e:\n"
        "    raise RuntimeError('stopped') from e\n"
    ),
    "syntax error": "x = 1\ny = = 2\n",
    "exit with words": "raise SystemExit('no data')\n",
}
MORE_ENDINGS = {
    "error in the context of another": "try:\n    1 / 0\nfinally:\n    open('/no/such/file')\n",
    "error in an import": "import broken\n",
    "exit with a number": "import sys\nsys.exit(3)\n",
    "own hook": "import sys\nsys.excepthook = lambda *error: print('own', error[0])\nraise KeyError\n",
    "broken pipe": "raise BrokenPipeError(32, 'gone')\n",
}
MAIN = """
import torch.multiprocessing as mp
from fastai.vision import *

class Squares(Dataset):
    def __len__(self): return 8
    def __getitem__(self, i): return torch.tensor([float(i)]), torch.tensor([float(i * i)])

class Seen(LearnerCallback):
    def on_train_end(self, **kwargs): print("seen", kwargs["exception"])

def loss_batch(*args, **kwargs):
    print("own loss_batch")
    return original(*args, **kwargs)

if __name__ == "__main__":
    import fastai
    original, fastai.basic_train.loss_batch = fastai.basic_train.loss_batch, loss_batch
    for method in mp.get_all_start_methods():
        dls = [DataLoader(Squares(), 4, num_workers=1, multiprocessing_context=method) for _ in range(2)]
        learn = Learner(DataBunch(*dls), nn.Linear(1, 1), loss_func=F.mse_loss, callback_fns=[Seen])
        learn.fit(1, 1e-3)
"""


def started(arguments, folder, **options):
    """Start Python in a folder."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finished(arguments, folder):
    """Run Python in a folder; return exit status, output and errors."""
    with started(arguments, folder) as child:
        out, err = child.communicate()
    return child.returncode, out, err


@pytest.fixture
def folder(tmp_path):
    """A folder with a package to run."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys\nprint('main', sys.argv[1:])\n", encoding="utf-8")
    (package / "part.py").write_text(
        "import sys\nprint(__name__, __spec__.name, sys.argv, sys.path[0])\nraise ValueError\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize("script", ENDINGS.values(), ids=ENDINGS)
def test_script_ends_as_it_does_in_python(script, folder):
    _compare(script, folder)


@pytest.mark.slow
@pytest.mark.parametrize("script", MORE_ENDINGS.values(), ids=MORE_ENDINGS)
def test_script_ends_as_it_does_in_python_in_other_ways(script, folder):
    _compare(script, folder)


def _compare(script, folder):
    inside = folder / "sub"
    inside.mkdir()
    (inside / "script.py").write_text(script, encoding="utf-8")
    (inside / "neighbour.py").touch()
    (inside / "broken.py").write_text("import json\njson.loads('{')\n", encoding="utf-8")
    arguments = [os.path.join("sub", "script.py"), "--help", "-m", "--force", "--", "last"]
    assert finished([*COMMAND, *arguments], folder) == finished(arguments, folder)
    assert not (inside / "__pycache__").exists()


def test_module_runs_as_python_runs_it(folder):
    status, out, err = finished([*COMMAND, "-m", "package.part", "-x"], folder)
    expected_status, expected_out, expected_err = finished(["-m", "package.part", "-x"], folder)
    assert (status, out) == (expected_status, expected_out) != (0, "")
    # Python itself shows its own frames above those of the module.
    assert "runpy" not in err
    assert err.splitlines()[1:] == expected_err.splitlines()[-3:]


@pytest.mark.parametrize("arguments", [["-m", "package", "a"], ["package", "a"]], ids=["module", "folder"])
def test_package_runs_by_its_main(arguments, folder):
    assert finished([*COMMAND, *arguments], folder) == (0, "main ['a']\n", "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.py"], "script is 'none.py'; there is no such file."),
        (["-m", "none"], "script is 'none'; No module named none."),
    ],
    ids=["file", "module"],
)
def test_missing_script_is_one_line_and_status_2(arguments, line, folder):
    assert finished([*COMMAND, *arguments], folder) == (2, "", f"fastloop-v1: error: {line}\n")


def test_interrupt_shows_the_traceback_and_gives_130(folder):
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    (folder / "script.py").write_text(f"{code}print('ready', flush=True)\ntime.sleep(60)\n", encoding="utf-8")
    with started([*COMMAND, "script.py"], folder) as child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        err = child.communicate()[1]
    assert child.returncode == 130
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert "fastloop_v1" not in err


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the three start methods are those of POSIX")
def test_training_with_workers_of_every_kind_runs_unmodified(folder):
    (folder / "script.py").write_text(MAIN, encoding="utf-8")
    status, out, err = finished([*COMMAND, "script.py"], folder)
    assert (status, err) == (0, "")
    assert out.count("seen False") == 3
    assert out.count("own loss_batch") == 3 * 4


def test_fastai_beside_the_script_is_not_hidden_unasked(folder):
    (folder / "fastai.py").write_text("__version__ = 'mine'\n", encoding="utf-8")
    (folder / "script.py").write_text("import fastai\nprint(fastai.__version__)\n", encoding="utf-8")
    status, out, err = finished([*COMMAND, "script.py"], folder)
    assert (status, out) == (2, "")
    assert err.startswith("fastloop-v1: error: force is False and fastai (")
    assert str(folder / "fastai.py") in err
    assert finished([*COMMAND, "--force", "script.py"], folder) == (0, "1.0.61\n", "")


def test_launcher_of_v1_starts_processes_that_have_fastai(folder):
    script = (
        "import fastai.script, os\n@fastai.script.call_parse\ndef main(gpu: int = -1, lr: float = 0.1):\n"
    )
    (folder / "script.py").write_text(
        f"{script}    print(gpu, lr, os.environ['WORLD_SIZE'])\n", encoding="utf-8"
    )
    arguments = ["-m", "fastai.launch", "--gpus=0", "script.py", "--lr=0.5"]
    assert finished([*COMMAND, *arguments], folder) == (0, "0 0.5 1\n", "")


def test_options_after_the_script_are_the_scripts():
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(required=True))
    options = parser.parse_args(["run", "--force", "train.py", "--force", "-m", "x"])
    assert (options.force, options.as_module, options.script) == (True, False, "train.py")
    assert options.arguments == ["--force", "-m", "x"]
