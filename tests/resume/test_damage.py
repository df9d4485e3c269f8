"""Checkpoints that were damaged are never used: the newest intact one is, and a warning names the others."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from scenario import Scenario, Stop, Stopped, learner, outcome, train

from fastloop_v1.errors import ArgumentError, FastloopWarning, UnwritablePathError
from fastloop_v1.resume.checkpoint_folder import CheckpointFolder, DamagedCheckpointError, read_checkpoint
from fastloop_v1.resume.resuming import newest_checkpoint

FILES = ("tensors.pth", "state.json", "manifest.json")
OF = Scenario(every=2, augment=False, schedule="constant", table=False)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What an undisturbed training gives."""
    path = tmp_path_factory.mktemp("whole")
    learn = learner(path, OF)
    train(learn, OF)
    return outcome(learn)


@pytest.fixture(scope="module")
def _written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written")
    with pytest.raises(Stopped):
        train(learner(path, OF), OF, Stop("step_end", 12))
    return path


@pytest.fixture
def stopped(_written, tmp_path):
    """The folder of a learner that was stopped, with three checkpoints."""
    shutil.copytree(_written, tmp_path, dirs_exist_ok=True)
    return tmp_path


def _checkpoints(path):
    return CheckpointFolder(path / "models" / "checkpoints")


def _resumed(path):
    learn = learner(path, OF, seed=8)
    train(learn, OF, resume=True)
    return outcome(learn)


def _flip(path, draw):
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _cut(path, draw):
    path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])


def _lose(path, draw):
    path.unlink()


def _grow(path, draw):
    path.write_bytes(path.read_bytes() + draw.randbytes(draw.randint(1, 50)))


def _swap(path, draw):
    others = [each for each in path.parent.parent.glob(f"*/{path.name}") if each != path]
    if others:
        path.write_bytes(draw.choice(others).read_bytes())


def _zero(path, draw):
    content = bytearray(path.read_bytes())
    start = draw.randrange(len(content))
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.write_bytes(content)


DAMAGES = (_flip, _cut, _lose, _grow, _swap, _zero)


@pytest.mark.parametrize(
    ("name", "damage"),
    list(zip(FILES * 2, DAMAGES, strict=True)),
    ids=lambda one: getattr(one, "__name__", one),
)
def test_newest_intact_checkpoint_is_used_with_a_warning(stopped, expected, name, damage):
    newest = _checkpoints(stopped).paths()[0]
    damage(newest / name, random.Random(1))
    with pytest.warns(FastloopWarning, match=newest.name):
        assert _resumed(stopped) == expected


def _content(checkpoint):
    tables = checkpoint.tables
    return (
        checkpoint.place,
        {name: (table.roots, table.entries) for name, table in tables.items()},
        {
            f"{name}{key}": each.numpy().tobytes()
            for name in tables
            for key, each in tables[name].tensors.items()
        },
    )


def _damaged_at_random(folder, seed):
    draw = random.Random(seed)
    intact = {path.name: _content(read_checkpoint(path)) for path in _checkpoints(folder).paths()}
    for _ in range(draw.randint(1, 4)):
        damage = draw.choice(DAMAGES)
        path = draw.choice(_checkpoints(folder).paths()) / draw.choice(FILES)
        if path.is_file() and path.stat().st_size:
            damage(path, draw)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = newest_checkpoint(_checkpoints(folder))
        except DamagedCheckpointError:
            return
    name = f"checkpoint-{found.manifest.serial:08d}"
    newer = sorted(intact)[sorted(intact).index(name) + 1 :]
    assert _content(found) == intact[name]
    assert len(said) == len(newer)


@pytest.mark.parametrize("start", [0])
def test_damage_is_never_loaded_silently(stopped, tmp_path_factory, start):
    for seed in range(start, start + 25):
        folder = tmp_path_factory.mktemp("damaged")
        shutil.copytree(stopped, folder, dirs_exist_ok=True)
        _damaged_at_random(folder, seed)


@pytest.mark.exhaustive
def test_much_damage_is_never_loaded_silently(stopped, tmp_path_factory):
    for seed in range(1000, 3000):
        folder = tmp_path_factory.mktemp("damaged")
        shutil.copytree(stopped, folder, dirs_exist_ok=True)
        _damaged_at_random(folder, seed)
        shutil.rmtree(folder)


def test_training_does_not_start_afresh_over_damaged_checkpoints_only(stopped):
    for path in _checkpoints(stopped).paths():
        (path / "state.json").unlink()
    learn = learner(stopped, OF)
    before = outcome_of_model(learn)
    with (
        pytest.warns(FastloopWarning, match="damaged"),
        pytest.raises(DamagedCheckpointError, match="intact"),
    ):
        train(learn, OF, resume=True)
    assert outcome_of_model(learn) == before


def outcome_of_model(learn):
    """Its weights, to compare."""
    return [weight.tolist() for weight in learn.model.parameters()]


def test_unfinished_write_is_named_and_cleared_away(stopped, expected):
    folder = _checkpoints(stopped)
    newest = folder.paths()[0]
    left = newest.rename(newest.with_name(f".{newest.name}.0a1b2c.tmp"))
    with pytest.warns(FastloopWarning, match="unfinished"):
        assert _resumed(stopped) == expected
    assert not left.exists()


def test_clock_that_jumps_does_not_matter(stopped, expected):
    paths = _checkpoints(stopped).paths()
    for age, path in enumerate(paths):
        os.utime(path, (1e9 - age, 1e9 + age * 1e8))
    assert newest_checkpoint(_checkpoints(stopped)).manifest.iteration == 10
    assert _resumed(stopped) == expected


# --- disks --------------------------------------------------------------------------------------------------


counts_folders = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="pathlib of Python 3.10 makes folders past what is patched"
)


class Failing:
    """A disk on which so many calls work, and then some fail."""

    def __init__(self, monkeypatch, working, failing=12):
        self.left, self.failing = working, failing
        for name in ("fsync", "rename", "mkdir"):
            monkeypatch.setattr(os, name, self._around(getattr(os, name)))
        monkeypatch.setattr(Path, "write_bytes", self._around(Path.write_bytes))

    def _around(self, call):
        def limited(*args, **kwargs):
            self.left -= 1
            if -self.failing <= self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **kwargs)

        return limited


@pytest.mark.parametrize("working", range(14, 60, 15))
def test_full_disk_is_a_warning_and_training_ends_as_ever(tmp_path, monkeypatch, expected, working):
    learn = learner(tmp_path, OF)
    Failing(monkeypatch, working)
    with pytest.warns(FastloopWarning, match="could not be written"):
        train(learn, OF)
    assert outcome(learn) == expected
    assert not _checkpoints(tmp_path).unfinished()


@pytest.mark.parametrize("working", [20, 38, pytest.param(56, marks=counts_folders)])
def test_training_killed_on_a_full_disk_goes_on_from_the_last_checkpoint(
    tmp_path, monkeypatch, expected, working
):
    learn = learner(tmp_path, OF)
    with monkeypatch.context() as patched:
        Failing(patched, working, failing=10**6)
        with pytest.warns(FastloopWarning, match="could not be written"), pytest.raises(Stopped):
            train(learn, OF, Stop("step_end", 13))
    assert _resumed(tmp_path) == expected


@pytest.mark.parametrize("working", [0, 2, 4, 6, pytest.param(8, marks=counts_folders)])
def test_disk_that_is_full_in_the_beginning_is_an_error_before_training(tmp_path, monkeypatch, working):
    learn = learner(tmp_path, OF)
    before = outcome_of_model(learn)
    Failing(monkeypatch, working)
    with pytest.raises(UnwritablePathError, match="No space left"):
        train(learn, OF)
    assert outcome_of_model(learn) == before


def test_folder_that_cannot_be_written_is_an_error_before_training(tmp_path):
    learn = learner(tmp_path, OF)
    (tmp_path / "models").write_text("no folder")
    with pytest.raises(UnwritablePathError, match="cannot be written"):
        train(learn, OF)
    assert learn.recorder.losses == []


def test_path_without_a_checkpoint_is_an_error(tmp_path):
    for path in (tmp_path, tmp_path / "checkpoint-00000001", tmp_path / "nowhere"):
        with pytest.raises(ArgumentError, match="there is no"):
            train(learner(tmp_path / "run", OF), OF, resume=path)


def test_path_of_a_checkpoint_or_of_their_folder_is_gone_on_from(stopped, tmp_path_factory, expected):
    folder = _checkpoints(stopped)
    for path in (folder.path, str(folder.paths()[1])):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        learn = learner(elsewhere, OF, seed=2)
        train(learn, OF, resume=path)
        assert outcome(learn) == expected


@pytest.mark.parametrize("wrong", [3, 1.5, object()], ids=["3", "1.5", "an object"])
def test_anything_else_to_resume_from_is_an_error(tmp_path, wrong):
    with pytest.raises(ArgumentError, match="resume is"):
        train(learner(tmp_path, OF), OF, resume=wrong)
