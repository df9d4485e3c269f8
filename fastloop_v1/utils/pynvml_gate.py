"""v1's way to NVIDIA's management library, which torch's own numbers have replaced."""

from __future__ import annotations

from threading import Lock
from typing import Any

from ..errors import NotOfferedError

__all__ = ["libLoadLock", "load_pynvml_env", "nvmlLib"]

nvmlLib = None
libLoadLock = Lock()


def load_pynvml_env() -> Any:
    """Not offered.

    Raises:
        NotOfferedError: always; `torch.cuda.mem_get_info` and `utils.mem.gpu_mem_get` need no library.
    """
    raise NotOfferedError(
        "pynvml is not used; call torch.cuda.mem_get_info(), or gpu_mem_get() of fastloop_v1.utils.mem."
    )
