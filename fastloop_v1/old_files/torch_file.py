"""The two formats of `torch.save`, taken apart: the pickle in the middle, and the numbers beside it.

The older format is several pickles in a row and then the numbers of each storage, the newer one a zip. Both
are read in memory; nothing is extracted, and no name in the file is used as a path. Storages are made only as
large as the file itself, whatever it declares.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections.abc import Callable
from pickle import UnpicklingError
from typing import IO, Any

import torch
from torch import Tensor
from torch.storage import TypedStorage

__all__ = ["STORAGE_TYPES", "ReadPickle", "Storages", "read_torch_file"]

ReadPickle = Callable[[IO[bytes], Callable[[Any], Any]], Any]

# A storage is asked for by the name of the class it had; what counts is the type of its numbers.
STORAGE_TYPES = {
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.BoolStorage": torch.bool,
    "torch.ByteStorage": torch.uint8,
    "torch.CharStorage": torch.int8,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.IntStorage": torch.int32,
    "torch.LongStorage": torch.int64,
    "torch.ShortStorage": torch.int16,
    "torch.storage.UntypedStorage": torch.uint8,
}

_MAGIC_NUMBER, _PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001
_ZIP_START = b"PK\x03\x04"


class Storages:
    """The storages of one file, made when the pickle asks for them.

    Args:
        device: where they go.
        size: bytes of the file, which all storages together cannot exceed.
        read: returns the bytes of a storage by its key; without it they come later, by `fill`.
    """

    def __init__(self, device: torch.device, size: int, read: Callable[[str], bytes] | None = None) -> None:
        self._device, self._left, self._read = device, size, read
        self._made: dict[str, tuple[Tensor, torch.dtype]] = {}

    def persistent(self, asked: Any) -> Any:
        """Return what an id outside the pickle stands for: a storage, or the class whose source it quotes.

        Raises:
            UnpicklingError: it stands for nothing a file may hold.
        """
        match asked:
            case ("module", kind, _, _):
                return kind
            case ("storage", torch.dtype() as dtype, str(key), _, int(count), *more):
                if dtype in STORAGE_TYPES.values() and more in ([], [None]):
                    return self._storage(dtype, key, count)
        raise UnpicklingError("an id in it stands for no storage")

    def _storage(self, dtype: torch.dtype, key: str, count: int) -> TypedStorage:
        if key not in self._made:
            flat = self._new(count * dtype.itemsize)
            self._made[key] = flat, dtype
            if self._read is not None:
                self.fill(key, self._read(key))
        flat, declared = self._made[key]
        if declared != dtype:
            raise UnpicklingError(f"its storage {key} has two types")
        made: TypedStorage = TypedStorage(  # type: ignore[no-untyped-call]
            wrap_storage=flat.untyped_storage(), dtype=dtype, _internal=True
        )
        return made

    def _new(self, size: int) -> Tensor:
        """Return `size` bytes to fill, if the file can hold as many."""
        if not 0 <= size <= self._left:
            raise UnpicklingError(f"it declares {size} bytes of numbers, more than it holds")
        self._left -= size
        return torch.empty(size, dtype=torch.uint8, device=self._device)

    def fill(self, key: str, numbers: bytes) -> None:
        """Put the bytes of a storage, lowest first within a number, where its tensors look for them.

        Raises:
            UnpicklingError: there are more or fewer than declared.
        """
        flat, dtype = self._made[key]
        if len(numbers) != flat.numel():
            raise UnpicklingError(f"its storage {key} has {len(numbers)} bytes, not {flat.numel()}")
        if numbers:
            own = torch.frombuffer(bytearray(numbers), dtype=torch.uint8)
            if sys.byteorder == "big":
                own.untyped_storage().byteswap(dtype)  # type: ignore[no-untyped-call]
            # A bool of another byte than 0 or 1 is none.
            flat.copy_(own.clamp_(max=1) if dtype is torch.bool else own)

    def item_size(self, key: str) -> int:
        """Return the bytes a number takes in a storage."""
        return self._made[key][1].itemsize

    def keys(self) -> set[str]:
        """Return the keys asked for so far."""
        return set(self._made)


def read_torch_file(content: bytes, device: torch.device, read_pickle: ReadPickle) -> Any:
    """Return the object in the bytes of a file of `torch.save`, its tensors on `device`.

    Args:
        content: the file.
        device: where storages go.
        read_pickle: reads one pickle from an open file, given a function that answers persistent ids.

    Raises:
        UnpicklingError: the content is of neither format, or damaged. Damage also shows in other errors.
    """
    if content.startswith(_ZIP_START):
        return _read_zip(content, device, read_pickle)
    return _read_older(content, device, read_pickle)


def _read_older(content: bytes, device: torch.device, read_pickle: ReadPickle) -> Any:
    file, storages = io.BytesIO(content), Storages(device, len(content))
    numbers = [read_pickle(file, _no_ids) for _ in range(2)]
    if numbers != [_MAGIC_NUMBER, _PROTOCOL_VERSION]:
        raise UnpicklingError("it was not written by torch.save")
    read_pickle(file, _no_ids)  # sizes of C types where it was written
    found = read_pickle(file, storages.persistent)
    keys = read_pickle(file, _no_ids)
    if type(keys) is not list or not all(type(key) is str for key in keys) or set(keys) != storages.keys():
        raise UnpicklingError("its list of storages does not fit what it holds")
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        storages.fill(key, file.read(max(count, 0) * storages.item_size(key)))
    return found


def _no_ids(asked: Any) -> Any:
    raise UnpicklingError("an id stands where none can be")


def _read_zip(content: bytes, device: torch.device, read_pickle: ReadPickle) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        folder = _folder(archive)
        if f"{folder}/byteorder" in archive.namelist() and archive.read(f"{folder}/byteorder") != b"little":
            raise UnpicklingError("its numbers have the highest byte first")

        def read(key: str) -> bytes:
            return archive.read(f"{folder}/data/{key}")

        storages = Storages(device, len(content), read)
        return read_pickle(io.BytesIO(archive.read(f"{folder}/data.pkl")), storages.persistent)


def _folder(archive: zipfile.ZipFile) -> str:
    """Return the one folder all records are in, none of them packed."""
    folders = {record.filename.partition("/")[0] for record in archive.infolist()}
    packed = [record for record in archive.infolist() if record.compress_type != zipfile.ZIP_STORED]
    parts = {part for record in archive.infolist() for part in record.filename.split("/")}
    if len(folders) != 1 or packed or not parts.isdisjoint({"", ".", ".."}):
        raise UnpicklingError("it is a zip, but not one of torch.save")
    return folders.pop()
