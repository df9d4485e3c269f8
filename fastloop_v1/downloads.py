"""Download of a file over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from .atomic_file import atomic_write
from .errors import ArgumentError
from .progress import progress_bar

__all__ = ["download_url"]


def download_url(
    url: str,
    dest: str | os.PathLike[str],
    overwrite: bool = False,
    pbar: Any = None,
    show_progress: bool = True,
    chunk_size: int = 1024 * 1024,
    timeout: int = 4,
    retries: int = 5,
) -> None:
    """Download a file, unless it is there; a download that breaks off leaves nothing behind.

    Args:
        url: address that begins with `http://` or `https://`.
        dest: the file to write.
        overwrite: download also when the file is there.
        pbar: master bar on whose screen the progress is shown.
        show_progress: show a progress bar.
        chunk_size: bytes read at a time.
        timeout: seconds without an answer after which an attempt is given up.
        retries: attempts after the first, with 0.1, 0.2, 0.4, ... seconds between.

    Raises:
        ArgumentError: another kind of address.
        OSError: no attempt worked; `urllib.error.HTTPError` with the status if the server refused.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ArgumentError(f"url={url!r}: allowed are addresses that begin with http:// or https://.")
    if Path(dest).exists() and not overwrite:
        return
    with _answer(url, timeout, retries) as answer, atomic_write(dest, "wb") as file:
        chunks = iter(lambda: answer.read(chunk_size), b"")
        for chunk in _with_bar(chunks, answer, chunk_size, pbar, show=show_progress):
            file.write(chunk)
        if answer.length:
            raise ConnectionError(f"{url} broke off {answer.length} bytes before its end.")


def _answer(url: str, timeout: int, retries: int) -> Any:
    for attempt in range(retries):
        try:
            return urlopen(url, timeout=timeout)
        except HTTPError:
            raise
        except URLError:
            sleep(0.1 * 2**attempt)
    return urlopen(url, timeout=timeout)


def _with_bar(chunks: Iterator[bytes], answer: IO[bytes], chunk_size: int, pbar: Any, *, show: bool) -> Any:
    size = getattr(answer, "length", None)
    total = None if size is None else -(-size // chunk_size)
    return progress_bar(chunks, total=total, parent=pbar, leave=False, display=show)
