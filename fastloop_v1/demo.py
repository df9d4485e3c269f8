"""The demonstration: a small net learns handwritten digits, and what was measured is kept in files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryFile
from textwrap import fill
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .atomic_file import atomic_write
from .basic_train import Learner
from .datasets import digits
from .errors import ArgumentError, MissingExtraError, UnwritablePathError
from .history import RunManifest
from .layers import PoolFlatten, conv_layer
from .metrics import accuracy
from .plots import plot_confusion_matrix, plot_losses, plot_lr_find, plot_schedule
from .progress import master_bar
from .randomness import set_all_seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .recorder import Recorder

__all__ = ["digits_net", "run_demo"]

_Say = Callable[[str], object]

# Images that `digits` leaves for training; of a larger batch there would be none.
_MOST_BS = 1438
_MOST_SEED = 2**32 - 1
# v1's two rules and the one fastai v2 takes by default.
_RULES = ("steepest", "minimum", "valley")


def digits_net() -> nn.Sequential:
    """Return a net of three convolutions: images (batch, 1, 8, 8) to scores (batch, 10)."""
    return nn.Sequential(
        conv_layer(1, 16),
        conv_layer(16, 32),
        nn.MaxPool2d(2),
        conv_layer(32, 64),
        PoolFlatten(),
        nn.Linear(64, 10),
    )


def run_demo(out: Path, *, epochs: int, lr: float, bs: int, seed: int, say: _Say | None = None) -> float:
    """Train a small net on the digits, write what was measured, and return the accuracy, 0 to 1.

    The global random numbers are seeded. Files of the same names in the folder are replaced.

    Args:
        out: folder for the files; made if it is not there.
        epochs: epochs of training, at least 1.
        lr: highest learning rate, above 0.
        bs: images in a batch, 1 to 1438.
        seed: of all random numbers, and of the split into training and validation, 0 to 2**32 - 1.
        say: gets each line about what goes on; None shows nothing: no lines, no table, no bars.

    Raises:
        ArgumentError: a value outside what is allowed.
        UnwritablePathError: no file can be written in `out`; this is found before training.
    """
    _check_values(epochs=epochs, lr=lr, bs=bs, seed=seed)
    _make_folder(out)
    started, clock = datetime.now(timezone.utc), perf_counter()
    set_all_seed(seed)
    learn = _learner(out, bs, seed, silent=say is None)
    tell = say or _say_nothing
    with _one_thread():
        found = _train(learn, epochs, lr, tell)
        files = [*_write_numbers(learn, out), *_write_pictures(learn, found, out, tell)]

    seconds = perf_counter() - clock
    arguments = {"epochs": epochs, "lr": lr, "bs": bs, "seed": seed, "out": str(out)}
    run = RunManifest.of_run(arguments, files, started=started, seconds=seconds, seed=seed)
    run.save_json(out / "run.json")
    reached = float(learn.recorder.metrics[-1][0])
    tell(f"\nAccuracy {reached:.4f} on images not trained on, after {seconds:.0f} s.")
    names = ", ".join([*(file.name for file in files), "run.json"])
    tell(f"Written to {out}:\n{fill(names, 78, initial_indent='  ', subsequent_indent='  ')}")
    return reached


def _check_values(*, epochs: int, lr: float, bs: int, seed: int) -> None:
    """Raise the error that names the argument, its value and what is allowed, unless all are allowed."""
    for name, value, allowed, is_allowed in (
        ("epochs", epochs, "at least 1", epochs >= 1),
        ("lr", lr, "a finite number above 0", 0 < lr < math.inf),
        ("bs", bs, f"from 1 to {_MOST_BS}", 1 <= bs <= _MOST_BS),
        ("seed", seed, f"from 0 to {_MOST_SEED}", 0 <= seed <= _MOST_SEED),
    ):
        if not is_allowed:
            raise ArgumentError(f"{name} is {value}; it must be {allowed}.")


def _make_folder(out: Path) -> None:
    """Make the folder and see whether a file can be written in it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=out).close()
    except OSError as error:
        reason = error.strerror or error
        raise UnwritablePathError(f"out is {out}; no file can be written there: {reason}.") from error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have torch compute in one thread: with batches this small, several wait longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _say_nothing(line: str) -> None:
    """Drop a line."""


def _learner(out: Path, bs: int, seed: int, *, silent: bool) -> Learner:
    """Return the net, not trained yet, with the digits; it saves into the folder itself."""
    return Learner(
        digits(bs=bs, seed=seed),
        digits_net(),
        loss_func=nn.CrossEntropyLoss(),
        metrics=[accuracy],
        path=out,
        model_dir=".",
        silent=silent,
    )


def _train(learn: Learner, epochs: int, lr: float, tell: _Say) -> Recorder:
    """Find and tell learning rates, then train; return what the search measured."""
    train, valid = len(learn.data.train_ds), len(learn.data.valid_ds)
    tell(f"{train + valid} handwritten digits, 8 x 8 pixels each: {train} to train on, {valid} to validate.")
    tell("\nlr_find(): up to 100 batches with a rising learning rate, not validated, then undone")
    learn.lr_find()
    found: Recorder = learn.recorder
    suggested = ", ".join(f"{rate:.1e} ({rule})" for rule, rate in _suggestions(found).items())
    tell(f"\nlr_find suggests {suggested or 'nothing'}. This run takes {lr:.1e}.")
    tell(f"\nfit_one_cycle({epochs}, {lr:g})")
    learn.fit_one_cycle(epochs, lr)
    return found


def _suggestions(found: Recorder) -> dict[str, float]:
    return {rule: rate for rule, rate in found.suggestions().items() if rule in _RULES}


def _write_numbers(learn: Learner, out: Path) -> list[Path]:
    """Write history and model and return their files."""
    history = learn.recorder.history()
    history.save_json(out / "history.json")
    history.save_csv(out / "history.csv")
    return [out / "history.json", out / "history.csv", learn.save("model", return_path=True)]


def _write_pictures(learn: Learner, found: Recorder, out: Path, tell: _Say) -> list[Path]:
    """Draw and write the pictures and return their files; without matplotlib tell how to get it."""
    files = []
    try:
        for name, figure in _pictures(learn, found):
            files.append(out / f"{name}.png")
            with atomic_write(files[-1]) as file:
                figure.savefig(file, format="png", dpi=150)
    except MissingExtraError as error:
        tell(f"\nNo pictures: {error}")
    return files


def _pictures(learn: Learner, found: Recorder) -> Iterator[tuple[str, Figure]]:
    """Each picture with its name; drawn one by one."""
    tried = slice(10, -5)  # what `suggestions` looks at
    yield "lr_find", plot_lr_find(found.lrs[tried], found.losses[tried], _suggestions(found))
    recorder = learn.recorder
    ends = [sum(recorder.nb_batches[: i + 1]) for i in range(len(recorder.nb_batches))]
    yield "losses", plot_losses(recorder.losses, ends, recorder.val_losses)
    yield "schedule", plot_schedule(recorder.lrs, recorder.moms)
    yield "confusion_matrix", plot_confusion_matrix(_confusion(learn), learn.data.classes, figsize=(5.5, 5.5))


def _confusion(learn: Learner) -> Any:
    """Count the validation images, (actual, predicted)."""
    scores, targets = learn.get_preds(pbar=master_bar((), silent=True))
    classes = scores.shape[1]
    pairs = targets.long() * classes + scores.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
