"""Checkpoints in a folder: written whole or not at all, checked when read, the newest intact one first."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from dataclasses_json import DataClassJsonMixin

from .. import __version__
from ..atomic_folder import atomic_folder
from ..checkpoint import load_state
from ..errors import FastloopError
from ..history import FileRecord
from .state_table import StateTable

__all__ = [
    "Checkpoint",
    "CheckpointFolder",
    "CheckpointManifest",
    "DamagedCheckpointError",
    "read_checkpoint",
    "read_manifest",
]

_SCHEMA = 1
_TENSORS, _STATE, _MANIFEST = "tensors.pth", "state.json", "manifest.json"
_NAME = re.compile(r"checkpoint-(\d{8,})")
_UNFINISHED = re.compile(r"\.checkpoint-\d{8,}\.[0-9a-f]+\.(tmp|old)")


class DamagedCheckpointError(FastloopError, ValueError):
    """A checkpoint is not what was written; nothing of it was used."""


@dataclass
class CheckpointManifest(DataClassJsonMixin):
    """What a checkpoint is, and what its files have to be.

    Attributes:
        serial: its number in the folder; a later checkpoint has a higher one, whatever the clock says.
        run: name of the run it belongs to, drawn when that started.
        fit: number of the fit in the run, from 0 on.
        epoch: epochs that are through.
        iteration: training batches that are through.
        batches: training batches of the epoch under way; 0 between epochs.
        ended: whether the fit had nothing left to train.
        files: size and digest of the other files, by name.
        not_kept: what was met and could not be written down, with its class.
        digest: SHA-256 of all this but the digest itself.
    """

    serial: int
    run: str
    fit: int
    epoch: int
    iteration: int
    batches: int
    ended: bool
    files: dict[str, FileRecord]
    not_kept: list[str]
    package_version: str = __version__
    torch_version: str = str(torch.__version__)
    python_version: str = field(default_factory=platform.python_version)
    schema_version: int = _SCHEMA
    digest: str = ""

    def own_digest(self) -> str:
        """Return the digest of everything but the digest."""
        content = {name: value for name, value in asdict(self).items() if name != "digest"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        manifest: what it is.
        tables: the tables of the training, and of the data, by name.
        place: plain values that say where in an epoch it is.
    """

    manifest: CheckpointManifest
    tables: dict[str, StateTable]
    place: dict[str, Any]


class CheckpointFolder:
    """A folder of checkpoints, made when first written to.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def paths(self) -> list[Path]:
        """Return the folders with the name of a checkpoint, the newest first."""
        if not self.path.is_dir():
            return []
        found = [path for path in self.path.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
        return sorted(found, key=_serial, reverse=True)

    def unfinished(self) -> list[Path]:
        """Return what writing left behind where it was cut short."""
        if not self.path.is_dir():
            return []
        return sorted(path for path in self.path.iterdir() if _UNFINISHED.fullmatch(path.name))

    def next_serial(self) -> int:
        """Return a number above that of every checkpoint here."""
        return max((_serial(path) for path in self.paths()), default=-1) + 1

    def write(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, and see that it can be read.

        Raises:
            UnwritablePathError: it cannot be written; nothing there has changed.
            DamagedCheckpointError: what stands on the disk is not what was written.
        """
        contents = {_TENSORS: _tensor_bytes(checkpoint.tables), _STATE: _state_bytes(checkpoint)}
        manifest = checkpoint.manifest
        manifest.files = {name: _record(content) for name, content in contents.items()}
        manifest.digest = manifest.own_digest()
        contents[_MANIFEST] = (manifest.to_json(indent=1) + "\n").encode()
        path = self.path / f"checkpoint-{manifest.serial:08d}"
        with atomic_folder(path, tuple(contents)) as made:
            for name, content in contents.items():
                (made / name).write_bytes(content)
        for _ in _checked_contents(path):
            continue
        return path

    def worth_keeping(self, newest: CheckpointManifest, count: int) -> list[Path]:
        """Return the checkpoints that should stay beside one that was just written.

        These are the `count` newest ones of its fit, the last one of each earlier fit of its run, the last
        one of the run before, and what cannot be read.
        """
        kept, seen = [], Counter[Any]()
        for path in self.paths():
            try:
                manifest = read_manifest(path)
            except DamagedCheckpointError:
                kept.append(path)
                continue
            own = manifest.run == newest.run
            group = (own, manifest.fit) if own else own
            most = count if group == (own, newest.fit) else 1
            if seen[group] < most:
                kept.append(path)
            seen[group] += 1
        return kept

    def keep(self, kept: list[Path]) -> None:
        """Remove every checkpoint but these, and what was left unfinished.

        A folder loses the name of a checkpoint before its files go, so that none is ever half there.
        """
        for path in [path for path in self.paths() if path not in kept]:
            gone = path.with_name(f".{path.name}.0.old")
            shutil.rmtree(gone, ignore_errors=True)
            try:
                path.rename(gone)
            except OSError:
                continue  # it stays, which harms nobody
            shutil.rmtree(gone, ignore_errors=True)
        for path in self.unfinished():
            shutil.rmtree(path, ignore_errors=True)


def _serial(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


# --- writing ------------------------------------------------------------------------------------------------


def _record(content: bytes) -> FileRecord:
    return FileRecord(len(content), hashlib.sha256(content).hexdigest())


def _tensor_bytes(tables: dict[str, StateTable]) -> bytes:
    file = io.BytesIO()
    named = {
        f"{name}/{key}": tensor for name, table in tables.items() for key, tensor in table.tensors.items()
    }
    torch.save({key: _own_memory(tensor) for key, tensor in named.items()}, file)
    return file.getvalue()


def _own_memory(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the CPU, without what else may lie in its memory."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.clone()


def _state_bytes(checkpoint: Checkpoint) -> bytes:
    tables = {
        name: {"roots": table.roots, "entries": table.entries} for name, table in checkpoint.tables.items()
    }
    content = {"schema_version": _SCHEMA, "place": checkpoint.place, "tables": tables}
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


# --- reading ------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> CheckpointManifest:
    """Return the manifest of a checkpoint, if it is as it was written.

    Raises:
        DamagedCheckpointError: it is not.
    """
    try:
        content = json.loads((path / _MANIFEST).read_bytes())
        version = content["schema_version"]
        if version != _SCHEMA:
            raise DamagedCheckpointError(f"{path} has schema version {version}; known here: {_SCHEMA}")
        manifest = CheckpointManifest.from_dict(content)
        if manifest.digest != manifest.own_digest() or manifest.serial != _serial(path):
            raise DamagedCheckpointError(f"{path} has a manifest that was changed")
    except DamagedCheckpointError:
        raise
    except Exception as error:
        raise DamagedCheckpointError(f"{path} has no manifest that can be read: {error!r}") from error
    return manifest


def _checked_contents(path: Path) -> Iterator[tuple[str, bytes]]:
    for name, record in read_manifest(path).files.items():
        try:
            content = (path / name).read_bytes()
        except OSError as error:
            raise DamagedCheckpointError(f"{path / name} cannot be read: {error}") from error
        if _record(content) != record:
            raise DamagedCheckpointError(f"{path / name} is not what was written: its digest is another")
        yield name, content


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in this folder.

    Raises:
        DamagedCheckpointError: any of its files is not what was written.
    """
    contents = dict(_checked_contents(path))
    if set(contents) != {_TENSORS, _STATE}:
        raise DamagedCheckpointError(f"{path} names {sorted(contents)} and not its two files")
    tensors = load_state(io.BytesIO(contents[_TENSORS]))
    state = json.loads(contents[_STATE])
    tables = {
        name: StateTable(table["roots"], table["entries"], _below(tensors, f"{name}/"))
        for name, table in state["tables"].items()
    }
    return Checkpoint(read_manifest(path), tables, state["place"])


def _below(tensors: dict[str, torch.Tensor], start: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
