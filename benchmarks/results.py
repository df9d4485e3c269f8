"""Records in a file of JSON lines; the machine they are from stands in front of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from .rounds import Record

__all__ = ["append", "read"]


def append(path: Path, records: Iterable[Mapping[str, object]]) -> None:
    """Write records behind those that a file has."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def read(paths: Iterable[Path]) -> tuple[dict[str, str], list[Record]]:
    """Return the last machine named in the files, and all records; rounds of different runs stay apart.

    Raises:
        ValueError: a line is not JSON, or no record.
        OSError: a file cannot be read.
    """
    facts: dict[str, str] = {}
    records: list[Record] = []
    run = 0
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            record = _parsed(line, f"{path}, line {number}")
            if "machine" in record:
                facts, run = record["machine"], run + 1
            else:
                records.append(record | {"round": f"{run} {record['round']}"})
    return facts, records


def _parsed(line: str, where: str) -> Record:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where} is not JSON: {error}.") from None
    if not isinstance(record, dict) or not ("machine" in record or "round" in record):
        raise ValueError(f"{where} is no record of a benchmark.")
    return record
