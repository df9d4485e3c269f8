"""What is installed here, to send with a report of an error, and what would make it faster."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata

import torch

from ..errors import NotOfferedError

__all__ = ["check_perf", "get_env", "pillow_version", "pypi_module_version_is_available", "show_install"]

_PACKAGES = ("fastloop_v1", "torch", "numpy", "tqdm", "matplotlib", "pandas", "IPython")


def pillow_version() -> str:
    """Return the version of Pillow.

    Raises:
        importlib.metadata.PackageNotFoundError: it is not installed.
    """
    return metadata.version("Pillow")


def get_env(name: str) -> str:
    """Return a variable of the environment, "Unknown" if it is not set or empty."""
    return os.environ.get(name) or "Unknown"


def show_install(show_nvidia_smi: bool = False) -> None:
    """Write versions, devices and system.

    Args:
        show_nvidia_smi: whether to write the output of `nvidia-smi` too, where there is one.
    """
    facts = {
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "cuda of torch": torch.version.cuda or "none",
        "gpus": ", ".join(_gpus()) or "none",
        "platform": platform.platform(),
        "conda env": get_env("CONDA_DEFAULT_ENV"),
        "python binary": sys.executable,
    }
    width = max(map(len, facts))
    lines = ["```text", *(f"{name:{width}} : {fact}" for name, fact in facts.items())]
    if show_nvidia_smi:
        lines.append(_nvidia_smi())
    sys.stdout.write("\n".join([*lines, "```", ""]))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _gpus() -> list[str]:
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _nvidia_smi() -> str:
    command = shutil.which("nvidia-smi")
    if command is None:
        return "no nvidia-smi is found"
    return subprocess.run([command], capture_output=True, text=True, check=False).stdout


def pypi_module_version_is_available(module: str, version: str) -> bool:
    """Not offered.

    Raises:
        NotOfferedError: always; nothing here asks a package index.
    """
    raise NotOfferedError(f"No index is asked; `python -m pip index versions {module}` lists the versions.")


def check_perf() -> None:
    """Write what there is to know about the speed of training here, a line for each fact."""
    gpu = torch.cuda.is_available()
    facts = [
        ("a GPU is used", gpu, "torch sees none; install a build of torch for yours"),
        (
            "float32 products may use TF32",
            not gpu or torch.get_float32_matmul_precision() != "highest",
            'call torch.set_float32_matmul_precision("high") if ten bits of mantissa are enough',
        ),
        (
            "cudnn looks for the fastest convolutions",
            not gpu or torch.backends.cudnn.benchmark,
            "set torch.backends.cudnn.benchmark = True if the sizes of batches do not change",
        ),
    ]
    for fact, is_so, advice in facts:
        sys.stdout.write(f"{fact}: {'yes' if is_so else f'no; {advice}'}\n")
