"""`python -m fastloop_v1.launch`: a script run by several processes at once, one for each GPU."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated

import torch

from .errors import ArgumentError
from .script import Param, call_parse

__all__ = ["main"]


def _gpu_numbers(gpus: str) -> list[int]:
    if gpus == "all":
        numbers = list(range(torch.cuda.device_count()))
    else:
        parts = gpus.split(",") if "," in gpus else list(gpus)
        numbers = [int(part) for part in parts if part.isdecimal()]
        if len(numbers) != len(parts):
            numbers = []
    if not numbers:
        raise ArgumentError(
            f"gpus is {gpus!r}, which names no GPU of this machine; allowed are digits as 0123, numbers as "
            f"0,1,10, and all."
        )
    return numbers


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def _under_the_alias() -> list[str]:
    """The words of the command line that give a script `fastai`, if it has that name in this process."""
    has_alias = any(type(finder).__name__ == "AliasFinder" for finder in sys.meta_path)
    return ["-m", "fastloop_v1", "run", "--force"] if has_alias else []


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for all; when one fails end the others and leave with its code."""
    with ThreadPoolExecutor(len(processes)) as pool:
        codes = [pool.submit(process.wait) for process in processes]
        failed = next((code.result() for code in as_completed(codes) if code.result()), 0)
        for process in processes if failed else ():
            process.terminate()
    if failed:
        raise SystemExit(failed)


# Last in the file: run as a script, the decorator calls it here and now.
@call_parse
def main(
    gpus: Annotated[str, Param("GPUs to use, as 0123 or 0,1,10; all by default")] = "all",
    script: Annotated[str, Param("script to run", opt=False)] = "",
    args: Annotated[str | Sequence[str], Param("what to pass to the script", nargs="...", opt=False)] = "",
) -> None:
    """Run a script in one process for each GPU, with the environment that `setup_distrib` reads.

    The script gets `--gpu=NUMBER` and the arguments behind its name. When a process fails the others are
    ended.

    Args:
        gpus: digits, numbers with commas between, or `all`.
        script: path of the script.
        args: further arguments of the script.

    Raises:
        ArgumentError: there is no script, or `gpus` names none.
        SystemExit: a process failed; with its exit code.
    """
    if not script:
        raise ArgumentError("script is ''; it must be the path of a Python file.")
    numbers = _gpu_numbers(gpus)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "OMP_NUM_THREADS": "1"}
    shared |= {**os.environ, "WORLD_SIZE": str(len(numbers))}
    passed = [args] if isinstance(args, str) and args else list(args)
    processes = [
        subprocess.Popen(
            [sys.executable, "-u", *_under_the_alias(), script, f"--gpu={gpu}", *passed],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(gpu)},
        )
        for rank, gpu in enumerate(numbers)
    ]
    _wait(processes)
