"""The part of a page between two markers, written anew."""

from __future__ import annotations

from pathlib import Path

from fastloop_v1.atomic_file import atomic_write

__all__ = ["BEGIN", "END", "check_page", "write_between"]

BEGIN, END = "<!-- results -->", "<!-- /results -->"


def check_page(path: Path) -> None:
    """Make sure that a page can be written.

    Raises:
        ValueError: it has not each marker once, in order.
        OSError: it cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    once = text.count(BEGIN) == text.count(END) == 1
    if not once or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path} needs the lines {BEGIN} and {END}, once each and in this order.")


def write_between(path: Path, results: str) -> None:
    """Replace what stands between the markers of a page.

    Raises:
        ValueError: it has not each marker once, in order.
        OSError: it cannot be read or written.
    """
    check_page(path)
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with atomic_write(path, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{results.strip()}\n\n{END}{after}")
