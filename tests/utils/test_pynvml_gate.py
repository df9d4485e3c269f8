from __future__ import annotations

import pytest

from fastloop_v1.errors import NotOfferedError
from fastloop_v1.utils.pynvml_gate import libLoadLock, load_pynvml_env, nvmlLib


def test_library_is_not_loaded():
    assert nvmlLib is None
    assert not libLoadLock.locked()
    with pytest.raises(NotOfferedError, match="mem_get_info"):
        load_pynvml_env()
